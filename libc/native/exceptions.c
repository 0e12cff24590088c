/* SPDX-License-Identifier: MIT */
/* The processor's exceptions: see limen/exceptions.h. */
#include <limen/exceptions.h>

#include <signal.h>

static const struct limen_exception exceptions[] = {
    [0] = {"division error", SIGFPE},
    [1] = {"debug exception", SIGTRAP},
    [3] = {"breakpoint", SIGTRAP},
    [4] = {"overflow", SIGSEGV},
    [5] = {"bound exceeded", SIGSEGV},
    [6] = {"invalid instruction", SIGILL},
    [7] = {"no coprocessor", SIGSEGV},
    [10] = {"invalid task", SIGSEGV},
    [11] = {"segment not present", SIGBUS},
    [12] = {"stack segment fault", SIGBUS},
    [13] = {"general protection fault", SIGSEGV},
    [14] = {"page fault", SIGSEGV},
    [16] = {"floating-point error", SIGFPE},
    [17] = {"misaligned access", SIGBUS},
    [19] = {"SIMD floating-point error", SIGFPE},
};

static const struct limen_exception unknown_exception = {"exception", SIGSEGV};

const struct limen_exception *limen_exception_of(uint32_t vector)
{
    if (vector < sizeof exceptions / sizeof exceptions[0] && exceptions[vector].name)
        return &exceptions[vector];
    return &unknown_exception;
}

