/* SPDX-License-Identifier: MIT */
/* The hierarchical timing wheel of timing_wheel.h. */
#include "timing_wheel.h"

#include "assert.h"

/* Of a time: the bits of level n begin here; a block's time of level 0 is all below 1. */
#define SHIFT(level) (WHEEL_TICK_BITS + (level)*WHEEL_DIGIT_BITS)

#define FEW 4

static_assert(WHEEL_DIGIT_BITS == 10, "what level_of divides by");
static_assert(SHIFT(WHEEL_LEVELS) >= 64, "every time fits");

struct timing_wheel wheel;

__attribute__((cold)) void wheel_init(void)
{
    for (uint32_t slot = 0; slot < WHEEL_LEVELS * WHEEL_SLOTS; slot++)
        list_init(&wheel.slots[slot]);
    list_init(&wheel.run.link);
    list_init(&wheel.spreading);
    list_init(&wheel.never);
    wheel.run_end = UINT64_MAX;
}

static inline struct timer *timer_at(struct list *link)
{
    return container_of(link, struct timer, link);
}

/* A time's digit at a level. */
static inline uint32_t digit_of(uint64_t time, uint32_t level)
{
    uint32_t ticks = (uint32_t)(time >> SHIFT(0)); /* and their three lowest digits */

    return (likely(level < 3) ? ticks >> level * WHEEL_DIGIT_BITS
                              : (uint32_t)(time >> SHIFT(level))) %
           WHEEL_SLOTS;
}

/* The level at which a time stands that is not before `now`. */
static inline uint32_t level_of(uint64_t time)
{
    uint64_t difference = time ^ wheel.now;
    uint32_t high = (uint32_t)(difference >> 32), low = (uint32_t)difference;
    uint32_t top = high ? 63u - (uint32_t)__builtin_clz(high)
                        : 31u - (uint32_t)__builtin_clz(low | 1u << WHEEL_TICK_BITS);

    return (top - WHEEL_TICK_BITS) * 13 / 128; /* by WHEEL_DIGIT_BITS */
}

/* Whether a time is in the block that `now` is in. */
static inline bool in_block(uint64_t time)
{
    return (uint32_t)(time >> 32) == (uint32_t)(wheel.now >> 32) &&
           ((uint32_t)time ^ (uint32_t)wheel.now) < 1u << SHIFT(1);
}

/* --- Slots --- */

/* When the slot begins in which a time is at a level. */
static inline uint64_t begin_of(uint64_t time, uint32_t level)
{
    return time & UINT64_MAX << SHIFT(level);
}

ALWAYS_INLINE void append(uint32_t level, struct timer *timer)
{
    uint32_t slot = level * WHEEL_SLOTS + digit_of(timer->time, level);
    struct list *head = &wheel.slots[slot];

    if (list_empty(head)) {
        wheel.used[slot / 32] |= 1u << slot % 32;
        wheel.summary[level] |= 1u << slot / 32 % WHEEL_WORDS;
        uint64_t begin = level == 0 ? 0 : begin_of(timer->time, level);
        if (begin < wheel.run_end)
            wheel.run_end = begin;
    } else if (timer->time < timer_at(head->previous)->time) {
        wheel.mixed[slot] = true;
    }
    list_append(head, &timer->link);
}

/* Notes that a slot holds nothing any more, if the list is a slot; `time` was in it. */
static void clear(const struct list *head, uint64_t time)
{
    uint32_t slot = (uint32_t)((uintptr_t)head - (uintptr_t)wheel.slots) / sizeof(*head);
    uint32_t level = slot / WHEEL_SLOTS;

    if (slot >= array_count(wheel.slots))
        return;
    wheel.mixed[slot] = false;
    if ((wheel.used[slot / 32] &= ~(1u << slot % 32)) == 0)
        wheel.summary[level] &= ~(1u << slot / 32 % WHEEL_WORDS);
    if (wheel.run_end && begin_of(time, level) == wheel.run_end)
        wheel.run_end += 1ull << SHIFT(level); /* no other begins in between */
}

