/* SPDX-License-Identifier: MIT */
/*
 * How a program starts and ends: arguments, environment, auxiliary vector, constructors;
 * exit statuses, abort, assert, faults, and the pages that a program must not touch.
 */
#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "libc-child.h"

#define GIFT_KEY 0x4321          /* of the auxiliary vector: a handle given along */

static int constructed;
static int zeroed[1024];
static int initialized[4] = {1, 2, 3, 4};

__attribute__((constructor)) static void construct(void)
{
    constructed = 1;
}

static void exit_seven(void)
{
    _exit(7);
}

/* Recurses until the stack is used up; the array keeps each frame large. */
__attribute__((noinline)) static int eat_stack(int depth)
{
    volatile char frame[2048];
    frame[0] = (char)depth;
    return depth < 0 ? 0 : eat_stack(depth + 1) + frame[0];
}

/* What the child was started with, checked from inside: 0 or the number of what is
 * wrong. */
static int check_arguments(int argc, char **argv)
{
    if (argc != 4 || strcmp(argv[0], "zero") || strcmp(argv[1], "arguments"))
        return 1;
    if (strcmp(argv[2], "") || strcmp(argv[3], "two words"))
        return 2;
    if (argv[4] || !getenv("ONE") || strcmp(getenv("ONE"), "1") || getenv("TWO"))
        return 3;
    if (getauxval(AT_PAGESZ) != PAGE_SIZE || !getauxval(AT_PHDR) || !getauxval(AT_RANDOM))
        return 4;
    return getauxval(GIFT_KEY) ? 0 : 5;
}

static int play(const char *role)
{
    volatile int one = 1, zero = 0;
    char *volatile null = NULL;
    char *volatile text = (char *)(uintptr_t)exit_seven;
    if (!strcmp(role, "return 0"))
        return 0;
    if (!strcmp(role, "return 41"))
        return 41;
    if (!strcmp(role, "exit -1"))
        exit(-1);
    if (!strcmp(role, "atexit"))
        return atexit(exit_seven);
    if (!strcmp(role, "abort"))
        abort();
    if (!strcmp(role, "assert"))
        assert(zero == 1);
    if (!strcmp(role, "crash"))
        __asm__ volatile("hlt");
    if (!strcmp(role, "null read"))
        return *null;
    if (!strcmp(role, "division"))
        return one / zero;
    if (!strcmp(role, "write text"))
        *text = 0;
    if (!strcmp(role, "write constant"))
        *(volatile char *)(uintptr_t)"constant" = 0;
    if (!strcmp(role, "stack overflow"))
        return eat_stack(0);
    return 99;
}

static void check_given_arguments(void)
{
    char *argv[] = {"zero", "arguments", "", "two words", NULL};
    char *envp[] = {"ONE=1", NULL};
    struct limen_gift gift = {
        .key = GIFT_KEY, .handle = {getauxval(AT_LIMEN_ARCHIVE)}, .rights = RIGHT_READ};
    struct limen_spawn how = {
        .argv = argv, .envp = envp, .gifts = &gift, .gift_count = 1};
    struct limen_child child;
    struct process_end end = {0};
    int error = limen_spawn(&child, &how);
    tap_is(error, 0, "a program starts with given arguments");
    if (error < 0)
        return;
    limen_child_wait(&child, &end, NULL);
    limen_child_close(&child);
    tap_is(end.status, 0,
           "it finds arguments, environment and auxiliary vector as they should be");
}

static void check_own_start(char **argv)
{
    tap_ok(argv[0] && strstr(argv[0], "libc-start"), "argv[0] names the program");
    tap_is(constructed, 1, "constructors have run");
    int sum = 0;
    for (int i = 0; i < 1024; i++)
        sum |= zeroed[i];
    tap_is(sum, 0, "uninitialized data are zero");
    tap_is(initialized[0] + initialized[3], 5, "initialized data are there");
    tap_is(sysconf(_SC_PAGESIZE), PAGE_SIZE, "the page size");
    tap_is(getenv("HOME") != NULL, 0, "a variable that is not set");
    tap_ok(getauxval(AT_LIMEN_ARCHIVE) != 0, "the boot archive's handle");
}

static void check_ends(void)
{
    exits_with("return 0", 0);
    exits_with("return 41", 41);
    exits_with("exit -1", 255);
    exits_with("atexit", 7);
    dies_by("abort", SIGABRT);
    dies_by("assert", SIGABRT);
    faults_with("crash", 13);
    faults_with("null read", 14);
    faults_with("division", 0);
    faults_with("write text", 14);
    faults_with("write constant", 14);
    faults_with("stack overflow", 14);
}

static void check_statuses(void)
{
    struct process_end end = run_role("null read");
    tap_is(limen_exit_status(&end), 128 + SIGSEGV, "a bad access shows as 139");
    end = run_role("division");
    tap_is(limen_exit_status(&end), 128 + SIGFPE, "a division by zero shows as 136");
    end = run_role("abort");
    tap_is(limen_exit_status(&end), 128 + SIGABRT, "an abort shows as 134");
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "arguments"))
        return check_arguments(argc, argv);
    if (argc > 1)
        return play(argv[1]);
    tap_plan(24);
    check_own_start(argv);
    check_given_arguments();
    check_ends();
    check_statuses();
    return tap_done();
}
