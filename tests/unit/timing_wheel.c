/* SPDX-License-Identifier: MIT */
/*
 * The timing wheel against a list that is kept sorted: the same timers in the same order,
 * never early and at most a tick late, over years in small and large steps; each call's
 * work bounded; the next call asked for in time, and not much too often.
 */
#include "timing_wheel.h"

#include "assert.h"
#include "unit.h"

#define TICK (1ull << WHEEL_TICK_BITS)
#define YEAR (31557600ull * 1000000000)
#define ITEMS 300
#define MANY 10000

static struct timing_wheel wheel;
static struct timer timers[MANY];
static bool in[MANY];

/* The model: timers that are in the wheel, in the order in which they must come out. */
static struct timer *sorted[MANY];
static uint32_t sorted_count;

static void begin(void)
{
    wheel_init(&wheel);
    memset(in, 0, sizeof(in));
    sorted_count = 0;
}

static uint64_t random_bits(uint32_t bits)
{
    uint64_t value = (uint64_t)random_below(1u << 22) << 42 ^
                     (uint64_t)random_below(1u << 22) << 21 ^ random_below(1u << 22);

    return bits == 0 ? 0 : value >> (64 - bits);
}

static uint64_t ceil_tick(uint64_t deadline)
{
    return deadline / TICK + (deadline % TICK != 0);
}

