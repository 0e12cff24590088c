/* SPDX-License-Identifier: MIT */
/* Cases: threads of one priority take turns, however they pass their time. */
#ifndef SCHEDULING_TURNS_H
#define SCHEDULING_TURNS_H

#include <stdbool.h>

bool busy_threads_share(void);
bool interrupted_threads_share(void);
bool turns_end_under_load(void);
bool fast_calls_share(void);
bool separate_answers_share(void);
bool deferred_answers_share(void);
bool short_messages_share(void);
bool long_messages_share(void);
bool lending_calls_share(void);
bool sends_share(void);
bool calls_between_processes_share(void);

#endif
