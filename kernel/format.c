/* SPDX-License-Identifier: MIT */
/* The formatter behind the log: the part of printf that a kernel needs. */
#include <stdbool.h>

#include "log.h"
#include "memory.h"

struct output {
    char *to;
    uint32_t size;
    uint32_t length;
};

struct field {
    bool left; /* '-' */
    char pad;  /* ' ' or '0' */
    uint32_t width;
    int longs; /* how many l */
};

static void put(struct output *output, char byte)
{
    if (output->length + 1 < output->size)
        output->to[output->length++] = byte;
}

static void put_field(struct output *output, const struct field *field, const char *text,
                      uint32_t length)
{
    uint32_t fill = field->width > length ? field->width - length : 0;

    for (uint32_t i = 0; !field->left && i < fill; i++)
        put(output, field->pad);
    for (uint32_t i = 0; i < length; i++)
        put(output, text[i]);
    for (uint32_t i = 0; field->left && i < fill; i++)
        put(output, ' ');
}

static void put_number(struct output *output, const struct field *field, uint64_t value,
                       uint32_t base, bool negative)
{
    char digits[24];
    uint32_t at = sizeof(digits);

    do {
        digits[--at] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    if (negative)
        digits[--at] = '-';
    put_field(output, field, digits + at, (uint32_t)sizeof(digits) - at);
}

static const char *read_field(const char *format, struct field *field)
{
    *field = (struct field){.pad = ' '};
    for (; *format == '-' || *format == '0'; format++) {
        if (*format == '-')
            field->left = true;
        else
            field->pad = '0';
    }
    for (; *format >= '0' && *format <= '9'; format++)
        field->width = field->width * 10 + (uint32_t)(*format - '0');
    for (; *format == 'l' || *format == 'z'; format++)
        field->longs += *format == 'l';
    return format;
}

uint32_t format_list(char *to, uint32_t size, const char *format, va_list args)
{
    struct output output = {.to = to, .size = size};
    struct field field;

    for (; *format; format++) {
        if (*format != '%') {
            put(&output, *format);
            continue;
        }
        format = read_field(format + 1, &field);
        switch (*format) {
        case 's': {
            const char *text = va_arg(args, const char *);
            put_field(&output, &field, text, (uint32_t)strlen(text));
            break;
        }
        case 'c': {
            char byte = (char)va_arg(args, int);
            put_field(&output, &field, &byte, 1);
            break;
        }
        case 'd': {
            int64_t value = field.longs > 1 ? va_arg(args, long long) : va_arg(args, int);
            put_number(&output, &field, value < 0 ? -(uint64_t)value : (uint64_t)value,
                       10, value < 0);
            break;
        }
        case 'u':
        case 'x': {
            uint64_t value = field.longs > 1 ? va_arg(args, unsigned long long)
                                             : va_arg(args, unsigned);
            put_number(&output, &field, value, *format == 'x' ? 16 : 10, false);
            break;
        }
        default:
            put(&output, *format);
        }
    }
    to[output.length] = '\0';
    return output.length;
}
