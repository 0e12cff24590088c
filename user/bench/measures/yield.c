/* SPDX-License-Identifier: MIT */
/*
 * thread_yield between two threads, of two processes and of one. Both yield through the
 * threshold page's stub, so every call ends in the other thread and one turn of the
 * measured loop is two calls. The partner has %fs and %gs bases of its own, as every
 * thread of a C program has, so the switch includes what they cost. The value is per call
 * with the user's half (number, call, stub); the loops around it are subtracted.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <limen/abi.h>
#include <limen/syscall.h>

#include "partner.h"
#include "ruler.h"

#define WARM_UP 100u            /* the partner's first pages, and what else comes once */
#define PARTNER_PAGES 32u       /* the partner process's quota */

/* Puts the partner into the process and lets it run. */
static void partner_start(handle_t process)
{
    struct memory_map map = {
        .address = PARTNER_ADDRESS,
        .size = PARTNER_SIZE,
        .flags = MEMORY_READ | MEMORY_WRITE | MEMORY_EXECUTE | MEMORY_FIXED,
    };
    const struct thread_start start = {
        .eip = PARTNER_ADDRESS,
        .esp = PARTNER_STACK,
        .flags = THREAD_FS | THREAD_GS,
        .fs_base = PARTNER_COUNT,
        .gs_base = PARTNER_COUNT,
    };
    check("memory_map", limen_memory_map(process, &map));
    check("memory_write", limen_memory_write(process, PARTNER_ADDRESS, partner_begin,
                                             (uint32_t)(partner_end - partner_begin)));
    check("thread_create", limen_thread_create(process, &start));
}

static uint32_t partner_turns(handle_t process)
{
    uint32_t turns = 0;
    check("memory_read",
          limen_memory_read(process, PARTNER_COUNT, &turns, sizeof(turns)));
    return turns;
}

static void measure(const char *name, handle_t process)
{
    partner_start(process);
    ruler_measure(loop_yield, WARM_UP, PARTNER_LOOP, 0);
    uint32_t before = partner_turns(process);
    uint32_t ticks = ruler_measure(loop_yield, ITERATIONS, PARTNER_LOOP, 0);
    uint32_t turns = partner_turns(process) - before;
    if (turns != ITERATIONS) {
        printf("%s: the partner made %u turns, not %u\n", name, turns, ITERATIONS);
        exit(1);
    }
    ruler_report(name, ticks, 2 * ITERATIONS);
}

void bench_yield_processes(void)
{
    long made = check("process_create", limen_process_create(PARTNER_PAGES));
    handle_t process = {(uint32_t)made};
    measure("yield_two_processes", process);
    check("process_kill", limen_process_kill(process, 0));
    check("handle_close", limen_handle_close(process));
}

/* Nothing but the end of this process ends the partner in it. */
void bench_yield_threads(void)
{
    measure("yield_two_threads", HANDLE_SELF);
}
