/* SPDX-License-Identifier: MIT */
/*
 * Runs the test programs of the boot archive one after the other. They print TAP on the
 * console themselves and judge themselves by their exit status (limen/tap.h); init adds a
 * line where a program did not come to such an end, and the totals.
 */
#include "init.h"

#include <stdio.h>
#include <string.h>

#include <limen/archive.h>
#include <limen/syscall.h>
#include <limen/tap.h>

#define TEST_SECONDS 300u       /* a test that takes longer hangs */
#define NS_PER_SECOND 1000000000ull

/* The moment at which a test that starts now has taken too long. */
static uint64_t patience_end(void)
{
    uint64_t now = 0;
    limen_clock_get(CLOCK_ID_MONOTONIC, &now);
    return now + TEST_SECONDS * NS_PER_SECOND;
}

/* Waits for a test's end, however it comes; false: it had to be killed. */
static bool wait_for(struct limen_child *child, struct process_end *end)
{
    uint64_t deadline = patience_end();
    if (limen_child_wait(child, end, &deadline) == 0)
        return true;
    limen_child_kill(child);
    limen_child_wait(child, end, NULL);
    return false;
}

static void print_failure(const char *name, const char *what)
{
    printf("not ok - %s: %s\n", name, what);
    fflush(stdout);
}

/* Judges a test's end; what its own lines do not tell is printed. */
static bool judge(const char *name, const struct process_end *end, bool in_time)
{
    char what[120];
    if (!in_time) {
        print_failure(name, "took too long");
        return false;
    }
    bool exited = end->reason == PROCESS_EXITED;
    if (exited && (end->status == TAP_PASSED || end->status == TAP_FAILED))
        return end->status == TAP_PASSED;
    limen_describe_end(end, what, sizeof what);
    print_failure(name,
                  exited && end->status == TAP_BROKEN ? "did not hold its plan" : what);
    return false;
}

static bool run_test(const char *name)
{
    struct limen_child child;
    struct process_end end;
    char path[ARCHIVE_NAME_MAX];
    snprintf(path, sizeof path, "%s", name);
    char *argv[] = {path, NULL};
    struct limen_spawn how = {.path = path, .argv = argv};

    printf("# %s\n", name);
    fflush(stdout);
    if (grant_spawn(&child, &how) < 0) {
        print_failure(name, child.problem);
        return false;
    }
    bool in_time = wait_for(&child, &end);
    limen_child_close(&child);
    return judge(name, &end, in_time);
}

static bool is_test(const char *path)
{
    size_t folder = strlen(TEST_FOLDER);
    return !strncmp(path, TEST_FOLDER, folder) && path[folder]
           && !strchr(path + folder, '/');
}

struct totals {
    unsigned int passed;
    unsigned int failed;
};

static void count(struct totals *totals, bool passed)
{
    if (passed)
        totals->passed++;
    else
        totals->failed++;
}

static void run_all(struct totals *totals)
{
    struct archive archive;
    struct archive_member member;
    uint32_t offset = 0;
    if (!limen_archive(&archive))
        return;
    while (archive_next(&archive, &offset, &member))
        if (is_test(member.name))
            count(totals, run_test(member.name));
}

static void run_named(struct totals *totals, const char *name)
{
    char path[ARCHIVE_NAME_MAX];
    bool whole = !strncmp(name, TEST_FOLDER, strlen(TEST_FOLDER));
    snprintf(path, sizeof path, "%s%s", whole ? "" : TEST_FOLDER, name);
    count(totals, run_test(path));
}

bool tests_run(char *const *names, int name_count)
{
    struct totals totals = {0, 0};
    if (name_count == 0)
        run_all(&totals);
    for (int i = 0; i < name_count; i++)
        run_named(&totals, names[i]);

    printf("# end of tests: %u passed, %u failed\n", totals.passed, totals.failed);
    fflush(stdout);
    return totals.failed == 0 && totals.passed > 0;
}
