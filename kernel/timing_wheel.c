/* SPDX-License-Identifier: MIT */
/* The hierarchical timing wheel of timing_wheel.h. */
#include "timing_wheel.h"

#include "assert.h"

#define TICK_NS (1u << WHEEL_TICK_BITS)
#define FEW 4

/* A deadline near 2^64 ns is due at a tick that no clock comes to. */
static_assert(WHEEL_LEVELS * WHEEL_DIGIT_BITS > 64 - WHEEL_TICK_BITS, "every tick fits");

void wheel_init(struct timing_wheel *wheel)
{
    *wheel = (struct timing_wheel){0};
    for (uint32_t level = 0; level < WHEEL_LEVELS; level++)
        for (uint32_t slot = 0; slot < WHEEL_SLOTS; slot++)
            list_init(&wheel->slots[level][slot]);
    list_init(&wheel->spreading);
}

static uint64_t time_of(uint64_t tick)
{
    return tick >> (64 - WHEEL_TICK_BITS) ? UINT64_MAX : tick << WHEEL_TICK_BITS;
}

/* The level at which a tick stands. */
static inline uint32_t level_of(const struct timing_wheel *wheel, uint64_t tick)
{
    uint64_t difference = tick ^ wheel->now;
    uint32_t high = (uint32_t)(difference >> 32), low = (uint32_t)difference;

    if (unlikely(high))
        return (63u - (uint32_t)__builtin_clz(high)) / WHEEL_DIGIT_BITS;
    return low ? (31u - (uint32_t)__builtin_clz(low)) / WHEEL_DIGIT_BITS : 0;
}

/* A tick's digit at a level. */
static inline uint32_t digit_of(uint64_t tick, uint32_t level)
{
    uint32_t shift = level * WHEEL_DIGIT_BITS;

    return (likely(shift + WHEEL_DIGIT_BITS <= 32) ? (uint32_t)tick >> shift
                                                   : (uint32_t)(tick >> shift)) %
           WHEEL_SLOTS;
}

static void put(struct timing_wheel *wheel, struct timer *timer, uint32_t level)
{
    uint32_t slot = digit_of(timer->tick, level);

    list_append(&wheel->slots[level][slot], &timer->link);
    wheel->used[level] |= 1u << slot;
    wheel->levels |= 1u << level;
}

/* Notes that a slot holds nothing any more. */
static void clear(struct timing_wheel *wheel, const struct list *head)
{
    uint32_t index = (uint32_t)(head - wheel->slots[0]);
    uint32_t level = index / WHEEL_SLOTS;

    wheel->used[level] &= ~(1u << index % WHEEL_SLOTS);
    if (!wheel->used[level])
        wheel->levels &= ~(1u << level);
}

void wheel_remove(struct timing_wheel *wheel, struct timer *timer)
{
    struct list *next = timer->link.next;

    list_remove(&timer->link);
    /* Only of a list that became empty is what follows its last node alone: the head. */
    if (list_empty(next) && next != &wheel->spreading)
        clear(wheel, next);
}

/* The first slot that holds a timer, and the tick at which it begins; some level must
 * hold one. */
static struct list *first_slot(struct timing_wheel *wheel, uint32_t *level,
                               uint64_t *begin)
{
    *level = (uint32_t)__builtin_ctz(wheel->levels);
    struct list *slot =
        &wheel->slots[*level][(uint32_t)__builtin_ctz(wheel->used[*level])];

    *begin = container_of(slot->next, struct timer, link)->tick &
             UINT64_MAX << *level * WHEEL_DIGIT_BITS;
    return slot;
}

/* The first timer of level 0, if that holds any: no timer is due before it. */
static inline struct timer *first_of_all(struct timing_wheel *wheel)
{
    uint32_t used = wheel->used[0];

    if (!used)
        return NULL;
    return container_of(wheel->slots[0][(uint32_t)__builtin_ctz(used)].next, struct timer,
                        link);
}

/* The timer of a slot that is due first, if there are only a few; else NULL. Those few
 * need not be spread. */
static struct timer *first_of_few(const struct list *slot)
{
    struct timer *first = NULL;
    uint32_t seen = 0;

