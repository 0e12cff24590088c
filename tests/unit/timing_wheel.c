/* SPDX-License-Identifier: MIT */
/*
 * The timing wheel against a list that is kept sorted: the same timers in the same order,
 * never early and at most a tick late, over years in small and large steps, also those
 * that are set anew, and change others, when they expire; each call's work bounded; the
 * next call asked for in time, and not much too often.
 */
#include "timing_wheel.h"

#include "assert.h"
#include "unit.h"

#define TICK (1ull << WHEEL_TICK_BITS)
#define BLOCK (TICK * WHEEL_SLOTS)
#define YEAR (31557600ull * 1000000000)
#define ITEMS 300
#define MANY 10000
#define ALL INT32_MAX

static struct timer timers[MANY];
static bool in[MANY];
static uint64_t periods[MANY]; /* of those that are set anew */

/* The model: timers that are in the wheel, in the order in which they must come out. */
static struct timer *sorted[MANY];
static uint32_t sorted_count;

static uint64_t time_now;
static int32_t expired;        /* in this run */
static struct timer *expiring; /* the one that does now */
static bool expiring_changes;  /* it may take and add others */

static void begin(void)
{
    memset(&wheel, 0, sizeof(wheel));
    wheel_init();
    memset(in, 0, sizeof(in));
    memset(periods, 0, sizeof(periods));
    sorted_count = 0;
    expiring_changes = false;
}

static uint64_t random_bits(uint32_t bits)
{
    uint64_t value = (uint64_t)random_below(1u << 22) << 42 ^
                     (uint64_t)random_below(1u << 22) << 21 ^ random_below(1u << 22);

    return bits == 0 ? 0 : value >> (64 - bits);
}

static uint64_t tick_of(uint64_t deadline)
{
    return (deadline / TICK + (deadline % TICK != 0)) * TICK;
}

static void model_insert(struct timer *timer, uint64_t time)
{
    uint32_t at = sorted_count++;

    while (at > 0 && sorted[at - 1]->time > time) {
        sorted[at] = sorted[at - 1];
        at--;
    }
    sorted[at] = timer;
}

static void model_remove(const struct timer *timer)
{
    uint32_t at = 0;

    while (sorted[at] != timer)
        at++;
    sorted_count--;
    memmove(&sorted[at], &sorted[at + 1], (sorted_count - at) * sizeof(sorted[0]));
}

static void random_change(uint64_t now, uint32_t reach);

/* What comes out is what the model has first, and is due. */
static uint64_t on_expiry(struct timer *timer)
{
    uint32_t index = (uint32_t)(timer - timers);
    uint64_t now = time_now;

    assert_ptr_equal(timer, sorted[0]);
    assert_true(timer->time <= now);
    model_remove(timer);
    expired++;
    expiring = timer;
    if (expiring_changes && random_below(4) == 0)
        random_change(now, 30);
    expiring = NULL;
    if (!periods[index]) {
        in[index] = false;
        return TIMER_OVER;
    }
    /* Once more in the same run, or not. */
    bool late = (now - timer->time) / periods[index] > 3;
    uint64_t again = (late ? now : timer->time) + periods[index];
    again = again < wheel.now ? wheel.now : again;
    model_insert(timer, tick_of(again));
    return again;
}

/* A deadline to come is due at its own tick; one that has passed, at once. */
static void add(uint32_t index, uint64_t deadline, uint64_t now)
{
    struct timer *timer = &timers[index];

    timer->expire = on_expiry;
    uint64_t at = wheel_insert(timer, deadline, now);
    if (deadline > now) {
        assert_true(timer->time == tick_of(deadline));
    } else {
        assert_true(timer->time >= tick_of(deadline) || timer->time + TICK > now);
        assert_true(timer->time < now + TICK);
    }
    assert_true(at == timer->time);
    in[index] = true;
    model_insert(timer, timer->time);
}

static void take(uint32_t index)
{
    wheel_remove(&timers[index]);
    in[index] = false;
    model_remove(&timers[index]);
}

/* Lets so much happen as the budget allows. What is left is due only when that is used
 * up, and else the next call lies ahead, and is not too late. */
static uint64_t run(uint64_t now, int32_t budget)
{
    time_now = now;
    expired = 0;
    uint64_t next = wheel_run(now, budget);
    assert_true(expired <= budget);
    assert_true(next > now || next == now + WHEEL_GAP_NS);
    if (sorted_count > 0 && sorted[0]->time <= now)
        assert_true(next == now + WHEEL_GAP_NS);
    else if (sorted_count == 0)
        assert_true(next == UINT64_MAX || next == now + WHEEL_GAP_NS);
    else
        assert_true(next <= sorted[0]->time || next == now + WHEEL_GAP_NS);
    return next;
}

