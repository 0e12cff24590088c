/* SPDX-License-Identifier: MIT */
/* The hierarchical timing wheel of timing_wheel.h. */
#include "timing_wheel.h"

#include "assert.h"

/* Of a time: the bits of level n begin here; a block's time of level 0 is all below 1. */
#define SHIFT(level) (WHEEL_TICK_BITS + (level)*WHEEL_DIGIT_BITS)

static_assert(SHIFT(WHEEL_LEVELS) >= 64, "every time fits");

struct timing_wheel wheel;

void wheel_init(void)
{
    wheel = (struct timing_wheel){0};
    for (uint32_t slot = 0; slot < WHEEL_LEVELS * WHEEL_SLOTS; slot++)
        list_init(wheel.slots[0] + slot);
    list_init(&wheel.run.link);
    list_init(&wheel.spreading);
    list_init(&wheel.never);
}

static inline struct timer *timer_at(struct list *link)
{
    return container_of(link, struct timer, link);
}

/* A time's digit at a level. */
static inline uint32_t digit_of(uint64_t time, uint32_t level)
{
    return (uint32_t)(time >> SHIFT(level)) % WHEEL_SLOTS;
}

/* The level at which a time stands that is not before `now`. */
static inline uint32_t level_of(uint64_t time)
{
    uint64_t difference = time ^ wheel.now;
    uint32_t high = (uint32_t)(difference >> 32), low = (uint32_t)difference;
    uint32_t top = high ? 63u - (uint32_t)__builtin_clz(high)
                        : 31u - (uint32_t)__builtin_clz(low | 1u << WHEEL_TICK_BITS);

    return (top - WHEEL_TICK_BITS) / WHEEL_DIGIT_BITS;
}

/* Whether a time is in the block that `now` is in. */
static inline bool in_block(uint64_t time)
{
    return (uint32_t)(time >> 32) == (uint32_t)(wheel.now >> 32) &&
           ((uint32_t)time ^ (uint32_t)wheel.now) < 1u << SHIFT(1);
}

/* --- Slots --- */

static void append(uint32_t level, struct timer *timer)
{
    uint32_t slot = digit_of(timer->time, level);
    struct list *head = &wheel.slots[level][slot];

    if (list_empty(head)) {
        wheel.used[level][slot / 32] |= 1u << slot % 32;
        wheel.summary[level] |= 1u << slot / 32;
    } else if (timer->time < timer_at(head->previous)->time) {
        wheel.mixed[level][slot / 32] |= 1u << slot % 32;
    }
    list_append(head, &timer->link);
}

/* Notes that a slot holds nothing any more, if the list is a slot. */
static void clear(const struct list *head)
{
    uintptr_t offset = (uintptr_t)head - (uintptr_t)wheel.slots;
    uint32_t level = (uint32_t)offset / sizeof(wheel.slots[0]);
    uint32_t word = (uint32_t)offset / sizeof(*head) / 32 % WHEEL_WORDS;
    uint32_t bit = 1u << (uint32_t)offset / sizeof(*head) % 32;

    if (offset >= sizeof(wheel.slots))
        return;
    wheel.mixed[level][word] &= ~bit;
    if ((wheel.used[level][word] &= ~bit) == 0)
        wheel.summary[level] &= ~(1u << word);
}

void wheel_remove(struct timer *timer)
{
    struct list *next = timer->link.next;

    list_remove(&timer->link);
    /* Only of a list that became empty is what follows its last node alone: the head. */
    if (list_empty(next))
        clear(next);
}

/* The first slot of a level that holds a timer. */
static inline uint32_t first_used(uint32_t level)
{
    uint32_t word = (uint32_t)__builtin_ctz(wheel.summary[level]);

    return word * 32 + (uint32_t)__builtin_ctz(wheel.used[level][word]);
}

/* The slot above level 0 that comes first, its level and the time at which it begins;
 * NULL if nothing stands there. */
static struct list *first_slot(uint32_t *level, uint64_t *begin)
{
    *level = 1;
    while (!wheel.summary[*level])
        if (++*level == WHEEL_LEVELS)
            return NULL;
    struct list *slot = &wheel.slots[*level][first_used(*level)];
    *begin = timer_at(slot->next)->time & UINT64_MAX << SHIFT(*level);
    return slot;
}

static bool in_order(uint32_t level, const struct list *slot)
{
    uint32_t number = (uint32_t)(slot - wheel.slots[level]);

    return !(wheel.mixed[level][number / 32] >> number % 32 & 1);
}

/* --- Time goes on --- */

/* `now` comes to a slot, with nothing left that is before it. */
static void reach(uint32_t level, struct list *slot, uint64_t begin)
{
    bool run = level == 1 && in_order(level, slot);

    wheel.now = begin;
    wheel.spreading_level = run ? 0 : level;
    list_append(slot, run ? &wheel.run.link : &wheel.spreading); /* in the head's place */
    list_remove(slot);
    clear(slot);
}

/* Puts what stands in a slot that was reached where it now belongs, as far as the budget
 * goes. What stands in the first slot there is reached at once: nothing may come between.
 */
