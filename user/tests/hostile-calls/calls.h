/* SPDX-License-Identifier: MIT */
/* Cases, by file, and what they share: threads that call, and tell when they are back. */
#ifndef HOSTILE_CALLS_H
#define HOSTILE_CALLS_H

#include "../stage.h"

#define TWIN_PAGES 160

static const handle_t nothing = {0};
static volatile long results[STAGE_THREADS];
static volatile uint32_t returned[STAGE_THREADS];

/* The call comes back, now or soon. */
static inline bool result_is(uint32_t which, long wanted)
{
    return stage_wait(&returned[which], 1) &&
           step_ok(results[which] == wanted, "the call's result", results[which]);
}

static inline bool still_waits(uint32_t which)
{
    stage_settle();
    return step_ok(returned[which] == 0, "it came back with", results[which]);
}

/* bound.c */
bool bound_to_a_dead_port(void);
bool rebound_while_calls_wait(void);
bool port_dies_under_bound_calls(void);
bool bound_badge_closes(void);
bool bound_calls_answered(void);
bool bound_callers_stopped(void);
bool bound_calls_without_handles(void);
bool numbers_that_cannot_be_bound(void);

/* faults.c */
bool pager_ends(void);
bool pagers_of_each_other(void);
bool pager_of_itself(void);
bool endpoint_changes(void);
bool answered_for_nothing(void);
bool answered_like_a_caller(void);
bool refused_after_all(void);
bool suspended_in_a_fault(void);
bool no_memory_is_no_fault(void);
bool pager_without_memory(void);
bool faults_while_it_serves(void);
bool many_threads_fault(void);

/* refused.c */
bool refused_in_every_state(void);
bool refused_by_itself(void);
bool handles_through_themselves(void);

#endif
