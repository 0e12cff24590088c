/* SPDX-License-Identifier: MIT */
/*
 * Requests to servers: system-call messages to endpoints. A server cannot tell them from
 * calls, whoever ends first ends once, and nothing that came with an answer is lost.
 */
#include "requests.h"

static const struct test_case cases[] = {
    {"a server of one loop answers calls and requests alike", words_by_one_loop},
    {"bytes go both ways", bytes_both_ways},
    {"handles go both ways", handles_both_ways},
    {"a server reads and writes parts of a request", parts_of_bytes},
    {"deferred requests are answered in any order", answered_later},
    {"a thousand requests queue, and are served in their order", thousand_in_a_queue},
    {"requests queue by priority, and lend it", by_priority},
    {"an array of requests gives way to its server", array_gives_way},
    {"an array loses its endpoint", array_loses_its_endpoint},
    {"a thread serves its own request", to_oneself},
    {"what cannot be sent is over at once", at_once_refused},
    {"a server leaves, the next goes on", server_leaves},
    {"a server's process is killed, the next goes on", server_killed},
    {"a server closes its port", port_closed},
    {"a reply port is closed, and all its requests go", reply_port_closed},
    {"a reply handle is dropped", reply_handle_dropped},
    {"a server ends the process of who broke its protocol", sender_refused},
    {"handles that nobody collects are closed", uncollected_handles},
    {"so are those of a process that ends", sender_dies_with_handles},
    {"cancelled in the queue", cancelled_in_the_queue},
    {"cancelled when it was received", cancelled_when_received},
    {"cancelled when it was deferred", cancelled_when_deferred},
    {"a time-out in the queue", time_out_in_the_queue},
    {"a time-out when it was received", time_out_when_received},
    {"a time-out amid a long answer", time_out_amid_a_long_answer},
    {"a time-out amid a long call", time_out_amid_a_long_call},
    {"a time-out where priority is lent", time_out_where_priority_is_lent},
    {"many time-outs at one moment", time_outs_of_many},
    {"a cancellation races an answer", cancel_races_an_answer},
    {"a sender is killed amid its bytes", sender_killed_amid_bytes},
    {"an answer shows itself", shown_answer},
    {"so do its handles", shown_handles},
    {"handles that cannot be shown are closed", shown_where_handles_cannot_be},
    {"a request that is waited for at once", synchronous_call},
    {"who waits so ends, or is cancelled", synchronous_caller_ends},
};

/* A handle table keeps what it has grown to. */
static void grow_handles(void)
{
    static struct system_message many[2000];
    handle_t port = queue_port();
    for (uint32_t i = 0; i < 2000; i++) {
        many[i] = (struct system_message){.operation = SYSTEM_TIMER,
                                          .flags = MSG_ASYNC,
                                          .reply_port = port,
                                          .time = UINT64_MAX};
        (void)limen_msg_send(LIMEN_SYSTEM, &many[i]);
    }
    (void)limen_handle_close(port);
}

int main(void)
{
    grow_handles();
    return RUN_CASES(cases);
}
