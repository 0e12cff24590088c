/* SPDX-License-Identifier: MIT */
/*
 * Where the lying boot loader begins: its Multiboot header, a stack, and its C half.
 */
#define HEADER_MAGIC 0x1badb002
#define HEADER_FLAGS 0x00000003         /* modules on page boundaries, a memory map */

        .section .header, "a"
        .balign 4
        .long   HEADER_MAGIC, HEADER_FLAGS, -(HEADER_MAGIC + HEADER_FLAGS)

        .text
        .global start
start:  movl    $stack_end, %esp
        pushl   %ebx                    /* the boot information */
        pushl   %eax                    /* the loader's magic number */
        call    lie
1:      cli
        hlt
        jmp     1b

        .bss
        .balign 16
        .skip   4096
stack_end:
        .section .note.GNU-stack, "", @progbits
