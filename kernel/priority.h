/* SPDX-License-Identifier: MIT */
/*
 * Priority inheritance. A thread runs at the highest of its own priority, its client's,
 * and those of the callers that wait at the port that it serves; so along every chain of
 * calls (Sha, Rajkumar, Lehoczky: Priority Inheritance Protocols, 1990).
 */
#ifndef KERNEL_PRIORITY_H
#define KERNEL_PRIORITY_H

#include "thread.h"

/* The thread's own priority, client or callers have changed. */
void priority_settle(struct thread *thread);

#endif
