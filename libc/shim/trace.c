/* SPDX-License-Identifier: MIT */
/*
 * LIMEN_TRACE=1: every Linux call by name, with its arguments and its result, a line
 * each, on standard error's channel. A line is put together on the stack and written by
 * one call.
 */
#include "shim.h"

#include <string.h>
#include <sys/syscall.h>

#define TRACE_LINE 200
#define SMALL 4096              /* below it decimal; others are likely addresses */

bool shim_traced;

static const char *const call_names[] = {
#include "linux_names.h"
};

struct error_name {
    long number;
    const char *name;
};

static const struct error_name error_names[] = {
#define ERROR(name, number, text) {number, #name},
#include <limen/errors.def>
#undef ERROR
    {ENODEV, "ENODEV"},         /* the shim's own, and servers' */
    {ENOENT, "ENOENT"},
    {ENOTTY, "ENOTTY"},
    {ESPIPE, "ESPIPE"},
};

struct line {
    char text[TRACE_LINE + 1];  /* one more for the line feed */
    uint32_t size;
};

static void add_text(struct line *line, const char *text)
{
    for (; *text && line->size < TRACE_LINE; text++)
        line->text[line->size++] = *text;
}

static void add_number(struct line *line, uint32_t value, uint32_t base)
{
    char digits[12];
    char *at = digits + sizeof digits;
    *--at = '\0';
    do {
        *--at = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    add_text(line, at);
}

static void add_word(struct line *line, uint32_t value)
{
    if (value < SMALL) {
        add_number(line, value, 10);
    } else if (-value < SMALL) {
        add_text(line, "-");
        add_number(line, -value, 10);
    } else {
        add_text(line, "0x");
        add_number(line, value, 16);
    }
}

static void add_name(struct line *line, uint32_t number)
{
    if (number == CALL_UNMAP_EXIT) {
        add_text(line, "unmap_exit");
    } else if (number < sizeof call_names / sizeof call_names[0] && call_names[number]) {
        add_text(line, call_names[number]);
    } else {
        add_text(line, "call ");
        add_number(line, number, 10);
    }
}

static void add_result(struct line *line, long result)
{
    add_text(line, " = ");
    add_word(line, (uint32_t)result);
    for (uint32_t i = 0; i < sizeof error_names / sizeof error_names[0]; i++) {
        if (-error_names[i].number == result) {
            add_text(line, " ");
            add_text(line, error_names[i].name);
        }
    }
}

void shim_trace(const struct linux_call *call, int words, const long *result)
{
    struct line line = {.size = 0};
    add_name(&line, call->number);
    add_text(&line, "(");
    for (int i = 0; i < words; i++) {
        if (i)
            add_text(&line, ", ");
        add_word(&line, call->word[i]);
    }
    add_text(&line, ")");
    if (result)
        add_result(&line, *result);
    line.text[line.size++] = '\n';
    shim_error(line.text, line.size);
}
