/* SPDX-License-Identifier: MIT */
/*
 * The beginning and the end of a thread, in place of musl's, which trap into the kernel.
 */
#include <sys/syscall.h>

#include "thread.h"

    .text

/*
 * int __clone(int (*function)(void *), void *stack, int flags, void *argument,
 *             int *parent_word, void *tls, int *child_word)
 * The new thread finds function and argument on its stack and its frame chain at an end.
 *
 *     esp -> edi, esi, ebx, ebp, return address, function, stack, flags, argument, …
 */
    .globl __clone
    .hidden __clone
    .type __clone, @function
__clone:
    pushl   %ebp
    movl    %esp, %ebp
    pushl   %ebx
    pushl   %esi
    pushl   %edi

    movl    12(%ebp), %ecx              /* stack */
    andl    $-16, %ecx
    subl    $16, %ecx
    movl    20(%ebp), %eax
    movl    %eax, (%ecx)                /* argument: the function's first */
    movl    8(%ebp), %eax
    movl    %eax, 4(%ecx)               /* function */

    subl    $16, %esp                   /* struct user_desc: the base is word 1 */
    movl    28(%ebp), %eax
    movl    %eax, 4(%esp)
    movl    16(%ebp), %ebx              /* flags */
    movl    24(%ebp), %edx              /* parent_word */
    movl    %esp, %esi
    movl    32(%ebp), %edi              /* child_word */
    movl    $__NR_clone, %eax
    ENTER_SHIM
    testl   %eax, %eax
    jz      1f
    addl    $16, %esp
    popl    %edi
    popl    %esi
    popl    %ebx
    popl    %ebp
    ret

1:  xorl    %ebp, %ebp
    call    *4(%esp)
    movl    %eax, %ebx
    movl    $__NR_exit, %eax
    ENTER_SHIM
    hlt
    .size __clone, . - __clone

/* void __unmapself(void *address, size_t size): unmaps the own stack and ends the
 * thread. */
    .globl __unmapself
    .type __unmapself, @function
__unmapself:
    movl    4(%esp), %ebx
    movl    8(%esp), %ecx
    movl    $CALL_UNMAP_EXIT, %eax
    ENTER_SHIM
    hlt
    .size __unmapself, . - __unmapself

    .section .note.GNU-stack, "", @progbits
