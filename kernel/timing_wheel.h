/* SPDX-License-Identifier: MIT */
/*
 * The kernel's hierarchical timing wheel (Varghese and Lauck, 1987): timers ordered by
 * their deadlines, with insertion, removal and the search for the first one O(1), and
 * expiry amortised O(WHEEL_LEVELS), however many timers there are.
 *
 * Time counts in ticks of 1,024 ns, and a timer is due at the first tick that is not
 * before its deadline. A level is a digit of the tick, in base WHEEL_SLOTS; a block is
 * what has all digits but the last in common, about a millisecond. A timer stands at the
 * highest level whose digit differs from that of `now`, in its own digit's slot; so no
 * slot holds what comes after the wheel's next turn, and all that a level holds comes
 * before all that a higher one holds. When `now` reaches a slot above level 0, the slot's
 * timers are spread over the level below.
 *
 * Timers mostly come in the order in which they are due: those of one period do, and
 * those that are few. So all that comes in order, and before whatever is in a slot,
 * stands in one list instead, the run, from whose head it expires. A slot tells whether
 * its timers are in order; one that is, and is reached, goes before the run as it is.
 *
 * Timers expire in the order of their ticks, those of one tick in the order in which they
 * were inserted. Nothing here reads a clock or fires by itself.
 */
#ifndef KERNEL_TIMING_WHEEL_H
#define KERNEL_TIMING_WHEEL_H

#include <stdint.h>

#include "list.h"

#define WHEEL_TICK_BITS 10
#define WHEEL_DIGIT_BITS 10
#define WHEEL_SLOTS (1u << WHEEL_DIGIT_BITS)
#define WHEEL_WORDS (WHEEL_SLOTS / 32)
#define WHEEL_LEVELS 6

struct timer;

/* Does what is to be done; answers when the timer is due once more, which is not in the
 * last tick of all, or TIMER_OVER: then it is in the wheel no more. */
typedef uint64_t timer_expire(struct timer *timer);
#define TIMER_OVER 0u

struct timer {
    struct list link;     /* in the wheel; nothing when it is not */
    uint64_t time;        /* when it is due: a whole number of ticks, in ns */
    timer_expire *expire; /* what is called then */
};

struct timing_wheel {
    uint64_t now;     /* no timer is due before its block */
    struct timer run; /* head of timers in order; its own time is 0 */
    uint64_t run_end; /* what is to go into the run is due before; slots hold nothing
                         then, so of what is due at one time that in the run is older */

    uint32_t summary[WHEEL_LEVELS]; /* bit n: there is a bit in the level's word n of */
    uint32_t used[WHEEL_LEVELS * WHEEL_WORDS];     /* bit n: slot n holds a timer */
    bool mixed[WHEEL_LEVELS * WHEEL_SLOTS];        /* the slot's are not in order */
    struct list slots[WHEEL_LEVELS * WHEEL_SLOTS]; /* of level 0, of level 1, … */

    struct list spreading;    /* what is left of the slot that `now` has reached */
    uint32_t spreading_level; /* the slot's, 0 if nothing is left */
    uint64_t next;            /* what take_due found out */
    struct list never;        /* due within a tick of 2^64 ns: no clock gets there */
};

extern struct timing_wheel wheel;

/* Of a wheel that is all 0. */
void wheel_init(void);

/* Inserts a timer, which must not be in the wheel, while it is `now`. Answers when it can
 * expire, UINT64_MAX if never. Times are in ns. */
uint64_t wheel_insert(struct timer *timer, uint64_t deadline, uint64_t now);

/* Takes out a timer that is in the wheel. */
void wheel_remove(struct timer *timer);

/* Takes out what is due and lets it expire, one after the other, until `budget` is used
 * up: each step of bounded work costs 1 of it. Answers when it must be called next,
 * UINT64_MAX if never: WHEEL_GAP_NS later if the budget was too small; else not after a
 * timer is due, and before that only so often as there are levels, and where timers are
 * out of order. */
#define WHEEL_GAP_NS 10000
uint64_t wheel_run(uint64_t now, int32_t budget);

#endif
