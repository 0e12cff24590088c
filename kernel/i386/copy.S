/* SPDX-License-Identifier: MIT */
/*
 * long user_copy(void *to, const void *from, uint32_t size): eax, edx, ecx. Copies across
 * the user boundary; 0, or the error that trap_kernel puts into eax when it lands at the
 * fix-up. Where the processor has SMAP, user_copy_init puts STAC and CLAC over the NOPs.
 */
        .macro  FIXUP at, landing
        .pushsection .fixups, "a"
        .long   \at, \landing
        .popsection
        .endm

        .text
        .globl  user_copy, user_copy_stac, user_copy_clac
user_copy:
        pushl   %edi
        pushl   %esi
        movl    %eax, %edi
        movl    %edx, %esi
        movl    %ecx, %edx
        shrl    $2, %ecx
        andl    $3, %edx
user_copy_stac:
        nop
        nop
        nop
1:      rep movsl
        movl    %edx, %ecx
2:      rep movsb
        xorl    %eax, %eax
user_copy_clac:
        nop
        nop
        nop
        popl    %esi
        popl    %edi
        ret
        FIXUP   1b, user_copy_clac
        FIXUP   2b, user_copy_clac
        .section .note.GNU-stack, "", @progbits
