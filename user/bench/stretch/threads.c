/* SPDX-License-Identifier: MIT */
/* Loads of many threads, handles and processes. */
#include "loads.h"

#include <limits.h>
#include <stddef.h>

#define MILLISECOND 1000000u
#define WAITERS 5000u
#define CHILDREN 1000u
#define OWN_PAGES 4096u
#define OBJECTS 1000u
#define VICTIM_PAGES 2500u
#define PARENT_PAGES (CHILDREN * PROCESS_MIN_PAGES + 64)

static handle_t make_process(uint32_t pages)
{
    return (handle_t){(uint32_t)check("process_create", limen_process_create(pages))};
}

static void kill_process(handle_t process)
{
    struct process_end end;

    check("process_kill", limen_process_kill(process, 0));
    check("process_wait", limen_process_wait(process, &end, NULL));
    check("handle_close", limen_handle_close(process));
}

static void add_many(const struct orders *orders, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        crowd_add(orders);
    crowd_let_wait();
}

void load_timers(void)
{
    static uint64_t deadline;
    const struct orders orders = {SYS_LIMEN_clock_sleep, {(uint32_t)&deadline}};

    deadline = clock_now() + 100 * MILLISECOND;
    add_many(&orders, THREADS);
    crowd_wait(1);
}

void load_futexes(void)
{
    static uint32_t words[2];
    const struct orders orders = {SYS_LIMEN_futex_wait, {(uint32_t)&words[0]}};

    add_many(&orders, THREADS);
    check("futex_requeue", limen_futex_requeue(&words[0], 10, INT_MAX, &words[1]));
    check("futex_wake", limen_futex_wake(&words[1], INT_MAX));
    crowd_wait(1);
}

void load_waiters(void)
{
    static struct process_end end;
    handle_t process = make_process(64);
    const struct orders orders = {SYS_LIMEN_process_wait,
                                  {process.value, (uint32_t)&end}};

    add_many(&orders, WAITERS);
    kill_process(process);
    crowd_wait(1);
}

/* What lets a thread of a settled process wait for ever. */
static struct orders wait_for_ever(void)
{
    /* The word is the first of the code, and holds what is expected. */
    return (struct orders){SYS_LIMEN_futex_wait,
                           {CROWD_SETTLEMENT, *(const uint32_t *)crowd_begin}};
}

void load_kill(void)
{
    handle_t process = make_process(VICTIM_PAGES);
    const struct orders orders = wait_for_ever();

    crowd_settle(process);
    crowd_order(process, &orders);
    for (uint32_t i = 0; i < THREADS; i++)
        crowd_add_to(process);
    crowd_let_wait();
    for (uint32_t i = 0; i < HANDLES; i++)
        check("handle_give", limen_handle_give(process, HANDLE_SELF, RIGHTS_SAME));
    kill_process(process);
}

/* Gives a process what only it holds from then on. */
static void give_away(handle_t process, const char *what, long made)
{
    handle_t handle = {(uint32_t)check(what, made)};

    check("handle_give", limen_handle_give(process, handle, RIGHTS_SAME));
    check("handle_close", limen_handle_close(handle));
}

void load_belongings(void)
{
    const uint32_t size = OWN_PAGES * PAGE_SIZE;
    handle_t process = make_process(2 * OWN_PAGES);
    struct memory_map map = {.size = size, .flags = MEMORY_READ | MEMORY_WRITE};

    check("memory_map", limen_memory_map(process, &map));
    for (uint32_t offset = 0; offset < size; offset += PAGE_SIZE)
        check("memory_write", limen_memory_write(process, map.address + offset, "", 1));
    for (uint32_t i = 0; i < OBJECTS; i++) {
        handle_t port = {(uint32_t)check("port_create", limen_port_create())};
        give_away(process, "endpoint_mint", limen_endpoint_mint(port, i));
        give_away(process, "handle_duplicate", limen_handle_duplicate(port, RIGHTS_SAME));
        check("handle_close", limen_handle_close(port));
        give_away(process, "memory_create", limen_memory_create(size));
        give_away(process, "process_create", limen_process_create(PROCESS_MIN_PAGES));
    }
    kill_process(process);
}

/* The parent's threads make a child each and end; the first sleeps for ever. */
void load_family(void)
{
    handle_t process = make_process(PARENT_PAGES);
    struct orders orders = wait_for_ever();
    struct process_info info = {0};

    crowd_settle(process);
    crowd_order(process, &orders);
    crowd_add_to(process);
    crowd_let_wait();
    orders = (struct orders){SYS_LIMEN_process_create, {PROCESS_MIN_PAGES}};
    crowd_order(process, &orders);
    for (uint32_t i = 0; i < CHILDREN; i++)
        crowd_add_to(process);
    while (info.handles < CHILDREN) {
        crowd_let_wait();
        check("process_info", limen_process_info(process, &info));
    }
    kill_process(process);
}
