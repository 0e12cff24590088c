/* SPDX-License-Identifier: MIT */
/*
 * long user_copy(to, from, uint32_t size): eax, edx, ecx. Copies across the user boundary
 * in either direction; 0, or the error that trap_kernel puts into eax when it lands at
 * the fix-up. user_copy_present is the same, but that no fault is resolved.
 */
#include "offsets.h"

/* STAC and CLAC where the processor has SMAP, by user_copy_init; on others an instruction
 * of as many bytes that does nothing and that a 486 has. The table .smap tells where, and
 * the last byte. */
        .macro  USER_ACCESS last
9:      .byte   0x8d, 0x76, 0x00                /* leal 0(%esi), %esi */
        .pushsection .smap, "a"
        .long   9b, \last
        .popsection
        .endm

#define STAC USER_ACCESS 0xcb
#define CLAC USER_ACCESS 0xca

        .macro  FIXUP at, landing, resolve
        .pushsection .fixups, "a"
        .long   \at, \landing, \resolve
        .popsection
        .endm

        .macro  COPY name, resolve
        .globl  \name
\name:
        pushl   %edi
        pushl   %esi
        movl    %eax, %edi
        movl    %edx, %esi
        movl    %ecx, %edx
        shrl    $2, %ecx
        andl    $3, %edx
        STAC
1:      rep movsl
        movl    %edx, %ecx
2:      rep movsb
        xorl    %eax, %eax
8:      CLAC
        popl    %esi
        popl    %edi
        ret
        FIXUP   1b, 8b, \resolve
        FIXUP   2b, 8b, \resolve
        .endm

        .text
/* long user_put(to, uint32_t value): eax, edx. */
        .globl  user_put
user_put:
        STAC
1:      movl    %edx, (%eax)
        xorl    %eax, %eax
8:      CLAC
        ret
        FIXUP   1b, 8b, 1

/* long user_put_4(to, const void *from): eax, edx. */
        .globl  user_put_4
user_put_4:
        STAC
        .irp    offset, 0, 4, 8, 12
        movl    \offset(%edx), %ecx
7:      movl    %ecx, \offset(%eax)
        FIXUP   7b, 8f, 1
        .endr
        xorl    %eax, %eax
8:      CLAC
        ret

/* long user_read_plain(struct plain_message *, at): eax, edx. */
        .globl  user_read_plain
user_read_plain:
        STAC
        to = PLAIN_KIND
        .irp    from, MESSAGE_KIND, MESSAGE_REPLY_PORT, MESSAGE_WORDS, MESSAGE_WORDS+4, \
                MESSAGE_WORDS+8
7:      movl    \from(%edx), %ecx
        FIXUP   7b, 8f, 0
        movl    %ecx, to(%eax)
        to = to + 4
        .endr
1:      movl    MESSAGE_OBJECT(%edx), %ecx
        FIXUP   1b, 8f, 0
        .irp    offset, 0, 4, 8, 12
7:      orl     MESSAGE_TIMES + \offset(%edx), %ecx
        FIXUP   7b, 8f, 0
        .endr
        movl    %ecx, PLAIN_OTHERS(%eax)
        xorl    %eax, %eax
8:      CLAC
        ret

        .globl  user_copy_from, user_copy_to
user_copy_from:
user_copy_to:
        COPY    user_copy, 1
        COPY    user_copy_present, 0
        .section .note.GNU-stack, "", @progbits
