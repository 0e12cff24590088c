/* SPDX-License-Identifier: MIT */
/* Which thread runs next. */
#ifndef KERNEL_SCHEDULE_H
#define KERNEL_SCHEDULE_H

#include "thread.h"

/* Length of a time slice, ns: a thread that does not give way runs one to two of them. */
#define SLICE_NS 10000000u

void schedule_init(void);

/* Puts a ready thread that does not run behind the others. */
void schedule_ready(struct thread *thread);

/* Lets the others that are ready run first. */
void schedule_yield(void);

/* Does everything in cpu()->work, so that cpu()->current is the thread to go on with. */
void schedule_leave(void);

/* The timer's interrupt. */
void schedule_tick(void);

#endif
