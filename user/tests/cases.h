/* SPDX-License-Identifier: MIT */
/*
 * A test program as a list of cases: what each shows, and its function. A case passes if
 * it answers true and every page frame that it took is free again afterwards. Where it
 * cannot be run here it says so with case_skip.
 */
#ifndef TESTS_CASES_H
#define TESTS_CASES_H

#include <limen/tap.h>

#include "child.h"

struct test_case {
    const char *text;
    bool (*run)(void);
};

static const char *case_skipped;

/* Returns true, for a case to return. */
static inline bool case_skip(const char *why)
{
    case_skipped = why;
    return true;
}

/* For a case's steps: says which of them failed, and answers `right`. */
static inline bool step_ok(bool right, const char *what, long long got)
{
    if (!right)
        tap_note("%s: %lld", what, got);
    return right;
}

/* Runs a twin to its end; true if it left with status 0. */
static inline bool twin_passes(uint32_t pages, void (*function)(uint32_t),
                               uint32_t argument)
{
    struct child child;
    struct process_end end;
    outcome_t outcome = twin_run(&child, pages, function, argument, &end);
    char text[128];
    if (outcome != EXIT_0)
        tap_note("the child: %s", outcome_text(outcome, &end, text, sizeof(text)));
    child_close(&child);
    return outcome == EXIT_0;
}

static inline void run_case(const struct test_case *test)
{
    uint32_t before = frames_free();
    bool right = test->run();
    uint32_t after = frames_free();
    if (case_skipped != NULL) {
        tap_skip(1, "%s: %s", test->text, case_skipped);
        case_skipped = NULL;
        return;
    }
    if (right && after != before)
        tap_note("free page frames: %u, before %u", after, before);
    tap_ok(right && after == before, "%s", test->text);
}

static inline int run_cases(const struct test_case *tests, unsigned int count)
{
    tap_plan(count);
    touch_own_memory();
    /* Whoever started this program touches its own memory once more until it waits. */
    for (int i = 0; i < 10; i++)
        (void)limen_thread_yield();
    for (unsigned int i = 0; i < count; i++)
        run_case(&tests[i]);
    return tap_done();
}

#define RUN_CASES(tests) run_cases((tests), sizeof(tests) / sizeof(*(tests)))

#endif
