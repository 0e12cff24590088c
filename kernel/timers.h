/* SPDX-License-Identifier: MIT */
/* The kernel's timers: what is to be done at a time. One wheel holds all of them. */
#ifndef KERNEL_TIMERS_H
#define KERNEL_TIMERS_H

#include "timing_wheel.h"

/* Calls `expire` at the deadline or soon after, once, unless it is stopped before. */
void timer_start(struct timer *timer, uint64_t deadline, timer_expire *expire);

/* The timer must have been started, and not be over. */
static inline void timer_stop(struct timer *timer)
{
    wheel_remove(timer);
}

#endif
