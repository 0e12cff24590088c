/* SPDX-License-Identifier: MIT */
/*
 * Who runs: whoever waits for a chain of servers lends its priority to all of them, those
 * of one priority take turns, and the timer is quiet when nobody needs it. What happens
 * follows from priorities and events alone; where time is what is looked at, it is the
 * machine's own.
 */
#include "../stage.h"
#include "lending.h"
#include "relief.h"
#include "times.h"
#include "turns.h"

static const struct test_case cases[] = {
    {"a caller lends its priority to three servers in a row", chain_of_calls},
    {"so it does with long messages", chain_of_long_calls},
    {"so does a caller in the queue before them", queue_before_a_chain},
    {"what is lent follows the caller's priority", lent_priority_follows},
    {"a caller that gives up takes back what it lent", caller_gives_up},
    {"so does one that is killed", caller_is_killed},
    {"a server in the middle leaves", server_in_between_leaves},
    {"the last server leaves", last_server_leaves},
    {"a deferred call lends nothing", deferred_lends_nothing},
    {"a deferred answer goes all the way at once", deferred_answer_preempts},
    {"a server is relieved of a call that another takes", other_server_takes_the_call},
    {"and of one that another refuses", other_server_refuses_the_call},
    {"and of its own", other_server_takes_own_call},
    {"and of a cycle of calls", other_server_ends_a_cycle},
    {"a server that leaves hands on what it inherits", next_server_inherits},
    {"who refuses many gives way to those of a higher priority", refusals_give_way},
    {"a higher priority runs at once, whatever wakes it", higher_priority_preempts},
    {"so it does at its deadline", deadline_preempts},
    {"a thread alone has no ticks", alone_without_ticks},
    {"two of one priority have no more than they need", ticks_among_equals},
    {"busy threads share the time", busy_threads_share},
    {"so do they when they are interrupted often", interrupted_threads_share},
    {"their turns end while somebody above them runs", turns_end_under_load},
    {"a pair that calls leaves others their share", fast_calls_share},
    {"so does one whose server answers and receives apart", separate_answers_share},
    {"so does one whose server defers", deferred_answers_share},
    {"so does one that sends some bytes", short_messages_share},
    {"so does one that sends pages", long_messages_share},
    {"so does one whose client lends its priority", lending_calls_share},
    {"so does one that only sends", sends_share},
    {"so does one of two processes", calls_between_processes_share},
    {"processor times add up", times_add_up},
};

int main(void)
{
    return RUN_CASES(cases);
}
