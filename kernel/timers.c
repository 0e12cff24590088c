/* SPDX-License-Identifier: MIT */
/* The kernel's timers: see timers.h. */
#include "timers.h"

#include "arch.h"

/* What one timer interrupt does at most: timers that expire, or move within the wheel. If
 * there are more, the next interrupt follows after a gap in which others come in. */
#define EXPIRE_BATCH 64
#define EXPIRE_GAP_NS 10000

static struct timing_wheel wheel;

void timers_init(void)
{
    wheel_init(&wheel);
}

void timer_start(struct timer *timer, uint64_t deadline, timer_expire *expire)
{
    uint64_t now = arch_clock();

    timer->expire = expire;
    arch_timer_set_at(wheel_insert(&wheel, timer, deadline, now), now);
}

void timer_stop(struct timer *timer)
{
    wheel_remove(&wheel, timer);
}

uint64_t timers_expire(uint64_t now)
{
    uint32_t budget = EXPIRE_BATCH;
    struct timer *timer;

    while ((timer = wheel_expire(&wheel, now, &budget)))
        timer->expire(timer, now);
    return budget ? wheel_next(&wheel) : now + EXPIRE_GAP_NS;
}
