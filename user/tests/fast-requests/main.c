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
    {"handles that are not among the first", late_slots},
    {"every bit of a message", bits_of_a_message},
    {"what crosses is not one message", odd_crossings},
    {"more requests than a port keeps", more_than_spares},
    {"every way to wait, at all priorities", every_way_to_wait},
    {"two threads wait", two_wait},
    {"one waits for any message, one for this", named_and_any},
    {"who waits is suspended", waiter_suspended},
    {"who waits leaves", waiter_leaves},
    {"who waits gets an upcall", waiter_interrupted},
    {"the reply port is closed", reply_port_closed},
    {"the server is suspended", server_suspended},
    {"the server leaves", server_leaves},
    {"the server has another port", server_moves},
    {"somebody else is ready", somebody_goes_first},
    {"the sender dies", sender_dies},
    {"the sender runs step by step", sender_steps},
    {"I/O ports stay with their process", io_ports_stay},
};

/* Tables keep what they have grown to: of handles, and of I/O ports. */
static void grow(void)
{
    static handle_t handles[1200];
    handle_t root = handle_of((long)getauxval(AT_LIMEN_RESOURCE));
    for (uint32_t i = 0; i < 1200; i++)
        handles[i] = handle_of(limen_port_create());
    for (uint32_t i = 0; i < 1200; i++)
        (void)limen_handle_close(handles[i]);
    (void)limen_ports_request(root, 0x84, 1);
}

int main(void)
{
    grow();
    return RUN_CASES(cases);
}
