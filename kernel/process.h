/* SPDX-License-Identifier: MIT */
/*
 * Processes: an address space, a handle table, a quota, threads. A process takes its
 * quota out of its parent's, and ends when the parent does: what was lent is given back.
 *
 * The life of a process: it is made, it ends (process_finish: when the kernel is left no
 * thread of it or its children runs any more; process_reap takes its handles), and when
 * nobody holds it any more, its memory goes too. Handles and threads that have not ended
 * hold a process. What was charged to it and is held by others, like
 * an ended thread, outlives it: the first frame, with the quota, stays as long.
 */
#ifndef KERNEL_PROCESS_H
#define KERNEL_PROCESS_H

#include <limen/abi.h>

#include "cpu.h"
#include "handle.h"
#include "space.h"
#include "watch.h"

struct process {
    struct object object;
    struct quota quota;
    struct space space;
    struct handle_table handles;
    struct list children;   /* [k] those that have not ended */
    struct list sibling;    /* [k] in parent->children, until it ends */
    struct list threads;    /* [k] those that have not ended */
    uint32_t thread_count;  /* [k] */
    struct list proxies;    /* [k] threads that wait for its requests */
    struct list waiters;    /* [k] threads in process_wait */
    struct list work;       /* [k] in process.c's lists, while there is work to be done */
    struct watch watch;     /* [k] */
    struct process_end end; /* [k] reason is 0 until it has ended */
    struct endpoint *fault_endpoint; /* [k] held: is asked about faults, or NULL */
    uint8_t priority_max;            /* [k] that its threads can be given */
    uint8_t *io_bitmap[2]; /* [k] owned: pages, a 0 bit opens the port; or NULL */
};

/* Behind the process in its page: the first slots of its handle table. */
#define PROCESS_SLOTS_OFFSET ((sizeof(struct process) + 15) & ~(size_t)15)
#define PROCESS_FIRST_SLOTS \
    ((PAGE_SIZE - PROCESS_SLOTS_OFFSET) / sizeof(struct handle_slot))

static inline struct handle_slot *process_first_slots(struct process *process)
{
    return (struct handle_slot *)((char *)process + PROCESS_SLOTS_OFFSET);
}

/* Makes an empty process of `pages` pages out of the parent's quota (NULL: out of the
 * machine); NULL if that is too much. The caller holds it. */
[[nodiscard]] struct process *process_create(struct process *parent, uint32_t pages);

/* Object's end: the process's memory goes when the kernel is left. */
void process_destroy(struct process *process);

/* The process ends in this way, if it has not ended before. */
void process_finish(struct process *process, const struct process_end *end);

/* Does a piece of what the end of processes and objects left to do; true if more is left.
 * Whoever ended them goes on until that is done, others that leave the kernel do a piece
 * each, and an idle processor all. Who wants to know how much memory is used or free, how
 * a process ended, or finds no memory, first sees to all of it. */
bool process_reap(void);
static inline bool process_reap_pending(void)
{
    return cpu()->work & WORK_REAP;
}

/* For a call that can only go on when all of that is done: it is then done again. */
long process_wait_for_reaping(void);

/* The answer to a call that found no memory and did nothing: -ENOMEM, or it is done again
 * when the dead have given back theirs. */
long process_no_memory(void);

/* Whether a page that the kernel needs, and cannot wait for, is to be tried once more:
 * because that was interrupted, or now that the dead have given back some memory. */
bool process_fault_again(enum fault_result result);

/* Makes an empty process a copy of another: see space_clone and handle_table_copy. Begins
 * with *progress 0. AGAIN. -ENOMEM. */
[[nodiscard]] long process_copy(struct process *copy, struct process *process,
                                uint32_t *progress);

uint32_t process_count(void);

/* How it ended, as SYSTEM_PROCESS_END tells it. */
static inline void process_end_words(const struct process *process, uint32_t words[3])
{
    words[0] = process->end.reason;
    words[1] = process->end.status;
    words[2] = process->end.vector;
}

/* Finds the process, borrowed, behind a handle of the running thread's process with those
 * rights; HANDLE_SELF has all. -EBADF, -EPERM. */
[[nodiscard]] long process_look(handle_t handle, uint32_t rights,
                                struct process **process);

#endif
