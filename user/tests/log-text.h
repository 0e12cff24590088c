/* SPDX-License-Identifier: MIT */
/* The kernel's log as a text. */
#ifndef TESTS_LOG_TEXT_H
#define TESTS_LOG_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include <limen/syscall.h>

/* Reads what the log has from `from` on, as far as there is room. */
static inline bool log_text(handle_t resource, uint32_t from, char *text, uint32_t room)
{
    uint32_t size = 0;
    long part = 0;
    while (size < room - 1 && (part = limen_log_read(resource, from + size, text + size,
                                                     room - 1 - size)) > 0)
        size += (uint32_t)part;
    text[size] = '\0';
    return part >= 0;
}

#endif
