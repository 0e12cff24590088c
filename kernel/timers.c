/* SPDX-License-Identifier: MIT */
/* The kernel's timers: see timers.h. */
#include "timers.h"

#include "arch.h"

void timer_start(struct timer *timer, uint64_t deadline, timer_expire *expire)
{
    uint64_t now = arch_clock();

    timer->expire = expire;
    arch_timer_set_at(wheel_insert(timer, deadline, now), now);
}
