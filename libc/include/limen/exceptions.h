/* SPDX-License-Identifier: MIT */
/*
 * The processor's exceptions: what they are called, and which signal they are to programs
 * that know signals.
 */
#ifndef LIMEN_EXCEPTIONS_H
#define LIMEN_EXCEPTIONS_H

#include <stdint.h>

#define VECTOR_PAGE_FAULT 14
#define FAULT_PRESENT (1u << 0) /* a page fault's error code: the page was there */
#define FAULT_WRITE (1u << 1)

struct limen_exception {
    const char *name;
    int signal; /* what Linux would send */
};

const struct limen_exception *limen_exception_of(uint32_t vector);

#endif