    for (const struct list *link = slot->next; link != slot; link = link->next) {
        struct timer *timer = container_of(link, struct timer, link);
        if (++seen > FEW)
            return NULL;
        if (!first || timer->tick < first->tick)
            first = timer;
    }
    return first;
}

uint64_t wheel_next(struct timing_wheel *wheel)
{
    uint32_t level;
    uint64_t begin;

    if (unlikely(!list_empty(&wheel->spreading)))
        return time_of(wheel->now);
    struct timer *first = first_of_all(wheel);
    if (first)
        return time_of(first->tick);
    if (!wheel->levels)
        return UINT64_MAX;
    first = first_of_few(first_slot(wheel, &level, &begin));
    return time_of(first ? first->tick : begin);
}

/* Moves `now` on where no slot that holds a timer is reached by that. */
static void advance(struct timing_wheel *wheel, uint64_t tick)
{
    uint32_t level;
    uint64_t begin;

    if (tick <= wheel->now || !list_empty(&wheel->spreading))
        return;
    if (wheel->levels) {
        (void)first_slot(wheel, &level, &begin);
        if (begin <= tick)
            return;
    }
    wheel->now = tick;
}

uint64_t wheel_insert(struct timing_wheel *wheel, struct timer *timer, uint64_t deadline,
                      uint64_t now)
{
    uint64_t tick = deadline / TICK_NS + (deadline % TICK_NS != 0);

    advance(wheel, now / TICK_NS);
    timer->tick = tick > wheel->now ? tick : wheel->now;
    uint32_t level = level_of(wheel, timer->tick);
    if (!list_empty(&wheel->spreading) && level < wheel->spreading_level)
        list_append(&wheel->spreading, &timer->link); /* behind those of its tick */
    else
        put(wheel, timer, level);
    return time_of(timer->tick);
}

/* Begins to spread the timers of a slot that time has come to. */
static void reach(struct timing_wheel *wheel, struct list *slot, uint32_t level,
                  uint64_t begin)
{
    wheel->now = begin;
    wheel->spreading_level = level;
    list_append(slot, &wheel->spreading); /* takes the head's place */
    list_remove(slot);
    clear(wheel, slot);
}

/* Puts what stands in a slot that was reached where it now belongs, as far as the budget
 * goes. As long as `now` is where the slot begins, that is by the digit below, but where
 * it is 0. */
static void spread(struct timing_wheel *wheel, uint32_t *budget)
{
    uint32_t below = wheel->spreading_level - 1;
    uint64_t within = ~(UINT64_MAX << wheel->spreading_level * WHEEL_DIGIT_BITS);
    bool begins = (wheel->now & within) == 0;
    struct list *link = wheel->spreading.next;
    struct list *row = wheel->slots[below];
    uint32_t used = wheel->used[below];
    uint32_t left = *budget;

    for (; link != &wheel->spreading && left > 0; left--) {
        struct list *next = link->next;
        struct timer *timer = container_of(link, struct timer, link);
        uint32_t digit = digit_of(timer->tick, below);
        if (likely(begins && digit)) {
            list_append(&row[digit], link);
            used |= 1u << digit;
        } else {
            put(wheel, timer, level_of(wheel, timer->tick));
            used |= wheel->used[below];
        }
        link = next;
    }
    *budget = left;
    wheel->used[below] = used;
    wheel->levels |= used ? 1u << below : 0;
    wheel->spreading.next = link;
    link->previous = &wheel->spreading;
}

struct timer *wheel_expire(struct timing_wheel *wheel, uint64_t now, uint32_t *budget)
{
    uint64_t tick = now / TICK_NS;
    uint64_t begin;
    uint32_t level;

    while (*budget > 0) {
        if (unlikely(!list_empty(&wheel->spreading))) {
            spread(wheel, budget);
            continue;
        }
        struct timer *first = first_of_all(wheel);
        struct list *slot = NULL;
        if (!first) {
            if (!wheel->levels)
                return NULL;
            slot = first_slot(wheel, &level, &begin);
            if (begin > tick)
                return NULL;
            first = first_of_few(slot);
        }
        if (first && first->tick > tick)
            return NULL;
        --*budget;
        if (first) {
            wheel_remove(wheel, first);
            return first;
        }
        reach(wheel, slot, level, begin);
    }
    return NULL;
}