void wheel_remove(struct timer *timer)
{
    struct list *next = timer->link.next;

    list_remove(&timer->link);
    /* Only of a list that became empty is what follows its last node alone: the head. */
    if (list_empty(next))
        clear(next, timer->time);
}

/* The first slot of a level that holds a timer. */
static inline struct list *first_used(uint32_t level)
{
    uint32_t word = level * WHEEL_WORDS + (uint32_t)__builtin_ctz(wheel.summary[level]);

    return &wheel.slots[word * 32 + (uint32_t)__builtin_ctz(wheel.used[word])];
}

/* The slot above level 0 that comes first, and its level; NULL if nothing stands there.
 */
static struct list *first_slot(uint32_t *level)
{
    for (*level = 1; *level < WHEEL_LEVELS; ++*level)
        if (wheel.summary[*level])
            return first_used(*level);
    return NULL;
}

/* When a slot begins that holds a timer; UINT64_MAX for none. */
static uint64_t begin_of_slot(uint32_t level, const struct list *slot)
{
    return slot ? begin_of(timer_at(slot->next)->time, level) : UINT64_MAX;
}

/* --- Time goes on --- */

/* `now` comes to a slot, with nothing left in those before it. If all in it comes before
 * what stands in the run, in order, it goes there; what is as late was inserted later. */
static __attribute__((noinline)) void reach(uint32_t level, struct list *slot,
                                            uint64_t begin)
{
    const struct timer *first = timer_at(wheel.run.link.next);
    bool run = !wheel.mixed[slot - wheel.slots] &&
               (first == &wheel.run || timer_at(slot->previous)->time < first->time);
    struct list *to = run ? &wheel.run.link : &wheel.spreading;

    wheel.now = begin;
    wheel.run_end = 0; /* until the slots have been looked at */
    wheel.spreading_level = run ? 0 : level;
    slot->previous->next = to->next;
    to->next->previous = slot->previous;
    to->next = slot->next;
    slot->next->previous = to;
    list_init(slot);
    clear(slot, begin);
}

/* Puts what stands in a slot that was reached where it now belongs, as far as the budget
 * goes. What stands in the first slot there is reached at once: nothing may come between.
 */
static __attribute__((cold, noinline)) void spread(int32_t *budget)
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
    struct list *first = &wheel.slots[below * WHEEL_SLOTS];
    if (below > 0 && !list_empty(first))
        reach(below, first, wheel.now);
}

static __attribute__((cold, noinline)) void advance_slowly(uint64_t now)
{
    uint32_t level;

    if (wheel.summary[0] || wheel.spreading_level)
        return;
    struct list *slot = first_slot(&level);
    uint64_t begin = begin_of_slot(level, slot);
    if (begin <= now) {
        reach(level, slot, begin);
    } else {
        wheel.now = now;
        wheel.run_end = begin;
    }
}

/* Moves `now` on as far as can be done at once. */
static inline void advance(uint64_t now)
{
    if (in_block(now))
        return;
    if (likely(now < wheel.run_end))
        wheel.now = now;
    else
        advance_slowly(now);
}

/* --- Insertion --- */

/* Puts a timer into the run if it belongs before the end of that, and to its end or among
 * the first. */
static bool put_in_run(struct timer *timer)
{
    struct list *link = &wheel.run.link;
    uint64_t time = timer->time;

    if (time >= wheel.run_end)
        return false;
    if (time < timer_at(link->previous)->time) {
        uint32_t seen = 0;
        do {
            if (seen++ == FEW)
                return false;
            link = link->next;
        } while (timer_at(link)->time <= time);
    }
    list_append(link, &timer->link);
    return true;
}

/* Puts a timer where it belongs, wherever that is. */
static __attribute__((noinline)) void put(struct timer *timer)
{
    if (timer->time < wheel.now && !in_block(timer->time))
        timer->time = wheel.now & UINT64_MAX << SHIFT(0);
    if (put_in_run(timer))
        return;
    uint32_t level = level_of(timer->time);
    if (unlikely(level < wheel.spreading_level))
        list_append(&wheel.spreading, &timer->link); /* behind those of its tick */
    else
        append(level, timer);
}

