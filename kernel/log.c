/* SPDX-License-Identifier: MIT */
/* The kernel's log: see log.h. */
#include "log.h"

#include "arch.h"
#include "error.h"
#include "interrupt.h"

#define RING_SIZE 32768u
#define LINE_SIZE 320u

static char ring[RING_SIZE];
static uint32_t end; /* bytes since boot */
static enum log_level shown = LOG_INFO;

void log_set_level(enum log_level level)
{
    shown = level;
}

uint32_t log_end(void)
{
    return end;
}

uint32_t log_start(void)
{
    return end > RING_SIZE ? end - RING_SIZE : 0;
}

static void append(const char *text, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++)
        ring[end++ % RING_SIZE] = text[i];
}

enum how {
    KEEP,
    SHOW,      /* or tell who listens, and will show it */
    SHOW_HERE, /* whoever listens: the kernel's last words */
};

static enum how how_by(enum log_level level)
{
    return shown >= level ? SHOW : KEEP;
}

/* Keeps "[  seconds.micros] text\n" and shows it, if it is to be shown. */
static void add_line(const char *text, uint32_t size, enum how how)
{
    char line[LINE_SIZE];
    uint32_t length = 0;
    uint64_t now = arch_clock() / 1000;
    uint32_t seconds = (uint32_t)(now / 1000000);
    uint32_t micros = (uint32_t)(now % 1000000);

    line[length++] = '[';
    for (uint32_t unit = 10000; unit > 0; unit /= 10)
        line[length++] =
            unit > 1 && seconds < unit ? ' ' : (char)('0' + seconds / unit % 10);
    line[length++] = '.';
    for (uint32_t unit = 100000; unit > 0; unit /= 10)
        line[length++] = (char)('0' + micros / unit % 10);
    line[length++] = ']';
    line[length++] = ' ';
    for (uint32_t i = 0; i < size && length < LINE_SIZE - 1; i++)
        line[length++] = text[i];
    line[length++] = '\n';
    append(line, length);
    if (how == SHOW && interrupt_bound(IRQ_LOG))
        interrupt_raise(IRQ_LOG);
    else if (how != KEEP)
        arch_console_write(line, length);
}

static void add_list(enum how how, const char *format, va_list args)
{
    char text[LOG_LINE_MAX + 1];
    uint32_t length = format_list(text, sizeof(text), format, args);

    add_line(text, length, how);
}

void log_always_list(const char *format, va_list args)
{
    add_list(SHOW_HERE, format, args);
}

void log_always(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add_list(SHOW_HERE, format, args);
    va_end(args);
}

void log_info(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add_list(how_by(LOG_INFO), format, args);
    va_end(args);
}

void log_debug(const char *format, ...)
{
    va_list args;

    if (shown < LOG_DEBUG)
        return;
    va_start(args, format);
    add_list(SHOW, format, args);
    va_end(args);
}

void log_user_line(const char *text, uint32_t size)
{
    char line[LOG_LINE_MAX];

    for (uint32_t i = 0; i < size; i++)
        line[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
    add_line(line, size, how_by(LOG_INFO));
}

long log_read(uint32_t offset, void *to, uint32_t size)
{
    char *bytes = to;

    if (offset < log_start() || offset > end)
        return -ERANGE;
    if (size > end - offset)
        size = end - offset;
    for (uint32_t i = 0; i < size; i++)
        bytes[i] = ring[(offset + i) % RING_SIZE];
    return (long)size;
}
