/* SPDX-License-Identifier: MIT */
/*
 * Processes: an address space, a handle table, a quota, threads. A process takes its
 * quota out of its parent's, and ends when the parent does: what was lent is given back.
 *
 * The life of a process: it is made, it ends (process_finish: at once no thread of it
 * runs any more; process_reap, before the kernel is left, takes its threads, handles and
 * children), and when nobody holds it any more, its memory goes too. Handles and threads
 * that have not ended hold a process. What was charged to it and is held by others, like
 * an ended thread, outlives it: the first frame, with the quota, stays as long.
 */
#ifndef KERNEL_PROCESS_H
#define KERNEL_PROCESS_H

#include <limen/abi.h>

#include "handle.h"
#include "space.h"

struct process {
    struct object object;
    struct quota quota;
    struct space space;
    struct handle_table handles;
    struct list children;   /* [k] those that have not ended */
    struct list sibling;    /* [k] in parent->children, until it ends */
    struct list threads;    /* [k] those that have not ended */
    uint32_t thread_count;  /* [k] */
    struct list waiters;    /* [k] threads in process_wait */
    struct list work;       /* [k] among those that ended, or that nobody holds */
    struct process_end end; /* [k] reason is 0 until it has ended */
    struct endpoint *fault_endpoint; /* [k] held: is asked about faults, or NULL */
    uint8_t priority_max;            /* [k] that its threads can be given */
    uint8_t *io_bitmap[2]; /* [k] owned: pages, a 0 bit opens the port; or NULL */
};

/* Behind the process in its page: the first slots of its handle table. */
#define PROCESS_SLOTS_OFFSET ((sizeof(struct process) + 15) & ~(size_t)15)
#define PROCESS_FIRST_SLOTS \
    ((PAGE_SIZE - PROCESS_SLOTS_OFFSET) / sizeof(struct handle_slot))

/* Makes an empty process of `pages` pages out of the parent's quota (NULL: out of the
 * machine); NULL if that is too much. The caller holds it. */
[[nodiscard]] struct process *process_create(struct process *parent, uint32_t pages);

/* Object's end: the process's memory goes when the kernel is left. */
void process_destroy(struct process *process);

/* The process ends in this way, if it has not ended before. */
void process_finish(struct process *process, const struct process_end *end);

/* Does what the end of processes left to do. */
void process_reap(void);

uint32_t process_count(void);

/* Finds the process, borrowed, behind a handle of the running thread's process with those
 * rights; HANDLE_SELF has all. -EBADF, -EPERM. */
[[nodiscard]] long process_look(handle_t handle, uint32_t rights,
                                struct process **process);

#endif
