/* SPDX-License-Identifier: MIT */
/*
 * Threads that wait on a word of their process's memory. Those of one word form a ring in
 * the order of their coming; the first of each ring stands in one hash table for all
 * processes. What falls into one bucket is a digital search tree (a node's children
 * differ in the key's next bit): to enter, to leave and to find a word costs the same
 * with any number of waiters, and no more than a key has bits where somebody chose words
 * of one bucket.
 */
#ifndef KERNEL_FUTEX_H
#define KERNEL_FUTEX_H

#include <limen/types.h>
#include <stdint.h>

struct process;
struct thread;

enum futex_place {
    FUTEX_NONE,
    FUTEX_FIRST, /* in the table */
    FUTEX_BEHIND,
};

struct futex_waiter {
    struct thread *below[2]; /* if FUTEX_FIRST: in its bucket's tree */
    uint32_t address;        /* of the word */
};

/* How much memory the table takes on a machine of so many frames. */
uint32_t futex_table_size(uint32_t frames);

/* Begins with nobody waiting; the table is of that size. */
void futex_init(void *table, uint32_t size);

/* Whether it is a word that user mode may have: aligned, below the kernel. */
[[nodiscard]] long futex_check(struct user_ptr word);

/* Puts a thread, which is in no list, behind the others that wait on the word. */
void futex_join(struct thread *thread, uint32_t address);

/* Takes a thread that waits from its word. */
void futex_leave(struct thread *thread);

/* Takes the thread that has waited longest on the process's word from it, or NULL. */
struct thread *futex_take(const struct process *process, uint32_t address);

#endif
