/* SPDX-License-Identifier: MIT */
/* The stage of the cases about scheduling: see stage.h. */
#include "stage.h"

#define STACK_SIZE 4096

handle_t stage_threads[STAGE_THREADS];
handle_t stage_ports[STAGE_PORTS], stage_endpoints[STAGE_PORTS];
volatile uint32_t stage_stop;

static uint8_t stacks[STAGE_THREADS][STACK_SIZE] __attribute__((aligned(16)));
static void (*bodies[STAGE_THREADS])(uint32_t);
static volatile uint32_t begun[STAGE_THREADS]; /* it may */
static uint32_t priority_before;

struct thread_info stage_info(handle_t thread)
{
    struct thread_info info = {0};
    (void)limen_thread_info(thread, &info);
    return info;
}

uint32_t stage_priority(uint32_t which)
{
    return stage_info(stage_threads[which]).priority;
}

void stage_own_priority(uint32_t priority)
{
    (void)limen_thread_priority(HANDLE_SELF, priority);
}

void stage_settle(void)
{
    uint32_t own = stage_info(HANDLE_SELF).base_priority;
    stage_own_priority(ASIDE);
    stage_own_priority(own);
}

void stage_tell(volatile uint32_t *word, uint32_t value)
{
    *word = value;
    (void)limen_futex_wake((uint32_t *)word, STAGE_THREADS + 1);
}

bool stage_wait(volatile uint32_t *word, uint32_t value)
{
    uint64_t deadline = clock_now() + PATIENCE;
    long error = 0;
    uint32_t now;
    while ((now = *word) != value && error != -ETIMEDOUT)
        error = limen_futex_wait((uint32_t *)word, now, &deadline);
    return step_ok(now == value, "the word that was waited for", now);
}

void stage_wait_on(volatile uint32_t *word, uint32_t value)
{
    uint32_t now;
    while ((now = *word) != value)
        (void)limen_futex_wait((uint32_t *)word, now, NULL);
}

/* --- Threads --- */

static void run(uint32_t which)
{
    stage_wait_on(&begun[which], 1);
    bodies[which](which);
    for (;;)
        (void)limen_thread_exit(NULL, 0, 0);
}

bool stage_start(uint32_t which, void (*function)(uint32_t), uint32_t priority)
{
    bodies[which] = function;
    begun[which] = 0;
    long thread = bare_thread(run, which, stacks[which] + STACK_SIZE);
    stage_threads[which] = handle_of(thread < 0 ? 0 : thread);
    if (!step_ok(thread > 0, "thread_create", thread))
        return false;
    long error = limen_thread_priority(stage_threads[which], priority);
    stage_tell(&begun[which], 1);
    return step_ok(error == 0, "thread_priority", error);
}

static void leave(void)
{
    for (;;)
        (void)limen_thread_exit(NULL, 0, 0);
}

bool stage_make_leave(uint32_t which)
{
    struct thread_state state;
    handle_t thread = stage_threads[which];
    if (limen_thread_suspend(thread) != 0 || limen_thread_read(thread, &state) != 0)
        return false;
    state.eip = (uint32_t)leave;
    state.esp = (uint32_t)stacks[which] + STACK_SIZE - 16 - 4;
    return limen_thread_write(thread, &state) == 0 && limen_thread_resume(thread) == 0;
}

static bool close_threads(void)
{
    struct process_info info = {0};
    stage_stop = 1;
    stage_settle();
    (void)limen_process_info(HANDLE_SELF, &info);
    for (uint32_t i = 0; i < STAGE_THREADS; i++) {
        if (stage_threads[i].value != 0)
            (void)limen_handle_close(stage_threads[i]);
        stage_threads[i].value = 0;
    }
    return step_ok(info.threads == 1, "threads left", info.threads);
}

/* --- Ports --- */

bool stage_open(uint32_t ports)
{
    bool right = true;
    stage_stop = 0;
    priority_before = stage_info(HANDLE_SELF).base_priority;
    stage_own_priority(OWN);
    for (uint32_t i = 0; i < ports; i++) {
        stage_ports[i] = handle_of(limen_port_create());
        stage_endpoints[i] = handle_of(limen_endpoint_mint(stage_ports[i], i));
        right =
            right && (long)stage_ports[i].value > 0 && (long)stage_endpoints[i].value > 0;
    }
    return right;
}

void stage_close_port(uint32_t which)
{
    if (stage_ports[which].value == 0)
        return;
    (void)limen_handle_close(stage_endpoints[which]);
    (void)limen_handle_close(stage_ports[which]);
    stage_ports[which].value = 0;
}

bool stage_close(void)
{
    stage_own_priority(OWN);
    for (uint32_t i = 0; i < STAGE_PORTS; i++)
        stage_close_port(i);
    bool right = close_threads();
    stage_own_priority(priority_before);
    return right;
}