/* The same, for one that expired: most often behind others of its period. */
static __attribute__((noinline)) void put_again(struct timer *timer)
{
    uint32_t difference = (uint32_t)timer->time ^ (uint32_t)wheel.now;
    struct list *slot = &wheel.slots[WHEEL_SLOTS + digit_of(timer->time, 1)];

    if (likely((uint32_t)(timer->time >> 32) == (uint32_t)(wheel.now >> 32)) &&
        likely(difference >= 1u << SHIFT(1)) && likely(difference < 1u << SHIFT(2)) &&
        likely(timer->time >= wheel.run_end) && likely(!wheel.spreading_level) &&
        likely(!list_empty(slot)) &&
        likely(timer->time >= timer_at(slot->previous)->time))
        list_append(slot, &timer->link);
    else
        put(timer);
}

/* The end of the deadline's tick; 0 if that is beyond all time. */
static inline uint64_t round_up(uint64_t deadline)
{
    return (deadline + (1u << WHEEL_TICK_BITS) - 1) & UINT64_MAX << WHEEL_TICK_BITS;
}

uint64_t wheel_insert(struct timer *timer, uint64_t deadline, uint64_t now)
{
    timer->time = round_up(deadline);
    if (unlikely(timer->time < deadline)) {
        list_append(&wheel.never, &timer->link);
        return UINT64_MAX;
    }
    advance(now);
    put(timer);
    return timer->time;
}

/* --- Expiry --- */

/* The first timer of the run and of level 0, or NULL. */
static struct timer *first_known(void)
{
    struct timer *first = timer_at(wheel.run.link.next);

    if (wheel.summary[0]) {
        struct timer *other = timer_at(first_used(0)->next);
        if (first == &wheel.run || other->time < first->time)
            return other;
    }
    return first == &wheel.run ? NULL : first;
}

/* Takes out the first timer if it is due, from wherever it stands; else NULL, and
 * wheel.next is when there is more to do. */
static __attribute__((noinline)) struct timer *take_due(uint64_t now, int32_t *budget)
{
    for (; *budget > 0; --*budget) {
        uint32_t level = 0;
        if (wheel.spreading_level) {
            spread(budget);
            continue;
        }
        struct timer *first = first_known();
        struct list *slot = wheel.summary[0] ? NULL : first_slot(&level);
        uint64_t begin = begin_of_slot(level, slot);
        wheel.run_end = wheel.summary[0] ? 0 : begin;
        if (slot && begin <= now) {
            reach(level, slot, begin);
            continue;
        }
        wheel.next =
            slot && !wheel.mixed[slot - wheel.slots] ? timer_at(slot->next)->time : begin;
        if (first && first->time <= wheel.next)
            wheel.next = first->time;
        if (!first || first->time > now)
            return NULL;
        --*budget;
        wheel_remove(first);
        return first;
    }
    wheel.next = now + WHEEL_GAP_NS;
    return NULL;
}

uint64_t wheel_run(uint64_t now, int32_t budget)
{
    for (;;) {
        struct timer *first = timer_at(wheel.run.link.next);
        if (likely(first != &wheel.run) && likely(first->time < wheel.run_end)) {
            if (first->time > now)
                return first->time;
            if (unlikely(--budget < 0))
                return now + WHEEL_GAP_NS;
            wheel.run.link.next = first->link.next;
            first->link.next->previous = &wheel.run.link;
        } else if (!(first = take_due(now, &budget))) {
            return wheel.next;
        }
        first->time = round_up(first->expire(first));
        if (unlikely(first->time == 0))
            continue; /* it is over */
        struct list *last = wheel.run.link.previous;
        if (likely(first->time < wheel.run_end) &&
            likely(first->time >= timer_at(last)->time))
            list_append(&wheel.run.link, &first->link);
        else
            put_again(first);
    }
}
