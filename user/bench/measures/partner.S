/* SPDX-License-Identifier: MIT */
/*
 * The other thread of the yield benchmark: it yields for ever and counts its turns. It
 * runs where it is copied to, so it names nothing but fixed addresses.
 */
#include "partner.h"

#define SYSCALL(nr, name, params, words, args) .set SYS_##name, nr;
#include <limen/syscalls.def>

        .section .rodata
        .globl  partner_begin, partner_end
partner_begin:
1:      movl    $SYS_thread_yield, %eax
        movl    $THRESHOLD_ENTRY, %edx
        call    *%edx
        incl    PARTNER_COUNT
        jmp     1b
partner_end:

        .section .note.GNU-stack, "", @progbits
