/* SPDX-License-Identifier: MIT */
/* Which thread runs next. */
#ifndef KERNEL_SCHEDULE_H
#define KERNEL_SCHEDULE_H

#include "cpu.h"
#include "thread.h"

/* Length of a time slice, ns: a thread that does not give way runs one to two of them. */
#define SLICE_NS 10000000u

void schedule_init(void);

/* Puts a ready thread that does not run behind the others of its priority. */
void schedule_ready(struct thread *thread);

/* The same, but before the others. */
void schedule_ready_next(struct thread *thread);

/* Takes a ready thread that does not run out of the queue. */
void schedule_unready(struct thread *thread);

/* Gives the processor to the thread of the same priority that is ready longest, and
 * leaves the kernel at once; returns if there is none, or other work is left to do first.
 * The running thread's call answers 0. */
void schedule_yield(void);

/* The running thread waits, and its call has nothing else to do: leaves the kernel at
 * once to the thread that is to run, or returns where there is none, or other work. */
void schedule_wait(void);

/* The running thread waits, and `thread`, which is ready and in no queue, goes on
 * in its place with what is left of its time: leaves the kernel at once, if nothing
 * speaks against it, else returns with the thread the next to run. */
void schedule_handoff(struct thread *thread);

/* Does everything in cpu()->work, so that cpu()->current is the thread to go on with. */
void schedule_leave(void);

/* The timer's interrupt, while cpu()->slice_armed: if the slice is over, the next one
 * begins, or a turn is over. Answers when that is to be looked at again, or `next`, what
 * comes first. */
uint64_t schedule_tick(uint64_t now, uint64_t next);

/* For the middle of long operations: lets interrupts in for a moment. True: a thread of a
 * higher priority, the next one's turn, or messages for somebody have come: leave things
 * so that the call can be done again from its start, and return schedule_again(). */
[[nodiscard]] bool schedule_preempt_point(void);

/* The running thread's call is done again when the thread next runs. */
long schedule_again(void);

/* The running thread has ended something, or needs what the dead have: it sees to the
 * rest (process_reap) before it goes on. */
void schedule_reap(void);

#endif
