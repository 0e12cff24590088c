/* SPDX-License-Identifier: MIT */
/* Cases: who runs at once, when the timer does, and whose time it was. */
#ifndef SCHEDULING_TIMES_H
#define SCHEDULING_TIMES_H

#include <stdbool.h>

bool higher_priority_preempts(void);
bool deadline_preempts(void);
bool alone_without_ticks(void);
bool ticks_among_equals(void);
bool times_add_up(void);

#endif
