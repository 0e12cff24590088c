/* SPDX-License-Identifier: MIT */
/*
 * Cancellation points, in place of musl's, which trap into the kernel.
 */
#include "thread.h"

    .text

/*
 * long __syscall_cp_asm(volatile int *cancel, long number, six words): a call that is a
 * cancellation point. A cancellation that comes between __cp_begin and __cp_end ends it.
 *
 *     esp -> ebp, edi, esi, ebx, return address, cancel, number, words
 */
    .globl __syscall_cp_asm, __cp_begin, __cp_end, __cp_cancel
    .hidden __syscall_cp_asm, __cp_begin, __cp_end, __cp_cancel
    .type __syscall_cp_asm, @function
__syscall_cp_asm:
    movl    4(%esp), %ecx
    pushl   %ebx
    pushl   %esi
    pushl   %edi
    pushl   %ebp
__cp_begin:
    cmpl    $0, (%ecx)
    jne     __cp_cancel
    movl    24(%esp), %eax
    movl    28(%esp), %ebx
    movl    32(%esp), %ecx
    movl    36(%esp), %edx
    movl    40(%esp), %esi
    movl    44(%esp), %edi
    movl    48(%esp), %ebp
    ENTER_SHIM
__cp_end:
    popl    %ebp
    popl    %edi
    popl    %esi
    popl    %ebx
    ret
__cp_cancel:
    popl    %ebp
    popl    %edi
    popl    %esi
    popl    %ebx
    .hidden __cancel
    jmp     __cancel
    .size __syscall_cp_asm, . - __syscall_cp_asm

    .section .note.GNU-stack, "", @progbits
