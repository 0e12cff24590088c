/* SPDX-License-Identifier: MIT */
/* Where a crowd's thread begins: see crowd.h. It has no stack. */
#include <limen/layout.h>

#define SYSCALL(nr, name, params, words, args) .set SYS_##name, nr;
#include <limen/syscalls.def>

/* Makes the call that stands so far behind the pointer: a number and four words. */
.macro make_call at, pointer
        movl    \at + 4(\pointer), %ebx
        movl    \at + 8(\pointer), %esi
        movl    \at + 12(\pointer), %edi
        movl    \at + 16(\pointer), %ebp
        movl    \at(\pointer), %eax
        int     $VECTOR_SYSTEM_CALL
.endm

.macro leave_crowd
        xorl    %ebx, %ebx
        xorl    %esi, %esi
        xorl    %edi, %edi
        movl    $SYS_thread_exit, %eax
        int     $VECTOR_SYSTEM_CALL
.endm

        .text
        .globl  crowd_begin, crowd_end
crowd_begin:
        make_call 0, %eax
        leave_crowd
crowd_end:

/* The same, repeated: esp keeps the pointer. */
        .globl  crowd_repeat_begin
crowd_repeat_begin:
        movl    %eax, %esp
1:      make_call 0, %esp
        testl   %eax, %eax
        js      2f
        cmpl    $0, 20(%esp)
        je      1b
2:      leave_crowd

/* Two calls, one after the other: esp keeps the pointer. */
        .globl  crowd_twice_begin
crowd_twice_begin:
        movl    %eax, %esp
        make_call 0, %esp
        make_call 20, %esp
        jmp     2b

        .section .note.GNU-stack, "", @progbits