static void model_insert(struct timer *timer)
{
    uint32_t at = sorted_count++;

    while (at > 0 && sorted[at - 1]->tick > timer->tick) {
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

/* A deadline to come is due at its own tick; one that has passed, at once. */
static void add(uint32_t index, uint64_t deadline, uint64_t now)
{
    struct timer *timer = &timers[index];
    uint64_t at = wheel_insert(&wheel, timer, deadline, now);

    if (ceil_tick(deadline) > now / TICK) {
        assert_true(timer->tick == ceil_tick(deadline));
    } else {
        assert_true(timer->tick >= ceil_tick(deadline));
        assert_true(timer->tick <= now / TICK);
    }
    assert_true(at >= deadline);
    assert_true(at == UINT64_MAX || at == timer->tick * TICK);
    in[index] = true;
    model_insert(timer);
}

static void take(uint32_t index)
{
    wheel_remove(&wheel, &timers[index]);
    in[index] = false;
    model_remove(&timers[index]);
}

/* Lets so much happen as the budget allows; answers how many timers that was. What comes
 * out is what the model has first, and is due. */
static uint32_t expire(uint64_t now, uint32_t budget)
{
    struct timer *timer;
    uint32_t left = budget;
    uint32_t count = 0;

    while ((timer = wheel_expire(&wheel, now, &left))) {
        assert_ptr_equal(timer, sorted[0]);
        assert_true(timer->tick <= now / TICK);
        in[timer - timers] = false;
        model_remove(timer);
        count++;
    }
    assert_true(count <= budget - left);
    if (left > 0)
        assert_true(sorted_count == 0 || sorted[0]->tick > now / TICK);
    else if (sorted_count > 0 && sorted[0]->tick <= now / TICK)
        assert_true(wheel_next(&wheel) <= now);
    return count;
}

/* With nothing left that is due, the next call lies ahead, and is not too late. */
static void check_next(uint64_t now)
{
    uint64_t next = wheel_next(&wheel);

    if (sorted_count == 0) {
        assert_true(next == UINT64_MAX);
        return;
    }
    assert_true(next / TICK > now / TICK);
    assert_true(next == UINT64_MAX || next / TICK <= sorted[0]->tick);
}

static void check_empty(void)
{
    assert_int_equal(wheel.levels, 0);
    for (uint32_t level = 0; level < WHEEL_LEVELS; level++)
        assert_int_equal(wheel.used[level], 0);
    assert_true(wheel_next(&wheel) == UINT64_MAX);
}

static void random_change(uint64_t now, uint32_t reach)
{
    uint32_t index = random_below(ITEMS);

    if (in[index])
        take(index);
    else if (random_below(8) == 0 && sorted_count > 0) /* with another's deadline */
        add(index, sorted[random_below(sorted_count)]->tick * TICK, now);
    else
        add(index, now + random_bits(random_below(reach)), now);
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
        expire(now, random_below(40)); /* may stop in the middle */
        if (random_below(2)) {
            expire(now, UINT32_MAX);
            check_next(now);
        }
    }
    expire(UINT64_MAX, UINT32_MAX);
}

static void random_lives_follow_the_model(void **state)
{
    random_begin();
    live_years(60, 50);
    live_years(500, 53);
}

static void random_seconds_follow_the_model(void **state)
{
    uint64_t now = 12345;

    random_begin();
    begin();
    for (uint32_t round = 0; round < 60000; round++) {
        random_change(now, 30);
        now += random_bits(random_below(22));
        expire(now, random_below(8));
        if (random_below(4) == 0) {
            expire(now, UINT32_MAX);
            check_next(now);
        }
    }
    while (sorted_count > 0)
        take((uint32_t)(sorted[random_below(sorted_count)] - timers));
    check_empty();
}

/* A timer that only wheel_next is followed for comes at its tick exactly, after no more
 * calls than there are levels. */
static void following_next_is_exact_and_seldom(void **state)
{
    random_begin();
    for (uint32_t round = 0; round < 20000; round++) {
        uint64_t now = random_bits(random_below(64));
        uint64_t deadline = now + random_bits(random_below(62));
        uint32_t calls = 0;

        if (deadline < now || deadline > UINT64_MAX - TICK)
            continue;
        begin();
        add(0, deadline, now);
        assert_true(wheel.now == now / TICK); /* as near to the deadline as can be */
        while (sorted_count > 0) {
            uint64_t next = wheel_next(&wheel);
            now = next > now ? next : now;
            expire(now, UINT32_MAX);
            calls++;
        }
        if (ceil_tick(deadline) * TICK >= now)
            assert_true(now == ceil_tick(deadline) * TICK);
        assert_true(calls <= WHEEL_LEVELS);
        check_empty();
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
        assert_true(expire(deadline + TICK, 64) <= 64);
        assert_true(sorted_count == 0 || wheel_next(&wheel) <= deadline + TICK);
        steps += 64;
    }
    assert_true(steps <= (uint64_t)MANY * WHEEL_LEVELS + 64 * 2);
    check_empty();
}

/* What changes while a slot is half spread: timers are taken out of both halves, and
 * others come in before, between and behind. */
static void changes_in_the_middle_of_a_slot(void **state)
{
    random_begin();
    for (uint32_t round = 0; round < 300; round++) {
        const uint64_t slot = 7ull << (WHEEL_TICK_BITS + 3 * WHEEL_DIGIT_BITS);
        uint64_t now = slot + random_bits(20);

        begin();
        for (uint32_t i = 0; i < ITEMS / 2; i++)
            add(i, slot + random_bits(random_below(24)), 0);
        while (sorted_count > 0) {
            expire(now, 1 + random_below(20));
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

static void the_end_of_time_does_not_come(void **state)
{
    begin();
    assert_true(wheel_insert(&wheel, &timers[0], UINT64_MAX - 1, 0) == UINT64_MAX);
    assert_true(wheel_insert(&wheel, &timers[1], UINT64_MAX - TICK + 1, 5) ==
                UINT64_MAX - TICK + 1);
    uint32_t budget = UINT32_MAX;
    assert_ptr_equal(wheel_expire(&wheel, UINT64_MAX, &budget), &timers[1]);
    assert_null(wheel_expire(&wheel, UINT64_MAX, &budget));
    assert_true(wheel_next(&wheel) == UINT64_MAX);
    wheel_remove(&wheel, &timers[0]);
    check_empty();
}

static void an_empty_budget_does_nothing(void **state)
{
    uint32_t budget = 0;

    begin();
    add(0, 0, 5 * TICK);
    assert_null(wheel_expire(&wheel, YEAR, &budget));
    assert_int_equal(budget, 0);
    assert_int_equal(expire(YEAR, 1), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_lives_follow_the_model),
        cmocka_unit_test(random_seconds_follow_the_model),
        cmocka_unit_test(following_next_is_exact_and_seldom),
        cmocka_unit_test(many_at_one_time_come_in_batches),
        cmocka_unit_test(changes_in_the_middle_of_a_slot),
        cmocka_unit_test(the_end_of_time_does_not_come),
        cmocka_unit_test(an_empty_budget_does_nothing),
    };
    return cmocka_run_group_tests_name("timing_wheel", tests, NULL, NULL);
}
