/* SPDX-License-Identifier: MIT */
/*
 * The clock on a fake board: an 8254 and a TSC that follow the test's own time. The clock
 * must keep that time at every rate that a TSC may have, and without one; and the timer
 * must never fire before it is asked to.
 */
#include "i386/i386.h"
#include "unit.h"

static uint8_t board_in(uint16_t port);
static void board_out(uint16_t port, uint8_t value);
static uint64_t board_tsc(void);

#define in8 board_in
#define out8 board_out
#define read_tsc board_tsc
#include "../../kernel/i386/clock.c"

#define MHZ 1000000ull
#define SECOND 1000000000ull
#define MILLISECOND 1000000ull
#define DAY (86400 * SECOND)
#define ACCESS_NS 700           /* what a port access takes on the ISA bus */
#define WALL 1234567890

struct cpu_features cpu_features;
struct cpu boot_cpu;

static struct {
    uint64_t now;               /* ns */
    uint64_t tsc_hz;
    uint16_t latched;
    bool high;                  /* the next byte read or written is the high one */
    uint32_t accesses;          /* to ports, since boot */
    uint32_t disturbed;         /* behind which access something else runs, and */
    uint64_t disturbance;       /* how long */
    uint32_t timer_count;       /* written to channel 0 */
    uint64_t timer_set;         /* when */
    uint32_t acknowledged;      /* interrupts */
} board;

static uint64_t pit_now(void)
{
    return (uint64_t)((unsigned __int128)board.now * PIT_HZ / SECOND);
}

static void access_port(void)
{
    board.now += ACCESS_NS;
    if (++board.accesses == board.disturbed)
        board.now += board.disturbance;
}

static uint8_t board_in(uint16_t port)
{
    access_port();
    if (port == SPEAKER)
        return 0;
    assert_int_equal(port, PIT_CHANNEL(2));
    board.high = !board.high;
    return (uint8_t)(board.high ? board.latched : board.latched >> 8);
}

static void board_out(uint16_t port, uint8_t value)
{
    access_port();
    if (port == PIT_COMMAND) {
        board.high = false;
        board.timer_count = 0;
        if (value == PIT_LATCH_2)
            board.latched = (uint16_t)(0x10000 - pit_now());
    } else if (port == PIT_CHANNEL(0)) {
        /* The low byte stops it, the high one lets it begin. */
        board.timer_count =
            board.high ? board.timer_count | (uint32_t)value << 8 : value;
        board.timer_set = board.now;
        board.high = !board.high;
    } else if (port == PIC_MASTER) {
        assert_int_equal(value, PIC_END);
        board.acknowledged++;
    }
}

static uint64_t board_tsc(void)
{
    return (uint64_t)((unsigned __int128)board.now * board.tsc_hz / SECOND);
}

void pic_enable(uint32_t irq)
{
    assert_int_equal(irq, IRQ_TIMER);
}

uint64_t rtc_read(void)
{
    return WALL;
}

static uint64_t next_timer = UINT64_MAX, next_slice = UINT64_MAX;

uint64_t wheel_run(uint64_t now, int32_t budget)
{
    assert_true(now <= board.now);
    assert_true(budget > 0);
    return next_timer;
}

uint64_t schedule_tick(uint64_t now, uint64_t next)
{
    assert_true(cpu()->slice_armed);
    assert_true(next == next_timer);
    return next_slice;
}

static void set_timer_for(uint64_t deadline)
{
    arch_timer_set_at(deadline, arch_clock());
}

/* Boots the clock on a board with such a TSC, 0 for none. Answers when its time began. */
static uint64_t boot(uint64_t tsc_hz)
{
    board.now = 5 * SECOND;
    board.accesses = 0;
    board.tsc_hz = tsc_hz;
    cpu_features.tsc = tsc_hz != 0;
    armed = UINT64_MAX;
    clock_init();
    return board.now - arch_clock();
}

static void expect_close(uint64_t got, uint64_t expected, uint64_t allowed)
{
    uint64_t error = got > expected ? got - expected : expected - got;

    if (error > allowed)
        fail_msg("%llu, expected %llu", (unsigned long long)got,
                 (unsigned long long)expected);
}

static const uint64_t rates[] = {16, 25, 33, 60, 99, 133, 450, 999, 1000, 1001, 5700};

static void the_clock_keeps_time_at_every_rate(void **state)
{
    random_begin();
    for (size_t i = 0; i < array_count(rates); i++) {
        uint64_t start = boot(rates[i] * MHZ);
        for (uint64_t step = 1000; board.now - start < 400 * DAY; step *= 3) {
            board.now += step + random_below(1000);
            uint64_t passed = board.now - start;
            expect_close(arch_clock(), passed, passed / 500 + 2000);
        }
    }
}

/* Whenever the firmware comes in between, and however long. */
static void nothing_disturbs_the_calibration(void **state)
{
    static const uint64_t disturbances[] = {
        20000, 300000, MILLISECOND, 7 * MILLISECOND, 54 * MILLISECOND, 56 * MILLISECOND,
        200 * MILLISECOND,
    };

    boot(450 * MHZ);
    uint32_t accesses = board.accesses;
    for (size_t i = 0; i < array_count(disturbances); i++) {
        board.disturbance = disturbances[i];
        for (board.disturbed = 1; board.disturbed <= accesses; board.disturbed++) {
            uint64_t start = boot(450 * MHZ);
            board.now += 1000 * SECOND;
            expect_close(arch_clock(), board.now - start, 6 * SECOND);
        }
    }
    board.disturbed = 0;
}

