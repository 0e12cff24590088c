/* SPDX-License-Identifier: MIT */
/* Calls that nobody meant to come so. */
#include "calls.h"

static const struct test_case cases[] = {
    {"a number bound to a dead port", bound_to_a_dead_port},
    {"a number bound anew while calls wait", rebound_while_calls_wait},
    {"a port that dies under bound calls", port_dies_under_bound_calls},
    {"a badge that only a number holds", bound_badge_closes},
    {"bound calls answered in every way", bound_calls_answered},
    {"bound callers stopped and sent away", bound_callers_stopped},
    {"bound calls of a process without handles", bound_calls_without_handles},
    {"numbers that cannot be bound", numbers_that_cannot_be_bound},
    {"a pager that dies, faults or leaves", pager_ends},
    {"two processes that page for each other", pagers_of_each_other},
    {"a process that pages for itself", pager_of_itself},
    {"a fault endpoint changed while a fault waits", endpoint_changes},
    {"a pager that resolves nothing", answered_for_nothing},
    {"a fault answered like a call", answered_like_a_caller},
    {"a fault refused after its registers were written", refused_after_all},
    {"a thread suspended in its fault", suspended_in_a_fault},
    {"no memory is not a pager's business", no_memory_is_no_fault},
    {"a pager that has no place for a handle", pager_without_memory},
    {"a server that faults tells its caller", faults_while_it_serves},
    {"many threads that fault at one time", many_threads_fault},
    {"callers refused in every state", refused_in_every_state},
    {"a process that refuses itself", refused_by_itself},
    {"handles sent through what they name", handles_through_themselves},
};

int main(void)
{
    return RUN_CASES(cases);
}