/* All that is due. */
static uint64_t run_all(uint64_t now)
{
    uint64_t next = run(now, ALL);

    assert_true(sorted_count == 0 ? next == UINT64_MAX
                                  : sorted[0]->time > now && next <= sorted[0]->time);
    return next;
}

static void check_empty(void)
{
    static const uint8_t none[sizeof(wheel.mixed)];

    assert_memory_equal(wheel.summary, none, sizeof(wheel.summary));
    assert_memory_equal(wheel.used, none, sizeof(wheel.used));
    assert_memory_equal(wheel.mixed, none, sizeof(wheel.mixed));
    assert_true(list_empty(&wheel.run.link));
    assert_true(list_empty(&wheel.spreading));
    assert_true(wheel_run(wheel.now, ALL) == UINT64_MAX);
    assert_int_equal(wheel.spreading_level, 0);
}

static void random_change(uint64_t now, uint32_t reach)
{
    uint32_t index = random_below(ITEMS);

    if (&timers[index] == expiring)
        return;
    if (in[index])
        take(index);
    else if (random_below(8) == 0 && sorted_count > 0) /* with another's deadline */
        add(index, sorted[random_below(sorted_count)]->time, now);
    else
        add(index, now + random_bits(random_below(reach)), now);
    if (in[index])
        periods[index] = random_below(3) == 0 ? 1 + random_bits(random_below(reach)) : 0;
}

static void take_all(void)
{
    while (sorted_count > 0)
        take((uint32_t)(sorted[random_below(sorted_count)] - timers));
    check_empty();
}

/* Time goes on in steps from nothing to 2^largest ns, for so many years. */
static void live_years(uint32_t years, uint32_t largest)
{
    begin();
    uint64_t now = random_bits(40);
    while (now < years * YEAR) {
        for (uint32_t i = random_below(12); i > 0; i--)
            random_change(now, largest + 8);
        now += random_bits(random_below(largest + 1));
        (void)run(now, (int32_t)random_below(40)); /* may stop in the middle */
        if (random_below(2))
            (void)run_all(now);
    }
    take_all();
}

static void random_lives_follow_the_model(void **state)
{
    random_begin();
    live_years(60, 50);
    live_years(500, 53);
}

static void random_seconds_follow_the_model(void **state)
{
    random_begin();
    for (uint32_t changes = 0; changes < 2; changes++) {
        uint64_t now = 12345;
        begin();
        expiring_changes = changes;
        for (uint32_t round = 0; round < 60000; round++) {
            random_change(now, 30);
            now += random_bits(random_below(22));
            (void)run(now, (int32_t)random_below(8));
            if (random_below(4) == 0)
                (void)run_all(now);
        }
        take_all();
    }
}

/* A timer that only the times that are asked for are followed for comes at its tick
 * exactly, and nothing is asked for before. */
static void following_next_is_exact_and_seldom(void **state)
{
    random_begin();
    for (uint32_t round = 0; round < 20000; round++) {
        uint64_t now = random_bits(random_below(64));
        uint64_t deadline = now + random_bits(random_below(62));

        if (deadline < now || deadline > UINT64_MAX - TICK)
            continue;
        begin();
        add(0, deadline, now);
        /* As near to the deadline as can be. */
        assert_true((wheel.now ^ now) < BLOCK);
        uint64_t next = run_all(now);
        if (deadline <= now) {
            assert_true(sorted_count == 0 || tick_of(deadline) > now);
            continue;
        }
        assert_true(next == tick_of(deadline));
        (void)run_all(next);
        assert_int_equal(expired, 1);
        check_empty();
    }
}

/* Of one period, in any order at first. When all have come, and their block is over, they
 * stay in order: none is moved but from far away, and nothing is asked for but their
 * times. */
static void equal_periods_come_in_order(void **state)
{
    static const uint8_t none[sizeof(wheel.mixed)];

    random_begin();
    for (uint32_t bits = 14; bits < 36; bits++) {
        const uint64_t period = (1ull << bits) + random_bits(bits - 1);
        uint64_t now = 0;
        begin();
        for (uint32_t i = 0; i < ITEMS; i++) {
            periods[i] = period;
            add(i, 5 * BLOCK + random_bits(bits), 0);
        }
        while (now < 7 * BLOCK + 2 * period)
            now = run_all(now);
        for (uint32_t i = 0; i < 10 * ITEMS; i++) {
            assert_true(now == sorted[0]->time);
            now = run_all(now);
            assert_memory_equal(wheel.mixed, none, sizeof(wheel.mixed));
            assert_int_equal(wheel.summary[0], 0);
        }
    }
}