static void spread(int32_t *budget)
{
    uint32_t below = wheel.spreading_level - 1;
    struct list *link = wheel.spreading.next;

    for (; link != &wheel.spreading && *budget > 0; --*budget) {
        struct list *next = link->next;
        append(below, timer_at(link));
        link = next;
    }
    wheel.spreading.next = link;
    link->previous = &wheel.spreading;
    if (link != &wheel.spreading)
        return;
    wheel.spreading_level = 0;
    if (below > 0 && !list_empty(wheel.slots[below]))
        reach(below, wheel.slots[below], wheel.now);
}

/* Moves `now` on as far as can be done at once. */
static void advance(uint64_t now)
{
    uint32_t level;
    uint64_t begin;

    if (in_block(now) || wheel.summary[0] || wheel.spreading_level ||
        !list_empty(&wheel.run.link))
        return;
    struct list *slot = first_slot(&level, &begin);
    if (slot && begin <= now)
        reach(level, slot, begin);
    else
        wheel.now = now;
}

/* --- Insertion --- */

/* Puts a timer where it belongs, wherever that is. */
static __attribute__((noinline)) void put(struct timer *timer)
{
    if (timer->time < wheel.now && !in_block(timer->time))
        timer->time = wheel.now & UINT64_MAX << SHIFT(0);
    uint32_t level = level_of(timer->time);
    if (unlikely(level < wheel.spreading_level))
        list_append(&wheel.spreading, &timer->link); /* behind those of its tick */
    else if (level == 0 && !wheel.summary[0] &&
             timer->time >= timer_at(wheel.run.link.previous)->time)
        list_append(&wheel.run.link, &timer->link);
    else
        append(level, timer);
}

/* The list at whose end a timer belongs, if it is the block's, or a slot of level 1 which
 * holds others, and the last of them is not after it. NULL: it may belong elsewhere. */
static inline struct list *order_for(uint64_t time)
{
    struct list *order = &wheel.run.link;
    uint32_t low = (uint32_t)time, difference = low ^ (uint32_t)wheel.now;

    if (unlikely(wheel.summary[0] | wheel.spreading_level) ||
        unlikely((uint32_t)(time >> 32) != (uint32_t)(wheel.now >> 32)))
        return NULL;
    if (difference >= 1u << SHIFT(1)) {
        order = &wheel.slots[1][digit_of(low, 1)];
        if (unlikely(difference >= 1u << SHIFT(2)) || unlikely(list_empty(order)))
            return NULL;
    }
    /* All in it have the higher digits in common, or it is the head, whose time is 0. */
    return likely(low >= (uint32_t)timer_at(order->previous)->time) ? order : NULL;
}

/* The end of the deadline's tick; 0 if that is beyond all time. */
static inline uint64_t round_up(uint64_t deadline)
{
    return (deadline + (1u << WHEEL_TICK_BITS) - 1) & UINT64_MAX << WHEEL_TICK_BITS;
}

uint64_t wheel_insert(struct timer *timer, uint64_t deadline, uint64_t now)
{
    advance(now);
    timer->time = round_up(deadline);
    if (unlikely(timer->time < deadline)) {
        list_append(&wheel.never, &timer->link);
        return UINT64_MAX;
    }
    put(timer);
    return timer->time;
}

/* --- Expiry --- */

/* The first timer of the block that `now` is in, or NULL. */
static struct timer *first_of_block(void)
{
    struct timer *first = timer_at(wheel.run.link.next);

    if (wheel.summary[0]) {
        struct timer *other = timer_at(wheel.slots[0][first_used(0)].next);
        if (first == &wheel.run || other->time < first->time)
            return other;
    }
    return first == &wheel.run ? NULL : first;
}

/* Takes out the first timer if it is due, from wherever it stands; else NULL, and
 * wheel.next is when there is more to do. */
static __attribute__((noinline)) struct timer *take_due(uint64_t now, int32_t *budget)
{
    uint32_t level;
    uint64_t begin;

    for (; *budget > 0; --*budget) {
        if (wheel.spreading_level) {
            spread(budget);
            continue;
        }
        struct timer *first = first_of_block();
        struct list *slot = first ? NULL : first_slot(&level, &begin);
        if (first)
            wheel.next = first->time;
        else if (slot)
            wheel.next = in_order(level, slot) ? timer_at(slot->next)->time : begin;
        else
            wheel.next = UINT64_MAX;
        if (wheel.next > now || wheel.next == UINT64_MAX)
            return NULL;
        if (first) {
            --*budget;
            wheel_remove(first);
            return first;
        }
        reach(level, slot, begin);
    }
    wheel.next = now + WHEEL_GAP_NS;
    return NULL;
}

uint64_t wheel_run(uint64_t now, int32_t budget)
{
    for (;;) {
        struct timer *first = timer_at(wheel.run.link.next);
        if (likely(first != &wheel.run && !wheel.summary[0])) {
            if (first->time > now)
                return first->time;
            if (unlikely(--budget < 0))
                return now + WHEEL_GAP_NS;
            wheel.run.link.next = first->link.next;
            first->link.next->previous = &wheel.run.link;
        } else if (!(first = take_due(now, &budget))) {
            return wheel.next;
        }
        first->time = round_up(first->expire(first, now));
        if (unlikely(first->time == 0))
            continue; /* it is over */
        struct list *order = order_for(first->time);
        if (likely(order))
            list_append(order, &first->link);
        else
            put(first);
    }
}
