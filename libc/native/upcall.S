/* SPDX-License-Identifier: MIT */
/*
 * The end of an upcall: see LIMEN_UPCALL in limen/async.h. esp = eax = the struct upcall.
 * Where its port is no more, the thread goes on all the same.
 */
/* Local names, which no program's symbols get. */
#define SYSCALL(nr, name, params, words, args) .set .Lsys_##name, nr;
#include <limen/syscalls.def>

#define UPCALL_PORT 64                  /* offsetof(struct upcall, port): async.c */

    .text

    .globl limen_upcall_end
    .type limen_upcall_end, @function
limen_upcall_end:
    movl    UPCALL_PORT(%eax), %ebx
    movl    %eax, %esi
    movl    $.Lsys_upcall_return, %eax
    call    *limen_gate
    xorl    %ebx, %ebx
    movl    $.Lsys_upcall_return, %eax
    call    *limen_gate
    hlt                                 /* a state that was spoilt */
    .size limen_upcall_end, . - limen_upcall_end

    .section .note.GNU-stack, "", @progbits
