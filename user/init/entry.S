/* SPDX-License-Identifier: MIT */
/*
 * Where the kernel starts init: eax = the boot information, esp = the top of a stack with
 * nothing on it. Makes room for the picture of arguments that a C library looks for
 * there, has start.c draw it, and goes on to the library's own _start.
 *
 *     esp -> boot information, picture | the picture … | top
 */
#include "start.h"

    .text
    .globl init_start
    .type init_start, @function
init_start:
    xorl    %ebp, %ebp
    subl    $PICTURE_SIZE, %esp
    andl    $-16, %esp
    movl    %esp, %edx
    pushl   %edx
    pushl   %eax
    call    init_picture
    addl    $8, %esp
    jmp     _start
    .size init_start, . - init_start

    .section .note.GNU-stack, "", @progbits
