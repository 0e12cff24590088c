/* SPDX-License-Identifier: MIT */
/*
 * The end of a signal handler, in place of musl's, which traps into the kernel.
 */
#include <sys/syscall.h>

#include "thread.h"

    .text

/* Where a signal handler returns to. */
    .globl __restore, __restore_rt
    .hidden __restore, __restore_rt
    .type __restore, @function
__restore:
    popl    %eax
    movl    $__NR_sigreturn, %eax
    ENTER_SHIM
    hlt
    .size __restore, . - __restore
    .type __restore_rt, @function
__restore_rt:
    movl    $__NR_rt_sigreturn, %eax
    ENTER_SHIM
    hlt
    .size __restore_rt, . - __restore_rt

    .section .note.GNU-stack, "", @progbits
