/* SPDX-License-Identifier: MIT */
/*
 * The loops of system-call messages, as functions of C (see ruler.h, of type ruler_loop;
 * `address` is that of a struct async_call).
 */
#include <limen/layout.h>

#include "async.h"

#define SYSCALL(nr, name, params, words, args) .set SYS_##name, nr;
#include <limen/syscalls.def>

/*
 *      24(%esp)  address
 *      20(%esp)  iterations
 *      16(%esp)  return address
 *         (%esp) what the caller keeps
 * ebp = address, edi = the first reading, esi = turns to make.
 */
.macro loop_begin name
        .globl  loop_\name, path_\name
loop_\name:
        pushl   %ebp
        pushl   %ebx
        pushl   %esi
        pushl   %edi
        movl    20(%esp), %esi
        movl    24(%esp), %ebp
        rdtsc
        movl    %eax, %edi
path_\name:
.endm

.macro loop_end name
        decl    %esi
        jnz     path_\name
        rdtsc
        subl    %edi, %eax
        popl    %edi
        popl    %esi
        popl    %ebx
        popl    %ebp
        ret
.endm

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
