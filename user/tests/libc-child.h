/* SPDX-License-Identifier: MIT */
/*
 * For tests of how programs end: the test starts itself once more with a role as its only
 * argument, and main of the child does what the role says. What the child does wrong is
 * on purpose, so there is no report on the log, and what it prints goes to other channels
 * than the TAP.
 */
#ifndef TESTS_LIBC_CHILD_H
#define TESTS_LIBC_CHILD_H

#include <string.h>

#include <limen/spawn.h>
#include <limen/tap.h>

#include "process.h"

#define CHILD_STACK 0x40000u    /* can overflow within the quota of a small machine */

/* Runs this program in a role to its end; reason 0 where it could not be started. */
static inline struct process_end run_role(const char *role)
{
    char *argv[] = {"child", (char *)role, NULL};
    struct limen_spawn how = {
        .argv = argv,
        .stack_size = CHILD_STACK,
        .stdio = STDIO_RAW,
        .flags = SPAWN_SILENT,
    };
    struct limen_child child;
    struct process_end end = {0};
    if (limen_spawn(&child, &how) < 0) {
        tap_note("cannot start the child: %s", child.problem);
        return end;
    }
    limen_child_wait(&child, &end, NULL);
    limen_child_close(&child);
    return end;
}

/* Checks that the child ends by itself with such a status. */
static inline void exits_with(const char *role, uint32_t status)
{
    struct process_end end = run_role(role);
    if (!tap_ok(end.reason == PROCESS_EXITED && end.status == status, "%s exits with %u",
                role, status))
        tap_note("reason %u status %u", end.reason, end.status);
}

/* Checks that a signal ends the child. */
static inline void dies_by(const char *role, int number)
{
    struct process_end end = run_role(role);
    if (!tap_ok(end.reason == PROCESS_KILLED && end.status == 128u + (uint32_t)number,
                "%s is ended by signal %d", role, number))
        tap_note("reason %u status %u", end.reason, end.status);
}

/* Checks that the child faults with such an exception. */
static inline void faults_with(const char *role, uint32_t vector)
{
    struct process_end end = run_role(role);
    if (!tap_ok(end.reason == PROCESS_FAULTED && end.vector == vector,
                "%s faults with vector %u", role, vector))
        tap_note("reason %u status %u vector %u", end.reason, end.status, end.vector);
}

#endif
