/* SPDX-License-Identifier: MIT */
/*
 * Signals that wait to be taken, of a thread or of the process. A signal below
 * SIGNAL_QUEUED waits once, whatever happens meanwhile; from there on as often as it was
 * sent, in that order, each with its value. Pure logic: its owner holds the lock.
 */
#ifndef SHIM_SIGNAL_QUEUE_H
#define SHIM_SIGNAL_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#define SIGNAL_COUNT 64
#define SIGNAL_QUEUED 32        /* the first of which more than one can wait */
#define SIGNAL_BIT(number) (1ull << ((number) - 1))

/* The part of Linux's siginfo_t that is ever used; the rest of it is zeros. */
struct signal_info {
    int32_t number;
    int32_t error;
    int32_t code;
    int32_t words[3];           /* pid, uid, value; or timer, overrun, value */
};

struct signal_entry {
    struct signal_entry *next;
    struct signal_info info;
    bool kept;                  /* of a timer, and not given back: */
    bool queued;
    int32_t delivered;          /* overrun in the last one that was taken */
};

struct signal_queue {
    uint64_t set;               /* signals that wait */
    struct signal_entry *first; /* what is known of them, the oldest first */
    struct signal_entry **last; /* null: as if it were &first */
};

/* Whether one more of a signal would tell nothing new. */
bool signal_queue_has(const struct signal_queue *queue, int number);

/* Adds a signal. Without an entry, for which there was no memory, nothing is known of
 * it but its number. */
void signal_queue_add(struct signal_queue *queue, int number, struct signal_entry *entry);

/* Takes the oldest of a signal that waits; answers its entry, or null. */
struct signal_entry *signal_queue_take(struct signal_queue *queue, int number);

/* Takes out an entry that is queued there. */
void signal_queue_drop(struct signal_queue *queue, struct signal_entry *entry);

/* The lowest signal of a set that is not empty. */
static inline int signal_lowest(uint64_t set)
{
    uint32_t low = (uint32_t)set;
    return low ? __builtin_ctz(low) + 1 : __builtin_ctz((uint32_t)(set >> 32)) + 33;
}

#endif
