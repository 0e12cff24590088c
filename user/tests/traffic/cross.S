/* SPDX-License-Identifier: MIT */
/*
 * traffic_cross(crossing): one crossing by the threshold page's stub, with all that it
 * may and may not change; traffic_cross81 by int 0x81. Offsets are those of struct
 * crossing.
 */
#include <limen/layout.h>

/* Begins both: ecx = crossing. */
.macro  BEGIN
        pushl   %ebp
        pushl   %ebx
        pushl   %esi
        pushl   %edi
        movl    20(%esp), %ecx
        pushl   %ecx
        movl    %esp, 20(%ecx)
        movl    (%ecx), %eax
        movl    4(%ecx), %ebx
.endm

        .globl  traffic_cross, traffic_cross81
        .text
/*
 *      24(%esp)  crossing
 *      20(%esp)  return address
 *      (%esp)    crossing, EDI, ESI, EBX, EBP
 */
traffic_cross:
        BEGIN
        movl    8(%ecx), %esi
        movl    12(%ecx), %edi
        movl    16(%ecx), %ebp
        movl    $THRESHOLD_ENTRY, %edx
        call    *%edx
        movl    (%esp), %ecx
        movl    %eax, (%ecx)
        movl    %ebx, 4(%ecx)
        movl    %esi, 8(%ecx)
        movl    %edi, 12(%ecx)
        movl    %ebp, 16(%ecx)
        xorl    %esi, %esi
1:      subl    %esp, 20(%ecx)
        addl    %esi, 20(%ecx)
        pushfl
        popl    24(%ecx)
        movw    %ds, 28(%ecx)
        movw    %es, 30(%ecx)
        movw    %fs, 32(%ecx)
        movw    %gs, 34(%ecx)
        addl    $4, %esp
        popl    %edi
        popl    %esi
        popl    %ebx
        popl    %ebp
        ret

traffic_cross81:
        BEGIN
        movl    12(%ecx), %edx
        movl    16(%ecx), %ebp
        leal    1(%ebp), %esi
        leal    2(%ebp), %edi
        movl    8(%ecx), %ecx
        int     $0x81
        pushl   %ecx
        movl    4(%esp), %ecx
        popl    8(%ecx)
        movl    %eax, (%ecx)
        movl    %ebx, 4(%ecx)
        movl    %edx, 12(%ecx)
        subl    $1, %esi
        subl    $2, %edi
        subl    %ebp, %esi
        subl    %ebp, %edi
        orl     %edi, %esi                      /* 0: both are kept */
        movl    %ebp, 16(%ecx)
        jmp     1b

        .section .note.GNU-stack, "", @progbits