/* Ten thousand at once: every call stays in its budget, all come, in their order, and
 * the sum of the work is bounded by the levels. */
static void many_at_one_time_come_in_batches(void **state)
{
    const uint64_t deadline = 3 * YEAR + 17;
    uint64_t steps = 0;

    begin();
    for (uint32_t i = 0; i < MANY; i++)
        add(i, deadline, i * TICK);
    while (sorted_count > 0) {
        (void)run(deadline + TICK, 64);
        steps += 64;
    }
    assert_true(steps <= (uint64_t)MANY * WHEEL_LEVELS + 64 * 2);
    check_empty();
}

static uint32_t length(const struct list *list)
{
    uint32_t count = 0;

    for (const struct list *link = list->next; link != list; link = link->next)
        count++;
    return count;
}

/* What is moved counts as what expires does. */
static void slots_are_spread_in_batches(void **state)
{
    const uint64_t slot = 3 * BLOCK * WHEEL_SLOTS;
    uint32_t steps = 0;

    begin();
    for (uint32_t i = 0; i < ITEMS; i++)
        add(i, slot + (1 + i * 77 % ITEMS) * TICK, 0);
    const uint32_t count = length(&wheel.slots[2 * WHEEL_SLOTS + 3]);
    assert_in_range(count, ITEMS / 2, ITEMS);
    for (; steps == 0 || wheel.spreading_level; steps += 7) { /* to levels 1 and 0 */
        uint32_t before = steps == 0 ? count : length(&wheel.spreading);
        assert_true(run(slot, 7) == slot + WHEEL_GAP_NS || !wheel.spreading_level);
        uint32_t left = length(&wheel.spreading);
        assert_true(left + 7 >= before || (left == count && before <= 7));
    }
    assert_in_range(steps, 2 * count, 3 * count);
    (void)run_all(slot + ITEMS * TICK);
    assert_int_equal(expired, ITEMS);
    check_empty();
}

/* What changes while a slot is half spread: timers are taken out of both halves, and
 * others come in before, between and behind. */
static void changes_in_the_middle_of_a_slot(void **state)
{
    random_begin();
    for (uint32_t round = 0; round < 300; round++) {
        const uint64_t slot = 7ull << (WHEEL_TICK_BITS + 2 * WHEEL_DIGIT_BITS);
        uint64_t now = slot + random_bits(20);

        begin();
        for (uint32_t i = 0; i < ITEMS / 2; i++)
            add(i, slot + random_bits(random_below(24)), 0);
        while (sorted_count > 0) {
            (void)run(now, 1 + (int32_t)random_below(20));
            for (uint32_t i = random_below(10); i > 0; i--) {
                uint32_t index = random_below(ITEMS);
                if (in[index])
                    take(index);
                else if (random_below(3) == 0)
                    add(index, slot + random_bits(random_below(26)), now);
            }
            now += random_bits(18);
        }
        check_empty();
    }
}

static uint64_t beyond(struct timer *timer)
{
    return TIMER_OVER;
}

static void the_end_of_time_does_not_come(void **state)
{
    begin();
    timers[0].expire = timers[1].expire = beyond;
    assert_true(wheel_insert(&timers[0], UINT64_MAX - 1, 0) == UINT64_MAX);
    assert_true(wheel_insert(&timers[1], UINT64_MAX - TICK + 1, 5) ==
                UINT64_MAX - TICK + 1);
    assert_true(wheel_run(UINT64_MAX - TICK, ALL) == UINT64_MAX - TICK + 1);
    assert_true(wheel_run(UINT64_MAX, ALL) == UINT64_MAX);
    assert_false(list_empty(&wheel.never));
    wheel_remove(&timers[0]);
    assert_true(list_empty(&wheel.never));
    check_empty();
}

static void an_empty_budget_does_nothing(void **state)
{
    begin();
    add(0, 0, 5 * TICK);
    assert_true(run(YEAR, 0) == YEAR + WHEEL_GAP_NS);
    assert_int_equal(expired, 0);
    (void)run(YEAR, 1);
    assert_int_equal(expired, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_lives_follow_the_model),
        cmocka_unit_test(random_seconds_follow_the_model),
        cmocka_unit_test(following_next_is_exact_and_seldom),
        cmocka_unit_test(equal_periods_come_in_order),
        cmocka_unit_test(many_at_one_time_come_in_batches),
        cmocka_unit_test(slots_are_spread_in_batches),
        cmocka_unit_test(changes_in_the_middle_of_a_slot),
        cmocka_unit_test(the_end_of_time_does_not_come),
        cmocka_unit_test(an_empty_budget_does_nothing),
    };
    return cmocka_run_group_tests_name("timing_wheel", tests, NULL, NULL);
}
