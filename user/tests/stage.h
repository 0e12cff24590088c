/* SPDX-License-Identifier: MIT */
/*
 * A stage for tests of several threads: threads of this process whose priorities are set
 * before they do anything, ports, and the two ways in which the first thread, which is
 * above all others, waits: for a word, and until nobody else can run. So what happens
 * follows from priorities and events alone.
 */
#ifndef TESTS_STAGE_H
#define TESTS_STAGE_H

#include <errno.h>

#include <limen/message.h>

#include "cases.h"

#define STAGE_THREADS 6
#define STAGE_PORTS 3

/* Priorities. Nobody else has those between. */
enum {
    ASIDE = 1,
    LEAST = 4,
    LESS = 8,
    LITTLE = 12,
    MIDDLE = 20,
    BETWEEN = 30,
    HIGH = 40,
    HIGHER = 44,
    OWN = 48, /* of the first thread, unless a case says otherwise */
};

#define STAGE_STACK_SIZE 4096

static handle_t stage_threads[STAGE_THREADS];
static handle_t stage_ports[STAGE_PORTS], stage_endpoints[STAGE_PORTS];
static volatile uint32_t stage_stop; /* threads that do not wait leave when it is set */

static uint8_t stage_stacks[STAGE_THREADS][STAGE_STACK_SIZE] __attribute__((aligned(16)));
static void (*stage_bodies[STAGE_THREADS])(uint32_t);
static volatile uint32_t stage_begun[STAGE_THREADS]; /* it may */
static uint32_t stage_priority_before;

static inline struct thread_info stage_info(handle_t thread)
{
    struct thread_info info = {0};
    (void)limen_thread_info(thread, &info);
    return info;
}

/* The priority at which a thread runs. */
static inline uint32_t stage_priority(uint32_t which)
{
    return stage_info(stage_threads[which]).priority;
}

static inline void stage_own_priority(uint32_t priority)
{
    (void)limen_thread_priority(HANDLE_SELF, priority);
}

/* Lets all others run until they wait; not for where somebody never does. */
static inline void stage_settle(void)
{
    uint32_t own = stage_info(HANDLE_SELF).base_priority;
    stage_own_priority(ASIDE);
    stage_own_priority(own);
}

/* Sets the word and wakes whoever waits for it. */
static inline void stage_tell(volatile uint32_t *word, uint32_t value)
{
    *word = value;
    (void)limen_futex_wake((uint32_t *)word, STAGE_THREADS + 1);
}

/* Waits until the word has this value; false if it never has. */
static inline bool stage_wait(volatile uint32_t *word, uint32_t value)
{
    uint64_t deadline = clock_now() + PATIENCE;
    long error = 0;
    uint32_t now;
    while ((now = *word) != value && error != -ETIMEDOUT)
        error = limen_futex_wait((uint32_t *)word, now, &deadline);
    return step_ok(now == value, "the word that was waited for", now);
}

/* The same for what never gives up. */
static inline void stage_wait_on(volatile uint32_t *word, uint32_t value)
{
    uint32_t now;
    while ((now = *word) != value)
        (void)limen_futex_wait((uint32_t *)word, now, NULL);
}

/* --- Threads --- */

static inline void stage_run(uint32_t which)
{
    stage_wait_on(&stage_begun[which], 1);
    stage_bodies[which](which);
    for (;;)
        (void)limen_thread_exit(NULL, 0, 0);
}

/* Makes a thread that runs a function, and leaves when that returns. It does not begin
 * before its priority is set. */
static inline bool stage_start(uint32_t which, void (*function)(uint32_t),
                               uint32_t priority)
{
    stage_bodies[which] = function;
    stage_begun[which] = 0;
    long thread = bare_thread(stage_run, which, stage_stacks[which] + STAGE_STACK_SIZE);
    stage_threads[which] = handle_of(thread < 0 ? 0 : thread);
    if (!step_ok(thread > 0, "thread_create", thread))
        return false;
    long error = limen_thread_priority(stage_threads[which], priority);
    stage_tell(&stage_begun[which], 1);
    return step_ok(error == 0, "thread_priority", error);
}

static inline void stage_leave(void)
{
    for (;;)
        (void)limen_thread_exit(NULL, 0, 0);
}

/* Suspends a thread, takes it out of its call, and lets it leave. */
static inline bool stage_make_leave(uint32_t which)
{
    struct thread_state state;
    handle_t thread = stage_threads[which];
    if (limen_thread_suspend(thread) != 0 || limen_thread_read(thread, &state) != 0)
        return false;
    state.eip = (uint32_t)stage_leave;
    state.esp = (uint32_t)stage_stacks[which] + STAGE_STACK_SIZE - 16 - 4;
    return limen_thread_write(thread, &state) == 0 && limen_thread_resume(thread) == 0;
}

static inline bool stage_close_threads(void)
{
    stage_stop = 1;
    stage_settle();
    uint32_t threads = process_now().threads;
    for (uint32_t i = 0; i < STAGE_THREADS; i++) {
        if (stage_threads[i].value != 0)
            (void)limen_handle_close(stage_threads[i]);
        stage_threads[i].value = 0;
    }
    return step_ok(threads == 1, "threads left", threads);
}

/* --- Ports --- */

/* Begins a case: so many ports, each with an endpoint that has its index as badge. */
static inline bool stage_open(uint32_t ports)
{
    bool right = true;
    stage_stop = 0;
    stage_priority_before = stage_info(HANDLE_SELF).base_priority;
    stage_own_priority(OWN);
    for (uint32_t i = 0; i < ports; i++) {
        stage_ports[i] = handle_of(limen_port_create());
        stage_endpoints[i] = handle_of(limen_endpoint_mint(stage_ports[i], i));
        right =
            right && (long)stage_ports[i].value > 0 && (long)stage_endpoints[i].value > 0;
    }
    return right;
}

/* Closes one port and its endpoint. */
static inline void stage_close_port(uint32_t which)
{
    if (stage_ports[which].value == 0)
        return;
    (void)limen_handle_close(stage_endpoints[which]);
    (void)limen_handle_close(stage_ports[which]);
    stage_ports[which].value = 0;
}

/* Ends a case: closes the ports, and all threads have left or do so now. */
static inline bool stage_close(void)
{
    stage_own_priority(OWN);
    for (uint32_t i = 0; i < STAGE_PORTS; i++)
        stage_close_port(i);
    bool right = stage_close_threads();
    stage_own_priority(stage_priority_before);
    return right;
}

#endif
