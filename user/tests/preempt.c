/* SPDX-License-Identifier: MIT */
/*
 * Round robin: who never gives the processor away loses it all the same, everybody who is
 * ready gets it, and who sleeps gets it back in spite of them.
 */
#include "cases.h"

#define SPINNERS 4
#define STACK_SIZE 512

static uint8_t stacks[SPINNERS][STACK_SIZE] __attribute__((aligned(16)));
static volatile uint32_t turns[SPINNERS];
static volatile uint32_t stop;
static volatile uint32_t running;

static void count_turns(uint32_t which)
{
    running = 1;
    while (!stop)
        turns[which]++;
    (void)limen_thread_exit(NULL, 0, 0);
}

static void spin(uint32_t unused)
{
    (void)unused;
    running = 1;
    for (;;)
        ;
}

/* Every spinner of this process advances, whatever the others do. */
static bool threads_share(void)
{
    long threads[SPINNERS];
    bool right = true;
    stop = 0;
    for (uint32_t i = 0; i < SPINNERS; i++) {
        turns[i] = 0;
        threads[i] = bare_thread(count_turns, i, stacks[i] + STACK_SIZE);
    }
    uint64_t deadline = clock_now() + PATIENCE;
    for (uint32_t i = 0; i < SPINNERS; i++)
        for (uint32_t seen = turns[i], times = 0; right && times < 3; seen = turns[i]) {
            sleep_for(MILLISECOND);
            times += turns[i] != seen;
            right = clock_now() < deadline;
        }
    stop = 1;
    wait_until_alone();
    for (uint32_t i = 0; i < SPINNERS; i++)
        right = limen_handle_close(handle_of(threads[i])) == 0 && right;
    return right;
}

static bool start_spinner(struct child *child)
{
    running = 0;
    return twin_load(child, 256) && twin_start(child, spin, 0) &&
           child_wait_for(*child, &running, 1);
}

static bool processes_share(void)
{
    struct child children[3];
    bool right = true;
    for (int i = 0; i < 3; i++)
        right = right && start_spinner(&children[i]);
    for (int i = 0; right && i < 5; i++) {
        uint64_t deadline = clock_now() + MILLISECOND;
        right = limen_clock_sleep(&deadline) == 0 && limen_thread_yield() == 0 &&
                clock_now() - deadline < PATIENCE;
    }
    for (int i = 0; i < 3; i++) {
        right = limen_process_kill(children[i].process, 0) == 0 && right;
        child_close(&children[i]);
    }
    return right;
}

/* A yield lets every other ready thread run before it comes back: counters advance by
 * turns. */
static volatile uint32_t ticks[2];

static void take_turns(uint32_t which)
{
    for (int i = 0; i < 100; i++) {
        ticks[which]++;
        (void)limen_thread_yield();
    }
    (void)limen_thread_exit(NULL, 0, 0);
}

static bool yields_alternate(void)
{
    long threads[2];
    uint32_t gap = 0;
    bool right;
    ticks[0] = ticks[1] = 0;
    for (uint32_t i = 0; i < 2; i++)
        threads[i] = bare_thread(take_turns, i, stacks[i] + STACK_SIZE);
    while (ticks[0] < 100 || ticks[1] < 100) {
        uint32_t a = ticks[0], b = ticks[1];
        uint32_t now = a > b ? a - b : b - a;
        gap = now > gap ? now : gap;
        (void)limen_thread_yield();
    }
    right = step_ok(gap <= 5, "one was ahead by", gap);
    wait_until_alone();
    for (uint32_t i = 0; i < 2; i++)
        right = limen_handle_close(handle_of(threads[i])) == 0 && right;
    return right;
}

static bool yield_alone(void)
{
    for (int i = 0; i < 10000; i++)
        if (limen_thread_yield() != 0)
            return false;
    return true;
}

static const struct test_case cases[] = {
    {"threads that spin share the processor", threads_share},
    {"processes that spin do not starve one that sleeps", processes_share},
    {"yield lets the others run first", yields_alternate},
    {"yield alone returns", yield_alone},
};

int main(void)
{
    return RUN_CASES(cases);
}
