/* SPDX-License-Identifier: MIT */
/*
 * The loops of system-call messages (see loop.inc); `address` is that of a struct
 * async_call.
 */
#include <limen/layout.h>

#include "async.h"
#include "loop.inc"

#define SYSCALL(nr, name, params, words, args) .set SYS_##name, nr;
#include <limen/syscalls.def>

/* BODY_SEND instructions. */
.macro send
        movl    ASYNC_TO(%ebp), %eax
        movl    ASYNC_MESSAGE(%ebp), %ecx
        movl    ASYNC_SIZE(%ebp), %edx
        xorl    %ebx, %ebx
        int     $VECTOR_SYSTEM_MESSAGE
.endm

/* Waits for any message, or tests; as many. */
.macro wait size
        movl    ASYNC_PORT(%ebp), %eax
        xorl    %ecx, %ecx
        movl    $\size, %edx
        xorl    %ebx, %ebx
        int     $VECTOR_SYSTEM_MESSAGE
.endm

/* Twice SPIN_TURNS instructions, and one. */
.macro spin
        movl    $SPIN_TURNS, %ecx
9:      decl    %ecx
        jnz     9b
.endm

        .text

loop_begin send
        send
loop_end send

loop_begin send_wait
        send
        wait    0
        addl    %eax, ASYNC_ERRORS(%ebp)
loop_end send_wait

loop_begin send_spin_test
        send
        spin
        wait    -1
        addl    %eax, ASYNC_ERRORS(%ebp)
loop_end send_spin_test

loop_begin test
        wait    -1
loop_end test

/* Asks until a message comes; counts how often none has. */
loop_begin ask
1:      wait    -1
        testl   %eax, %eax
        jns     2f
        incl    ASYNC_COUNT(%ebp)
        jmp     1b
2:
loop_end ask

/* Sums up by what the spin is longer than its own instructions, and counts how often it
 * is; then takes what has come. */
loop_begin spin_and_take
        rdtsc
        movl    %eax, ASYNC_BEGAN(%ebp)
        spin
        rdtsc
        subl    ASYNC_BEGAN(%ebp), %eax
        subl    $(BODY_SPIN + 2), %eax
        jz      1f
        addl    %eax, ASYNC_TICKS(%ebp)
        incl    ASYNC_COUNT(%ebp)
1:      wait    -1
loop_end spin_and_take

/* From a post to the upcall's first instruction: BODY_POST instructions of the user's. */
loop_begin post
        rdtsc
        movl    %eax, ASYNC_BEGAN(%ebp)
        send
loop_end post

/* The upcall of loop_post: ebp is what it was. */
        .globl  upcall_of_post
upcall_of_post:
        movl    %eax, %esi
        rdtsc
        subl    ASYNC_BEGAN(%ebp), %eax
        addl    %eax, ASYNC_TICKS(%ebp)
        incl    ASYNC_COUNT(%ebp)
        movl    ASYNC_PORT(%ebp), %ebx
        movl    $SYS_upcall_return, %eax
        int     $VECTOR_SYSTEM_CALL
        hlt
        .section .note.GNU-stack, "", @progbits