static void the_clock_never_goes_back(void **state)
{
    random_begin();
    for (size_t i = 0; i < array_count(rates); i++) {
        boot(rates[i] * MHZ);
        uint64_t last = arch_clock();
        for (int round = 0; round < 10000; round++) {
            board.now += random_below(300);
            uint64_t now = arch_clock();
            assert_true(now >= last);
            last = now;
        }
    }
}

/* Read at least once in each turn of the counter, it loses nothing. */
static void without_a_tsc_the_pit_is_the_clock(void **state)
{
    uint64_t start = boot(0);

    random_begin();
    for (int round = 0; round < 20000; round++) {
        board.now += random_below(50 * MILLISECOND);
        uint64_t now = arch_clock();
        expect_close(now, board.now - start, (board.now - start) / 1000000 + 5000);
    }
}

/* When the timer that was set last fires, in the clock's time. */
static uint64_t fires_at(uint64_t start)
{
    assert_true(board.timer_count > 0);
    assert_true(board.timer_count <= 0xffff);
    return board.timer_set + board.timer_count * SECOND / PIT_HZ - start;
}

static void the_timer_is_never_early(void **state)
{
    random_begin();
    for (int round = 0; round < 2000; round++) {
        uint64_t start = boot(round % 2 ? 450 * MHZ : 0);
        uint64_t now = arch_clock();
        uint64_t deadline = now + random_below(TIMER_MAX_NS);
        cpu()->slice_armed = round % 3 == 0;
        next_slice = round % 3 == 0 ? deadline : UINT64_MAX;
        next_timer = round % 3 == 1 ? deadline : UINT64_MAX;
        uint32_t acknowledged = board.acknowledged;
        clock_interrupt();
        assert_int_equal(board.acknowledged, acknowledged + 1);
        if (round % 3 == 2)
            set_timer_for(deadline);
        uint64_t fired = fires_at(start);
        assert_true(fired + deadline / 500 + 2000 >= deadline);
        assert_true(fired <= deadline + deadline / 500 + 20000);
    }
    cpu()->slice_armed = false;
    next_timer = UINT64_MAX;
}

static void a_deadline_that_has_passed_fires_at_once(void **state)
{
    uint64_t start = boot(450 * MHZ);

    board.now += SECOND;
    set_timer_for(1);
    assert_true(fires_at(start) <= board.now - start + 2000);
}

static void a_later_deadline_does_not_put_off_the_timer(void **state)
{
    boot(450 * MHZ);
    uint64_t now = arch_clock();
    set_timer_for(now + 10 * MILLISECOND);
    uint64_t set = board.timer_set;
    set_timer_for(now + 20 * MILLISECOND);
    assert_int_equal(board.timer_set, set);
    set_timer_for(now + 5 * MILLISECOND);
    assert_true(board.timer_set > set);
}

static void far_deadlines_are_reached_in_steps(void **state)
{
    uint64_t start = boot(450 * MHZ);

    set_timer_for(1000 * SECOND);
    assert_true(fires_at(start) < SECOND);
}

static void with_a_tsc_and_nothing_to_wait_for_no_timer_runs(void **state)
{
    boot(450 * MHZ);
    board.timer_count = 0;
    set_timer_for(UINT64_MAX);
    clock_interrupt();
    assert_int_equal(board.timer_count, 0);
}

static void without_a_tsc_the_timer_keeps_the_clock_going(void **state)
{
    uint64_t start = boot(0);

    clock_interrupt();
    uint64_t turn = 0x10000 * SECOND / PIT_HZ;
    assert_true(fires_at(start) < arch_clock() + turn);
}

/* What a program computes from the threshold page, with the words of limen/abi.h. */
static uint64_t program_clock(const struct threshold_page *page)
{
    unsigned __int128 ticks = board_tsc() - page->base_tsc;

    return page->base_ns + (uint64_t)(ticks * page->scale >> page->scale_shift);
}

static void programs_compute_the_same_time(void **state)
{
    random_begin();
    for (size_t i = 0; i < array_count(rates); i++) {
        struct threshold_page page = {0};
        boot(rates[i] * MHZ);
        clock_fill_threshold(&page);
        assert_int_equal(page.clock_usable, 1);
        assert_int_equal(page.wall_offset, WALL);
        for (int round = 0; round < 100; round++) {
            board.now += (uint64_t)random_below(1000) * SECOND + random_below(SECOND);
            assert_int_equal(program_clock(&page), arch_clock());
        }
    }
    struct threshold_page page = {0};
    boot(0);
    clock_fill_threshold(&page);
    assert_int_equal(page.clock_usable, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_clock_keeps_time_at_every_rate),
        cmocka_unit_test(nothing_disturbs_the_calibration),
        cmocka_unit_test(the_clock_never_goes_back),
        cmocka_unit_test(without_a_tsc_the_pit_is_the_clock),
        cmocka_unit_test(the_timer_is_never_early),
        cmocka_unit_test(a_deadline_that_has_passed_fires_at_once),
        cmocka_unit_test(a_later_deadline_does_not_put_off_the_timer),
        cmocka_unit_test(far_deadlines_are_reached_in_steps),
        cmocka_unit_test(with_a_tsc_and_nothing_to_wait_for_no_timer_runs),
        cmocka_unit_test(without_a_tsc_the_timer_keeps_the_clock_going),
        cmocka_unit_test(programs_compute_the_same_time),
    };
    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
