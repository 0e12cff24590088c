/* SPDX-License-Identifier: MIT */
/*
 * fault [KIND]: does something that ends it, to see the report: read (the default),
 * write, jump, divide, abort, stack, text.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__attribute__((noinline)) static int read_null(const volatile int *address)
{
    return *address;
}

__attribute__((noinline)) static void write_to(volatile char *address)
{
    *address = 1;
}

__attribute__((noinline)) static int divide(volatile int by)
{
    volatile int one = 1;
    return one / by;
}

__attribute__((noinline)) static int eat_stack(int depth)
{
    volatile char frame[1024];
    frame[0] = (char)depth;
    return depth < 0 ? 0 : eat_stack(depth + 1) + frame[0];
}

int main(int argc, char **argv)
{
    const char *kind = argc > 1 ? argv[1] : "read";
    void (*volatile nowhere)(void) = (void (*)(void))0x1000;
    if (!strcmp(kind, "read"))
        return read_null(NULL);
    if (!strcmp(kind, "write"))
        write_to((char *)0xdeadbeef);
    if (!strcmp(kind, "text"))
        write_to((char *)(uintptr_t)read_null);
    if (!strcmp(kind, "jump"))
        nowhere();
    if (!strcmp(kind, "divide"))
        return divide(0);
    if (!strcmp(kind, "stack"))
        return eat_stack(0);
    if (!strcmp(kind, "abort"))
        abort();
    fprintf(stderr, "fault: read, write, jump, divide, abort, stack or text\n");
    return 2;
}
