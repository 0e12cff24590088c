/* SPDX-License-Identifier: MIT */
/* Cases: who has inherited a priority loses it when somebody else takes the work. */
#ifndef SCHEDULING_RELIEF_H
#define SCHEDULING_RELIEF_H

#include <stdbool.h>

bool other_server_takes_the_call(void);
bool other_server_refuses_the_call(void);
bool other_server_takes_own_call(void);
bool other_server_ends_a_cycle(void);
bool next_server_inherits(void);
bool refusals_give_way(void);

#endif
