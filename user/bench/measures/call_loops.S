/* SPDX-License-Identifier: MIT */
/*
 * The clients' loops of the calls that are measured (see loop.inc); `address` is that of
 * a struct call_words, or of a struct call_long. The counter stands on the stack, for the
 * words take all registers.
 */
#include "loop.inc"
#include "server.h"

#define SYSCALL(nr, name, params, words, args) .set SYS_##name, nr;
#include <limen/syscalls.def>

/* ecx = address, before the turns and after them. */
.macro call_begin name
        frame_begin \name
        movl    24(%esp), %ecx
        pushl   20(%esp)
.endm

/* The first reading, the last instruction before the turns. */
.macro turns_begin
        rdtsc
        pushl   %eax
.endm

/*
 *       4(%esp)  turns to make
 *        (%esp)  the first reading
 */
.macro turns_end label
        decl    4(%esp)
        jnz     \label
        rdtsc
        popl    %edx
        subl    %edx, %eax
        popl    %edx
        movl    24(%esp), %ecx
.endm

/* Endpoint and words, between a struct call_words and the registers. */
.macro load_words
        movl    (%ecx), %ebx
        movl    4(%ecx), %esi
        movl    8(%ecx), %edi
        movl    12(%ecx), %ebp
.endm

.macro store_words
        movl    %esi, 4(%ecx)
        movl    %edi, 8(%ecx)
        movl    %ebp, 12(%ecx)
.endm

.macro cross_to number, label
        movl    $SYS_\number, %eax
        movl    %esp, %ecx
        movl    $\label, %edx
        sysenter
.endm

        .globl  path_call, path_call_back, path_call_long, path_call_long_back
        .text

call_begin call
        load_words
        turns_begin
path_call:
        cross_to call, path_call_back
path_call_back:
        turns_end path_call
        store_words
frame_end

call_begin call_int80
        load_words
        turns_begin
1:      movl    $SYS_call, %eax
        int     $VECTOR_SYSTEM_CALL
        turns_end 1b
        store_words
frame_end

/* Tells the server when it called. */
call_begin call_one_way
        load_words
        turns_begin
2:      rdtsc
        movl    %eax, %esi
        cross_to call, 3f
3:      turns_end 2b
        store_words
frame_end

/* A struct call_long: endpoint, and the address of the message, which is also its first
 * word, and so the answer's. */
call_begin call_long
        movl    (%ecx), %ebx
        movl    4(%ecx), %esi
        turns_begin
path_call_long:
        cross_to message_call, path_call_long_back
path_call_long_back:
        turns_end path_call_long
frame_end

        .section .note.GNU-stack, "", @progbits
