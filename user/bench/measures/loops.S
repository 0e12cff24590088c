/* SPDX-License-Identifier: MIT */
/*
 * The loops of what needs no other program (see loop.inc). A body may use all registers
 * but esi and edi, which every system call keeps.
 */
#include <limen/layout.h>

#include "loop.inc"

#define SYSCALL(nr, name, params, words, args) .set SYS_##name, nr;
#include <limen/syscalls.def>

        .text

loop_begin empty
loop_end empty

loop_begin nop
        nop
loop_end nop

loop_begin null_int80
        movl    $SYS_null, %eax
        int     $VECTOR_SYSTEM_CALL
loop_end null_int80

loop_begin null_sysenter
        movl    $SYS_null, %eax
        movl    %esp, %ecx
        movl    $1f, %edx
        sysenter
1:
loop_end null_sysenter

loop_begin null_syscall
        movl    $SYS_null, %eax
        syscall
loop_end null_syscall

loop_begin touch
        movb    $1, (%ebp)
        addl    $PAGE_SIZE, %ebp
loop_end touch

loop_begin yield
        movl    $SYS_thread_yield, %eax
        movl    $THRESHOLD_ENTRY, %edx
        call    *%edx
loop_end yield

        .section .note.GNU-stack, "", @progbits
