/* SPDX-License-Identifier: MIT */
/* The end of a kernel that found a bug in itself, or was booted with something it cannot
 * use. */
#include <stdarg.h>

#include "arch.h"
#include "assert.h"
#include "log.h"

/* What may be return addresses: the words of the running stack that point into the
 * kernel's text. */
static void backtrace(void)
{
    extern const char kernel_stack_end[], kernel_start[], kernel_writable[];
    uintptr_t at = (uintptr_t)__builtin_frame_address(0);

    for (; at + sizeof(uintptr_t) <= (uintptr_t)kernel_stack_end;
         at += sizeof(uintptr_t)) {
        uintptr_t word = *(const uintptr_t *)at;
        if (word >= (uintptr_t)kernel_start && word < (uintptr_t)kernel_writable)
            log_always("PANIC   stack: %08x", (unsigned)word);
    }
}

void panic(const char *format, ...)
{
    static bool again;
    va_list args;

    if (again)
        arch_halt();
    again = true;
    va_start(args, format);
    char text[256];
    format_list(text, sizeof(text), format, args);
    va_end(args);
    log_always("PANIC %s", text);
    backtrace();
    arch_panic_stop();
}

void boot_refuse(const char *why)
{
    log_always("Limen cannot start: %s", why);
    arch_panic_stop();
}
