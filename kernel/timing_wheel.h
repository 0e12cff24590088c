/* SPDX-License-Identifier: MIT */
/*
 * A hierarchical timing wheel (Varghese and Lauck, 1987): timers ordered by their
 * deadlines, with insertion, removal and the search for the first one O(1), and expiry
 * amortised O(WHEEL_LEVELS), however many timers there are.
 *
 * Time counts in ticks of 1,024 ns, and a timer is due at the first tick that is not
 * before its deadline. A level is a digit of the tick, in base WHEEL_SLOTS. A timer
 * stands at the highest level whose digit differs from that of `now` (level 0 if none
 * does), in its own digit's slot. So no slot holds what comes after the wheel's next
 * turn, all that a level holds comes before all that a higher one holds, and the first
 * bits that are set in two words lead to the first timer. When `now` reaches a slot
 * above level 0, the slot's timers are spread over the levels below.
 *
 * Timers expire in the order of their ticks, those of one tick in the order in which
 * they were inserted. Nothing here reads a clock or fires by itself.
 */
#ifndef KERNEL_TIMING_WHEEL_H
#define KERNEL_TIMING_WHEEL_H

#include <stdint.h>

#include "list.h"

#define WHEEL_TICK_BITS 10
#define WHEEL_DIGIT_BITS 5
#define WHEEL_SLOTS (1u << WHEEL_DIGIT_BITS)
#define WHEEL_LEVELS 11

struct timer;
typedef void timer_expire(struct timer *timer, uint64_t now);

struct timer {
    struct list link;     /* in a slot, or among those that are being spread */
    uint64_t tick;        /* when it is due */
    timer_expire *expire; /* what timers.c does then */
};

struct timing_wheel {
    uint64_t now;                /* no timer's tick is before it */
    uint32_t levels;             /* bit n: level n holds a timer */
    uint32_t used[WHEEL_LEVELS]; /* bit n: the level's slot n does */
    struct list slots[WHEEL_LEVELS][WHEEL_SLOTS];
    struct list spreading;    /* what is left of the slot that `now` has reached */
    uint32_t spreading_level; /* the slot's, if there is anything left */
};

void wheel_init(struct timing_wheel *wheel);

/* Inserts a timer, which must be in no wheel, while it is `now`. Answers when
 * wheel_expire can give it out, UINT64_MAX if never. Times are in ns. */
uint64_t wheel_insert(struct timing_wheel *wheel, struct timer *timer, uint64_t deadline,
                      uint64_t now);

/* Takes out a timer that is in the wheel. */
void wheel_remove(struct timing_wheel *wheel, struct timer *timer);

/* Takes out the first timer that is due; NULL if there is none, or `budget` is used up:
 * each step of bounded work costs 1 of it. */
[[nodiscard]] struct timer *wheel_expire(struct timing_wheel *wheel, uint64_t now,
                                         uint32_t *budget);

/* When wheel_expire must be called next: never after a timer is due, and before it only
 * so often as there are levels, and where many are due soon. UINT64_MAX: never. */
uint64_t wheel_next(struct timing_wheel *wheel);

#endif
