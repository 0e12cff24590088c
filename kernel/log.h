/* SPDX-License-Identifier: MIT */
/* The kernel's log: a ring that always takes more. What `log=` lets through is shown on
 * the console, until somebody listens to IRQ_LOG, who is told instead. */
#ifndef KERNEL_LOG_H
#define KERNEL_LOG_H

#include <stdarg.h>
#include <stdint.h>

enum log_level {
    LOG_QUIET, /* show nothing but a panic */
    LOG_INFO,
    LOG_DEBUG,
};

/* What is shown; everything up to LOG_INFO is kept. */
void log_set_level(enum log_level level);

/* One line, without its line feed. %s %c %d %u %x %p %llu, with a width and 0 or - before
 * it. */
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A line that is shown whatever the level, and whoever listens. */
void log_always(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_always_list(const char *format, va_list args);

/* A line from user space: unprintable bytes are shown as '?'. */
void log_user_line(const char *text, uint32_t size);

/* Reads from byte `offset` since boot on: bytes read, 0 at the end, -ERANGE if it is not
 * there. */
long log_read(uint32_t offset, void *to, uint32_t size);
uint32_t log_start(void);
uint32_t log_end(void);

/* Formats into a buffer of that size, always ended by 0; the length, cut or not. */
uint32_t format_list(char *to, uint32_t size, const char *format, va_list args);

#endif
