/* SPDX-License-Identifier: MIT */
/*
 * long user_copy(to, from, uint32_t size): eax, edx, ecx. Copies across the user boundary
 * in either direction; 0, or the error that trap_kernel puts into eax when it lands at
 * the fix-up. user_copy_present is the same, but that no fault is resolved. Where the
 * processor has SMAP, user_copy_init puts STAC and CLAC in the place of NAME_stac and
 * NAME_clac.
 */
        .macro  FIXUP at, landing, resolve
        .pushsection .fixups, "a"
        .long   \at, \landing, \resolve
        .popsection
        .endm

/* An instruction of three bytes that does nothing, and that a 486 has. */
        .macro  NOTHING
        .byte   0x8d, 0x76, 0x00                /* leal 0(%esi), %esi */
        .endm

        .macro  COPY name, resolve
        .globl  \name, \name\()_stac, \name\()_clac
\name:
        pushl   %edi
        pushl   %esi
        movl    %eax, %edi
        movl    %edx, %esi
        movl    %ecx, %edx
        shrl    $2, %ecx
        andl    $3, %edx
\name\()_stac:
        NOTHING
1:      rep movsl
        movl    %edx, %ecx
2:      rep movsb
        xorl    %eax, %eax
\name\()_clac:
        NOTHING
        popl    %esi
        popl    %edi
        ret
        FIXUP   1b, \name\()_clac, \resolve
        FIXUP   2b, \name\()_clac, \resolve
        .endm

        .text
/* long user_put(to, uint32_t value): eax, edx. */
        .globl  user_put, user_put_stac, user_put_clac
user_put:
user_put_stac:
        NOTHING
1:      movl    %edx, (%eax)
        xorl    %eax, %eax
user_put_clac:
        NOTHING
        ret
        FIXUP   1b, user_put_clac, 1

        .globl  user_copy_from, user_copy_to
user_copy_from:
user_copy_to:
        COPY    user_copy, 1
        COPY    user_copy_present, 0
        .section .note.GNU-stack, "", @progbits
