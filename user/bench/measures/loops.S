/* SPDX-License-Identifier: MIT */
/*
 * The loops that are measured, as functions of C (see ruler.h). Between the two RDTSCs
 * every instruction counts. `path_NAME` is where each turn of loop_NAME begins:
 * tools/count-path traces from there to there.
 *
 * A body may use eax, ecx and edx, moves ebx on if it likes, and keeps esi, edi and ebp,
 * as every system call does.
 */
#include <limen/layout.h>

#define SYSCALL(nr, name, params, words, args) .set SYS_##name, nr;
#include <limen/syscalls.def>

/*
 *      20(%esp)  address
 *      16(%esp)  iterations
 *      12(%esp)  return address
 */
.macro loop_begin name
        .globl  loop_\name, path_\name
loop_\name:
        pushl   %ebx
        pushl   %esi
        pushl   %edi
        movl    16(%esp), %esi
        movl    20(%esp), %ebx
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
        ret
.endm

        .text

loop_begin empty
loop_end empty

loop_begin nop
        nop
loop_end nop

loop_begin null_int80
        movl    $SYS_null, %eax
        int     $VECTOR_SYSTEM_CALL
loop_end null_int80

loop_begin null_sysenter
        movl    $SYS_null, %eax
        movl    %esp, %ecx
        movl    $1f, %edx
        sysenter
1:
loop_end null_sysenter

loop_begin null_syscall
        movl    $SYS_null, %eax
        syscall
loop_end null_syscall

loop_begin touch
        movb    $1, (%ebx)
        addl    $PAGE_SIZE, %ebx
loop_end touch

loop_begin yield
        movl    $SYS_thread_yield, %eax
        movl    $THRESHOLD_ENTRY, %edx
        call    *%edx
loop_end yield

        .section .note.GNU-stack, "", @progbits
