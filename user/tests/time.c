/* SPDX-License-Identifier: MIT */
/*
 * Clocks and sleep: the clock does not run backwards, a sleep does not end before its
 * deadline, sleepers wake in the order of their deadlines, and the threshold page's clock
 * is the kernel's. How exact the clock is cannot be judged from inside an emulator, and
 * is not.
 */
#include <errno.h>

#include "cases.h"
#include "cpu.h"

#define SLEEPERS 24
#define STACK_SIZE 512

static uint8_t stacks[SLEEPERS][STACK_SIZE] __attribute__((aligned(16)));
static uint64_t deadlines[SLEEPERS];
static volatile uint32_t woken;
static volatile uint32_t order[SLEEPERS];
static volatile uint32_t early;

static bool monotonic(void)
{
    uint64_t last = clock_now();
    bool right = last != 0;
    for (int i = 0; right && i < 20000; i++) {
        uint64_t now = clock_now();
        right = step_ok(now >= last, "backwards by", (long long)(last - now));
        last = now;
    }
    return right;
}

static bool wall(void)
{
    uint64_t first = 0, second = 0;
    uint64_t before = clock_now();
    bool right = limen_clock_get(CLOCK_ID_WALL, &first) == 0;
    sleep_for(2 * MILLISECOND);
    right = right && limen_clock_get(CLOCK_ID_WALL, &second) == 0 && second > first &&
            second - first <= clock_now() - before;
    /* After 2020, before 2100: an emulator's real-time clock tells the host's time. */
    return right && first / SECOND > 1577836800 && first / SECOND < 4102444800ull;
}

static bool no_such_clock(void)
{
    uint64_t time = 12345;
    return limen_clock_get(2, &time) == -EINVAL &&
           limen_clock_get(0xffffffff, &time) == -EINVAL && time == 12345;
}

static bool sleep_reaches_deadline(void)
{
    static const uint64_t times[] = {
        0, 1, 1000, 100000, MILLISECOND, 7 * MILLISECOND, 60 * MILLISECOND};
    bool right = true;
    for (unsigned int i = 0; i < sizeof(times) / sizeof(*times); i++) {
        uint64_t deadline = clock_now() + times[i];
        right = right && limen_clock_sleep(&deadline) == 0 && clock_now() >= deadline;
    }
    return right;
}

static bool sleep_in_the_past(void)
{
    uint64_t never = 0;
    uint64_t past = 1;
    return limen_clock_sleep(&never) == 0 && limen_clock_sleep(&past) == 0;
}

static void sleep_and_tell(uint32_t which)
{
    (void)limen_clock_sleep(&deadlines[which]);
    if (clock_now() < deadlines[which])
        early = 1;
    order[__atomic_fetch_add(&woken, 1, __ATOMIC_SEQ_CST)] = which;
    (void)limen_thread_exit(NULL, 0, 0);
}

/* Deadlines are a permutation: each sleeper's place in time is 7 times its number. */
static bool sleepers_in_order(void)
{
    long threads[SLEEPERS];
    uint64_t start = clock_now() + 20 * MILLISECOND;
    bool right = true;
    woken = 0;
    early = 0;
    for (uint32_t i = 0; i < SLEEPERS; i++) {
        deadlines[i] = start + (i * 7 % SLEEPERS) * MILLISECOND;
        threads[i] = bare_thread(sleep_and_tell, i, stacks[i] + STACK_SIZE);
        right = right && threads[i] > 0;
    }
    right = right && wait_for(&woken, SLEEPERS) && early == 0;
    for (uint32_t i = 0; right && i < SLEEPERS; i++)
        right = step_ok(order[i] * 7 % SLEEPERS == i, "out of order at", i);
    wait_until_alone();
    for (uint32_t i = 0; i < SLEEPERS; i++)
        right = limen_handle_close(handle_of(threads[i])) == 0 && right;
    return right;
}

static volatile uint32_t asleep;

static void sleep_until(uint32_t which)
{
    static const uint64_t far[] = {~0ull, 1ull << 63, (1ull << 63) - 1, 1ull << 62,
                                   1ull << 40};
    asleep = 1;
    (void)limen_clock_sleep(&far[which]);
    (void)limen_process_exit(1);
}

static bool far_future(void)
{
    bool right = true;
    for (uint32_t i = 0; i < 5; i++) {
        struct child child;
        struct process_end end;
        uint64_t deadline;
        asleep = 0;
        right = right && twin_load(&child, 256) && twin_start(&child, sleep_until, i) &&
                child_wait_for(child, &asleep, 1);
        deadline = clock_now() + 3 * MILLISECOND;
        right = right &&
                limen_process_wait(child.process, &end, &deadline) == -ETIMEDOUT &&
                limen_process_kill(child.process, 2) == 0;
        child_close(&child);
    }
    return right;
}

static uint64_t cycles(void)
{
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

/* (ticks * scale) >> shift, with all 96 bits of the product. */
static uint64_t scaled(uint64_t ticks, uint32_t scale, uint32_t shift)
{
    uint64_t low = (ticks & 0xffffffff) * scale;
    uint64_t high = (ticks >> 32) * scale + (low >> 32);
    if (shift == 32)
        return high;
    return (high << (32 - shift)) | ((low & 0xffffffff) >> shift);
}

static uint64_t threshold_clock(void)
{
    const volatile struct threshold_page *page = threshold();
    uint32_t sequence;
    uint64_t now;
    do {
        sequence = page->sequence;
        now = page->base_ns +
              scaled(cycles() - page->base_tsc, page->scale, page->scale_shift);
    } while ((sequence & 1) != 0 || sequence != page->sequence);
    return now;
}

static bool threshold_clock_agrees(void)
{
    bool right = true;
    if (!threshold()->clock_usable)
        return case_skip("this processor's time stamp counter is no clock");
    for (int i = 0; right && i < 2000; i++) {
        uint64_t before = clock_now();
        uint64_t between = threshold_clock();
        uint64_t after = clock_now();
        right = step_ok(between >= before && between <= after, "off by",
                        (long long)(between - before));
        if (i % 200 == 0)
            sleep_for(MILLISECOND);
    }
    return right;
}

static bool threshold_wall(void)
{
    uint64_t wall_now = 0;
    uint64_t before = clock_now();
    bool right = limen_clock_get(CLOCK_ID_WALL, &wall_now) == 0;
    uint64_t after = clock_now();
    uint64_t offset = threshold()->wall_offset;
    return right && wall_now - offset >= before && wall_now - offset <= after;
}

static const struct test_case cases[] = {
    {"the monotonic clock does not run backwards", monotonic},
    {"the wall clock tells a time of our century, and goes on", wall},
    {"no such clock", no_such_clock},
    {"a sleep does not end before its deadline", sleep_reaches_deadline},
    {"a sleep until what has passed returns", sleep_in_the_past},
    {"many sleepers wake in the order of their deadlines", sleepers_in_order},
    {"a sleep for ever is one", far_future},
    {"the threshold page's clock is the kernel's", threshold_clock_agrees},
    {"the threshold page's wall clock is the kernel's", threshold_wall},
};

int main(void)
{
    return RUN_CASES(cases);
}
