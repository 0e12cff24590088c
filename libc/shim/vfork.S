/* SPDX-License-Identifier: MIT */
/*
 * vfork, in place of musl's, which traps into the kernel.
 */
#include <sys/syscall.h>

#include "thread.h"

    .text

/* pid_t vfork(void): with fork's meaning, which the caller's stack survives. */
    .globl vfork
    .type vfork, @function
vfork:
    movl    $__NR_fork, %eax
    ENTER_SHIM
    pushl   %eax
    .hidden __syscall_ret
    call    __syscall_ret
    popl    %edx
    ret
    .size vfork, . - vfork

    .section .note.GNU-stack, "", @progbits
