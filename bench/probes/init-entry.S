/* SPDX-License-Identifier: MIT */
/*
 * Put in place of init's first instructions, in a copy of its image: writes the TSC to
 * the kernel's log with one system call, then waits to be ended from outside. Runs in the
 * state in which the kernel starts init: eax is the address of struct boot_info, whose
 * first word is the root resource; a stack, and nothing else.
 */
#include <limen/layout.h>

#include "hex.inc"

#define SYSCALL(nr, name, params, words, args) .set SYS_##name, nr;
#include <limen/syscalls.def>

#define LINE_SIZE 14                    /* "probe 0123abcd" */

        .text
        movl    (%eax), %ebx
        rdtsc
        movl    %eax, %ebp
        subl    $16, %esp
        movl    %esp, %edi
        movl    $0x626f7270, %eax       /* "prob" */
        cld
        stosl
        movl    $0x20202065, %eax       /* "e   ", the last blanks are written over */
        stosl
        subl    $2, %edi
        movl    $8, %ecx
1:      next_digit
        stosb
        loop    1b
        movl    $SYS_log_write, %eax
        movl    %esp, %esi
        movl    $LINE_SIZE, %edi
        int     $VECTOR_SYSTEM_CALL
2:      jmp     2b
