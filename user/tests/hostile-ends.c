/* SPDX-License-Identifier: MIT */
/*
 * A process that ends amid a call of its own: while that finds no memory, and so reaps
 * what another process has left, there goes the port at which a fault of the first one
 * waits. The machine goes on.
 */
#include <errno.h>

#include "cases.h"
#include "row.h"

#define PAGES 700
#define CHILD_SHARE 420
#define FRESH 0x50000000u
#define NOTHING 0x70000000u /* not mapped */
#define FRESH_SIZE (2048u * PAGE_SIZE)
#define GIFTS 6000
#define TWINS 12
#define STACK_SIZE 4096

static uint8_t stacks[2][STACK_SIZE] __attribute__((aligned(16)));
static volatile uint32_t calls;

static void must(bool right, uint32_t status)
{
    if (!right)
        (void)limen_process_exit(status);
}

/* Faults, and nobody answers. */
static void touch_nothing(uint32_t unused)
{
    (void)unused;
    *(volatile uint32_t *)NOTHING = 1;
    (void)limen_process_exit(20);
}

/* Has the time written where there is no page, nor memory for one. */
static void copy_to_fresh(uint32_t pause)
{
    for (;;) {
        uint64_t until = clock_now() + pause;
        (void)limen_clock_sleep(&until);
        (void)limen_clock_get(CLOCK_ID_MONOTONIC,
                              (uint64_t *)(FRESH + FRESH_SIZE - PAGE_SIZE));
        calls++;
    }
}

/* Takes all memory that is left. */
static void exhaust(void)
{
    uint32_t at = FRESH;
    while (limen_clock_get(CLOCK_ID_MONOTONIC, (uint64_t *)at) == 0)
        at += PAGE_SIZE;
}

static void lose_the_pager(uint32_t pause)
{
    static const struct child self = {.process = HANDLE_SELF};
    handle_t process = handle_of(limen_process_create(CHILD_SHARE));
    must((long)process.value > 0, 1);
    handle_t port = handle_of(limen_port_create());
    handle_t endpoint = handle_of(limen_endpoint_mint(port, 1));
    must((long)endpoint.value > 0, 2);
    must(limen_handle_give(process, port, RIGHTS_SAME) > 0, 4);
    for (int i = 0; i < GIFTS; i++) /* which are closed first */
        must(limen_handle_give(process, endpoint, RIGHTS_SAME) > 0, 3);
    must(limen_process_fault_endpoint(HANDLE_SELF, endpoint) == 0, 5);
    must(limen_handle_close(port) == 0, 6);
    must(child_map(self, FRESH, FRESH_SIZE, MEMORY_READ | MEMORY_WRITE) == 0, 7);
    long faulting = bare_thread(touch_nothing, 0, stacks[0] + STACK_SIZE);
    long copying = bare_thread(copy_to_fresh, pause, stacks[1] + STACK_SIZE);
    must(faulting > 0 && copying > 0, 8);
    must(limen_thread_priority(handle_of(copying), 20) == 0, 9);
    must(limen_thread_priority(HANDLE_SELF, 10) == 0, 10);
    exhaust();
    while (calls < 3)
        (void)limen_thread_yield();
    (void)limen_process_kill(process, 0);
    /* The fault's port goes with it, and so does this process. */
    for (;;)
        (void)limen_thread_yield();
}

static bool ends_amid_a_call(void)
{
    bool right = true;
    for (uint32_t i = 0; right && i < TWINS; i++) {
        struct child child;
        struct process_end end;
        char words[128];
        outcome_t outcome =
            twin_run(&child, PAGES, lose_the_pager, 5000 + i * 3000, &end);
        right = outcome == FAULT(14) && end.address == NOTHING;
        if (!right)
            tap_note("%s", outcome_text(outcome, &end, words, sizeof(words)));
        child_close(&child);
    }
    return right;
}

static const struct test_case cases[] = {
    {"a process ends amid a copy of its own", ends_amid_a_call},
};

int main(void)
{
    return RUN_CASES(cases);
}
