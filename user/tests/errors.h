/* SPDX-License-Identifier: MIT */
/* Which answers are errors of the kernel's. */
#ifndef TESTS_ERRORS_H
#define TESTS_ERRORS_H

#include <stdbool.h>
#include <stdint.h>

static inline bool is_known_error(long result)
{
    static const int known[] = {
#define ERROR(name, number, text) number,
#include <limen/errors.def>
#undef ERROR
    };
    for (uint32_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (result == -known[i])
            return true;
    return false;
}

#endif
