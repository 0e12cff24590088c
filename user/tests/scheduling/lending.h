/* SPDX-License-Identifier: MIT */
/* Cases: who waits for a chain of servers lends its priority to all of them. */
#ifndef SCHEDULING_LENDING_H
#define SCHEDULING_LENDING_H

#include <stdbool.h>

bool chain_of_calls(void);
bool chain_of_long_calls(void);
bool queue_before_a_chain(void);
bool lent_priority_follows(void);
bool caller_gives_up(void);
bool caller_is_killed(void);
bool server_in_between_leaves(void);
bool last_server_leaves(void);
bool deferred_lends_nothing(void);
bool deferred_answer_preempts(void);

#endif
