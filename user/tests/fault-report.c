/* SPDX-License-Identifier: MIT */
/*
 * A program that faults in a function that others called: the log then says what
 * happened, where, with which registers, and through which functions.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>

#include <limen/spawn.h>
#include <limen/syscall.h>
#include <limen/tap.h>

#include "log-text.h"

static char text[8192];

__attribute__((noinline)) static int function_that_faults(volatile int *pointer)
{
    volatile int value =
        0x0badcafe; /* on the stack: the function's frame is made first */
    *pointer = value;
    return *pointer + value;
}

__attribute__((noinline)) static int function_between(volatile int *pointer)
{
    return function_that_faults(pointer) + 1;
}

__attribute__((noinline)) static int function_that_calls(volatile int *pointer)
{
    return function_between(pointer) + 1;
}

__attribute__((noinline)) static int function_that_divides(volatile int *divisor)
{
    return 100 / *divisor + 1;
}

/* Runs this program once more, to fault in the way named, and reads what the log then
 * says. */
static bool run_to_fault(const char *how_to, struct process_end *end)
{
    struct limen_child child;
    char *arguments[] = {(char *)"fault-report", (char *)how_to, NULL};
    struct limen_spawn how = {.argv = arguments};
    struct system_info info = {0};
    memset(end, 0, sizeof(*end));
    if (limen_system_info(&info) != 0 || limen_spawn(&child, &how) != 0)
        return false;
    bool right = limen_child_wait(&child, end, NULL) == 0;
    limen_child_close(&child);
    handle_t resource = {getauxval(AT_LIMEN_RESOURCE)};
    return log_text(resource, info.log_end, text, sizeof(text)) && right;
}

static bool in_order(const char *first, const char *second)
{
    const char *a = strstr(text, first);
    const char *b = strstr(text, second);
    return a != NULL && b != NULL && a < b;
}

static void test_page_fault(void)
{
    struct process_end end;
    tap_ok(run_to_fault("write", &end), "a child that writes to nowhere ends");
    tap_ok(end.reason == PROCESS_FAULTED && end.vector == 14 && end.address == 0x10,
           "its end tells a page fault at 0x10");
    tap_ok(strstr(text, "fault-report") != NULL, "the report names the program");
    tap_ok(strstr(text, "page fault") != NULL, "the report says what happened");
    tap_ok(strstr(text, "00000010") != NULL, "the report tells the address");
    tap_ok(strstr(text, "eip") != NULL && strstr(text, "esp") != NULL &&
               strstr(text, "eax") != NULL,
           "the report shows the registers");
    tap_ok(in_order("function_that_faults", "function_between") &&
               in_order("function_between", "function_that_calls") &&
               in_order("function_that_calls", "main"),
           "the report names the callers");
}

static void test_divide_error(void)
{
    struct process_end end;
    tap_ok(run_to_fault("divide", &end), "a child that divides by zero ends");
    tap_ok(end.reason == PROCESS_FAULTED && end.vector == 0,
           "its end tells a divide error");
    tap_ok(strstr(text, "function_that_divides") != NULL,
           "the report names the function");
}

static void test_no_report(void)
{
    struct process_end end;
    tap_ok(run_to_fault("exit", &end), "a child that exits");
    tap_ok(end.reason == PROCESS_EXITED && end.status == 3 && text[0] == '\0',
           "is not reported");
}

int main(int argc, char **argv)
{
    volatile uintptr_t nowhere = 0x10;
    if (argc == 2 && strcmp(argv[1], "write") == 0)
        return function_that_calls((volatile int *)nowhere);
    if (argc == 2 && strcmp(argv[1], "divide") == 0) {
        volatile int zero = 0;
        return function_that_divides(&zero);
    }
    if (argc == 2)
        return 3;
    tap_plan(12);
    test_page_fault();
    test_divide_error();
    test_no_report();
    return tap_done();
}
