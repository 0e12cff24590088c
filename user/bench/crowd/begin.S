/* SPDX-License-Identifier: MIT */
/* Where a crowd's thread begins: see crowd.h. It has no stack. */
#include <limen/layout.h>

#define SYSCALL(nr, name, params, words, args) .set SYS_##name, nr;
#include <limen/syscalls.def>

        .text
        .globl  crowd_begin, crowd_end
crowd_begin:
        movl    4(%eax), %ebx
        movl    8(%eax), %esi
        movl    12(%eax), %edi
        movl    16(%eax), %ebp
        movl    (%eax), %eax
        int     $VECTOR_SYSTEM_CALL
        xorl    %ebx, %ebx
        xorl    %esi, %esi
        xorl    %edi, %edi
        movl    $SYS_thread_exit, %eax
        int     $VECTOR_SYSTEM_CALL
crowd_end:

/* The same, repeated: esp keeps the pointer. */
        .globl  crowd_repeat_begin
crowd_repeat_begin:
        movl    %eax, %esp
1:      movl    4(%esp), %ebx
        movl    8(%esp), %esi
        movl    12(%esp), %edi
        movl    16(%esp), %ebp
        movl    (%esp), %eax
        int     $VECTOR_SYSTEM_CALL
        testl   %eax, %eax
        js      2f
        cmpl    $0, 20(%esp)
        je      1b
2:      xorl    %ebx, %ebx
        xorl    %esi, %esi
        xorl    %edi, %edi
        movl    $SYS_thread_exit, %eax
        int     $VECTOR_SYSTEM_CALL

/* Two calls, one after the other: esp keeps the pointer. */
        .globl  crowd_twice_begin
crowd_twice_begin:
        movl    %eax, %esp
        .set    at, 0
        .rept   2
        movl    at + 4(%esp), %ebx
        movl    at + 8(%esp), %esi
        movl    at + 12(%esp), %edi
        movl    at + 16(%esp), %ebp
        movl    at(%esp), %eax
        int     $VECTOR_SYSTEM_CALL
        .set    at, at + 20
        .endr
        jmp     2b

        .section .note.GNU-stack, "", @progbits
