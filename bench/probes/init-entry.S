/* SPDX-License-Identifier: MIT */
/*
 * Put in place of init's first instructions, in a copy of its image: writes the TSC to
 * the console with one system call, then waits to be ended from outside. Runs in the
 * state in which the kernel starts init: a stack and nothing else.
 */
#include <limen/layout.h>

#include "hex.inc"

#define SYSCALL(nr, name, params, words, args) .set SYS_##name, nr;
#include <limen/syscalls.def>

#define LINE_FEED 10
#define CONSOLE_MAIN 0
#define LINE_SIZE 16

        .text
        rdtsc
        movl    %eax, %ebp
        subl    $LINE_SIZE, %esp
        movl    %esp, %edi
        movl    $0x6f72700a, %eax       /* "\npro" */
        cld
        stosl
        movl    $0x20206562, %eax       /* "be  ", the last blank is written over */
        stosl
        decl    %edi
        movl    $8, %ecx
1:      next_digit
        stosb
        loop    1b
        movb    $LINE_FEED, (%edi)
        movl    $SYS_console_write, %eax
        movl    $CONSOLE_MAIN, %ebx
        movl    %esp, %esi
        movl    $LINE_SIZE, %edi
        int     $VECTOR_SYSTEM_CALL
2:      jmp     2b
