/* SPDX-License-Identifier: MIT */
/*
 * The end of an upcall: see LIMEN_UPCALL in limen/async.h. esp = eax = the struct upcall.
 * Where its port is no more, the thread goes on all the same.
 */
    .text

    .globl limen_upcall_end
    .type limen_upcall_end, @function
limen_upcall_end:
    movl    64(%eax), %ebx              /* port */
    movl    %eax, %esi
    movl    $68, %eax                   /* upcall_return */
    call    *limen_gate
    xorl    %ebx, %ebx
    movl    $68, %eax
    call    *limen_gate
    hlt                                 /* a state that was spoilt */
    .size limen_upcall_end, . - limen_upcall_end

    .section .note.GNU-stack, "", @progbits
