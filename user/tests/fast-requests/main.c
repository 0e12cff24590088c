/* SPDX-License-Identifier: MIT */
/*
 * Requests by int 0x81, for which the kernel has a short way, beside everything that may
 * be in that way: memory, handles, fields, other threads, ends. By number, or where one
 * thing is not as it mostly is, it takes a longer one, and what comes of it is the same.
 */
#include "ask.h"

static const struct test_case cases[] = {
    {"sent from all places", sent_from_all_places},
    {"answered into all places", answered_into_all_places},
    {"taken into all places", taken_into_all_places},
    {"every bit of the handles", bits_of_handles},
    {"handles to other objects", other_objects},
    {"handles that lack a right", lacking_rights},
    {"handles that were closed", stale_handles},
    {"every bit of a message", bits_of_a_message},
    {"what crosses is not one message", odd_crossings},
    {"more requests than a port keeps", more_than_spares},
    {"requests with a time-out", timed_requests},
    {"requests of bytes and handles", long_requests},
    {"live messages", live_messages},
    {"every way to wait, at all priorities", every_way_to_wait},
    {"two threads wait", two_wait},
    {"one waits for any message, one for this", named_and_any},
    {"who waits is suspended", waiter_suspended},
    {"who waits leaves", waiter_leaves},
    {"who waits gets an upcall", waiter_interrupted},
    {"who waits has waited with a deadline", waiter_timed},
    {"who waits has an upcall that is held", waiter_held},
    {"the reply port is closed", reply_port_closed},
    {"the server is suspended", server_suspended},
    {"the server has an upcall that is held", server_held},
    {"the server leaves", server_leaves},
    {"the server has another port", server_moves},
    {"somebody else is ready", somebody_goes_first},
    {"the sender dies", sender_dies},
    {"the sender runs step by step", sender_steps},
    {"I/O ports stay with their process", io_ports_stay},
};

#define CASES (sizeof(cases) / sizeof(*cases))

/* Behind the others: a table of handles keeps what it has grown to, and its first slots
 * are not the next from then on. */
static const struct test_case last = {"handles that are not among the first", late_slots};

static void grow_handles(void)
{
    static handle_t handles[1200];
    for (uint32_t i = 0; i < 1200; i++)
        handles[i] = handle_of(limen_port_create());
    for (uint32_t i = 0; i < 1200; i++)
        (void)limen_handle_close(handles[i]);
}

int main(void)
{
    handle_t root = handle_of((long)getauxval(AT_LIMEN_RESOURCE));
    (void)limen_ports_request(root, IO_PORT, 1); /* which takes memory */
    tap_plan(CASES + 1);
    touch_own_memory();
    /* Whoever started this program touches its own memory once more until it waits. */
    for (int i = 0; i < 10; i++)
        (void)limen_thread_yield();
    for (uint32_t i = 0; i < CASES; i++)
        run_case(&cases[i]);
    grow_handles();
    run_case(&last);
    return tap_done();
}
