/* SPDX-License-Identifier: MIT */
/* Crowds of threads: see crowd.h. */
#include "crowd.h"

#include <stdio.h>
#include <stdlib.h>

#define ORDERS_AT (CROWD_SETTLEMENT + PAGE_SIZE / 2)

long check(const char *what, long result)
{
    if (result < 0) {
        printf("%s answers %ld\n", what, result);
        exit(1);
    }
    return result;
}

static handle_t make(handle_t process, uint32_t eip, uint32_t orders)
{
    struct thread_start how = {.eip = eip, .eax = orders};

    return (handle_t){
        (uint32_t)check("thread_create", limen_thread_create(process, &how))};
}

static void start(handle_t process, uint32_t eip, uint32_t orders)
{
    check("handle_close", limen_handle_close(make(process, eip, orders)));
}

void crowd_add(const struct orders *orders)
{
    start(HANDLE_SELF, (uint32_t)crowd_begin, (uint32_t)orders);
}

void crowd_add_repeating(const struct repeated_orders *orders)
{
    start(HANDLE_SELF, (uint32_t)crowd_repeat_begin, (uint32_t)orders);
}

handle_t crowd_add_twice(const struct orders orders[2])
{
    return make(HANDLE_SELF, (uint32_t)crowd_twice_begin, (uint32_t)orders);
}

void crowd_add_to(handle_t process)
{
    start(process, CROWD_SETTLEMENT, ORDERS_AT);
}

void crowd_settle(handle_t process)
{
    struct memory_map map = {
        .address = CROWD_SETTLEMENT,
        .size = PAGE_SIZE,
        .flags = MEMORY_READ | MEMORY_WRITE | MEMORY_EXECUTE | MEMORY_FIXED,
    };

    check("memory_map", limen_memory_map(process, &map));
    check("memory_write", limen_memory_write(process, CROWD_SETTLEMENT, crowd_begin,
                                             (uint32_t)(crowd_end - crowd_begin)));
}

void crowd_order(handle_t process, const struct orders *orders)
{
    check("memory_write",
          limen_memory_write(process, ORDERS_AT, orders, sizeof(*orders)));
}

uint32_t crowd_size(void)
{
    struct process_info info;

    check("process_info", limen_process_info(HANDLE_SELF, &info));
    return info.threads;
}

void crowd_wait(uint32_t left)
{
    while (crowd_size() > left)
        check("thread_yield", limen_thread_yield());
}

void crowd_let_wait(void)
{
    check("thread_yield", limen_thread_yield());
    check("thread_yield", limen_thread_yield());
}

uint64_t clock_now(void)
{
    uint64_t now;

    check("clock_get", limen_clock_get(CLOCK_ID_MONOTONIC, &now));
    return now;
}

void sleep_for(uint64_t ns)
{
    uint64_t deadline = clock_now() + ns;

    check("clock_sleep", limen_clock_sleep(&deadline));
}
