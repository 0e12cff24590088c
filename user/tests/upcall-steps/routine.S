/* SPDX-License-Identifier: MIT */
/*
 * routine(): a little of everything that a thread does in user mode, with all registers
 * and flags written down at many places, downwards from routine_trail_end, and the FPU's
 * state at the end, unless routine_plain is set: then it uses none. Two runs of it write
 * the same, whatever interrupts them; but for TF, which is set where routine_flags has
 * it.
 */
#include <limen/layout.h>

#define SYSCALL(nr, name, params, words, args) .set SYS_##name, nr;
#include <limen/syscalls.def>

#define EINTR 4
#define FLAG_TF 0x100
#define FLAG_DF 0x400
#define FLAG_NT 0x4000
#define FLAG_AC 0x40000
#define FLAG_ID 0x200000

        .globl  routine, routine_flags, routine_id, routine_fxsr, routine_sse
        .globl  routine_gates, routine_deadline, routine_message, routine_fpu
        .globl  routine_trail, routine_trail_end, routine_spaces, routine_plain
        .globl  routine_post

/* Writes down all registers and flags; the trail is the stack meanwhile. */
.macro  RECORD
        movl    %esp, routine_esp
        movl    routine_trail, %esp
        pushfl
        pushal
        movl    %esp, routine_trail
        movl    routine_esp, %esp
.endm

/* What a call keeps: all but ecx, edx, and arithmetic flags by some gates. */
.macro  RECORD_CALL
        movl    $0x0c0c0c0c, %ecx
        movl    $0x0d0d0d0d, %edx
        pushfl
        popl    routine_word
        testl   %eax, %eax
        RECORD
        movl    routine_word, %eax
        andl    $FLAG_DF | FLAG_NT | FLAG_AC | 0x3200, %eax
        RECORD
.endm

/* Sets flags beside those that are set. */
.macro  SET_FLAGS flags
        pushfl
        orl     $\flags, (%esp)
        popfl
.endm

/* The registers of a string instruction. */
.macro  STRINGS from, to, count
        movl    $\from, %esi
        movl    $\to, %edi
        movl    $\count, %ecx
.endm

        .text
routine:
        pushal
        pushl   %fs
        pushl   %gs
        movl    %esp, routine_own_esp
        movl    $routine_trail_end, routine_trail
        pushl   routine_flags
        popfl
        movl    $0x9e3779b9, %eax
        movl    $0x7f4a7c15, %ebx
        movl    $0xf39cc060, %ecx
        movl    $0x5cedc834, %edx
        movl    $0x1082276b, %esi
        movl    $0xf3a27251, %edi
        movl    $0xf86c6a11, %ebp
        RECORD

        /* Numbers and flags. */
        addl    %eax, %ebx
        adcl    %edx, %ecx
        sbbl    %ebp, %esi
        RECORD
        rcll    $7, %edi
        rcrl    $3, %ebp
        shldl   $5, %eax, %edx
        btsl    $31, %ecx
        RECORD
        mull    %ebx
        RECORD
        movl    $77, %ecx
        xorl    %edx, %edx
        divl    %ecx
        RECORD
        imull   $-3, %edx, %esi
        negl    %esi
        lahf
        notl    %ebx
        sahf
        setc    %bl
        RECORD
        bswapl  %edi
        movl    %edi, routine_word
        movl    $1, %ecx
        lock
        cmpxchgl %ecx, routine_word
        lock
        xaddl   %ecx, routine_word
        RECORD
        stc
        cmc
        daa
        aas
        cwde
        cdq
        RECORD

        /* The stack. */
        pushl   %eax
        pushw   $0x1234
        movl    %esp, %ebp
        enter   $16, $2
        movl    %ebx, -4(%ebp)
        leave
        popw    %bx
        popl    %ebx
        movl    $0x5ca1ab1e, %ebp
        call    1f
1:      popl    %ecx
        movl    %ss, %edx
        movl    %edx, %ss
        pushl   %esi
        popl    %edx
        movl    %esp, routine_word
        movl    $routine_spaces + 0x8000, %esp
        pushal
        popal
        movl    routine_word, %esp
        RECORD

        /* Strings, both ways. */
        cld
        STRINGS routine_text, routine_spaces, 23
        rep
        movsb
        RECORD
        movb    $0x20, %al
        movl    $routine_spaces, %edi
        movl    $40, %ecx
        repne
        scasb
        RECORD
        std
        STRINGS routine_text + 20, routine_spaces + 200, 11
        rep
        movsb
        RECORD
        movl    $0x01020304, %eax
        movl    $routine_spaces + 300, %edi
        movl    $9, %ecx
        rep
        stosl
        lodsw
        RECORD
        STRINGS routine_text + 20, routine_spaces + 200, 12
        repe
        cmpsb
        RECORD
        cld
        movl    $routine_text, %ebx
        movb    $3, %al
        xlat
        RECORD

        /* Flags that most programs leave alone. */
        SET_FLAGS FLAG_NT
        RECORD
        SET_FLAGS FLAG_AC | FLAG_DF
        RECORD
        movl    $SYS_null, %eax
        int     $0x80
        RECORD_CALL
        SET_FLAGS FLAG_AC | FLAG_NT
        testl   $1, routine_id
        jz      1f
        SET_FLAGS FLAG_ID
1:      RECORD
        pushfl
        andl    $~(FLAG_AC | FLAG_NT | FLAG_ID), (%esp)
        popfl
        RECORD

        /* Segments. */
.macro  SELECTOR value
        movl    $\value, %eax
        movl    %eax, %fs
        movl    %fs, %ebx
        movl    %eax, %gs
        movl    %gs, %edx
        RECORD
        movl    %fs, %ebx
        movl    %gs, %edx
        RECORD
.endm
        SELECTOR SELECTOR_UCODE
        SELECTOR SELECTOR_UDATA
        SELECTOR (SELECTOR_UDATA & ~3)
        movl    %fs:routine_text, %ecx
        addl    %gs:routine_text + 4, %ecx
        RECORD
        SELECTOR (SELECTOR_FS & ~2)
        SELECTOR 0
        movl    %ds, %ecx
        movl    %es, %edx
        movl    %cs, %esi
        RECORD

        /* Calls by every gate; eax is also a table's index. */
        movl    $0, routine_index
2:      movl    routine_index, %eax
        movl    routine_gates(,%eax,4), %edx
        testl   %edx, %edx
        jz      3f
        movl    $0x11111111, %ebx
        movl    $0x22222222, %esi
        movl    $0x33333333, %edi
        movl    $0x44444444, %ebp
        SET_FLAGS FLAG_AC | FLAG_DF | FLAG_NT   /* no call keeps them */
        movl    $SYS_null, %eax
        call    *%edx
        RECORD_CALL
        /* Posts a signal to itself, which may be an upcall on the way out. */
        movl    routine_index, %eax
        movl    routine_gates(,%eax,4), %edx
        movl    $1, %ebx
        movl    $routine_post, %esi
        movl    $48, %edi
        xorl    %ebp, %ebp
        SET_FLAGS FLAG_AC | FLAG_DF | FLAG_NT
        movl    $SYS_sendsys, %eax
        call    *%edx
        RECORD_CALL
        /* A word that is not 5: EAGAIN. */
        movl    routine_index, %eax
        movl    routine_gates(,%eax,4), %edx
        movl    $SYS_futex_wait, %eax
        movl    $routine_text, %ebx
        movl    $5, %esi
        xorl    %edi, %edi
        call    *%edx
        RECORD_CALL
        /* Sleeps, until the deadline has come. */
4:      movl    routine_index, %eax
        movl    routine_gates(,%eax,4), %edx
        movl    $SYS_clock_sleep, %eax
        movl    $routine_deadline, %ebx
        call    *%edx
        cmpl    $-EINTR, %eax
        je      4b
        RECORD_CALL
3:      incl    routine_index
        cmpl    $4, routine_index
        jb      2b
        movl    $THRESHOLD_ENTRY, %edx
        movl    $12345, %eax                    /* no such call */
        call    *%edx
        RECORD_CALL

        /* int 0x81: a message that has to wait, which keeps all else. */
5:      movl    $1, %eax
        movl    $routine_message, %ecx
        movl    $48, %edx
        xorl    %ebx, %ebx
        int     $0x81
        cmpl    $-EINTR, %eax
        je      5b
        RECORD
        movl    $1, %eax                        /* flushsys */
        xorl    %ecx, %ecx
        xorl    %edx, %edx
        int     $0x81
        RECORD

        /* The FPU. */
        testl   $1, routine_plain
        jnz     9f
        fninit
        fldpi
        fldl2e
        fmul    %st(1), %st
        fldcw   routine_control
        fsqrt
        fld1
        fdiv    %st(2), %st
        fstpt   routine_spaces + 400
        fnstsw  %ax
        RECORD
        fldt    routine_spaces + 400
        fchs
        fabs
        fcomp   %st(1)
        fnstsw  %ax
        sahf
        RECORD
        fldz
        fldln2
        frndint
        fistl   routine_spaces + 420
        fxch    %st(2)
        movl    routine_spaces + 420, %ecx
        RECORD
        testl   $1, routine_sse
        jz      6f
        movups  routine_text, %xmm0
        movups  routine_text + 4, %xmm1
        ldmxcsr routine_mxcsr
        addps   %xmm0, %xmm1
        mulps   %xmm1, %xmm1
        movaps  %xmm1, %xmm7
        shufps  $0x1b, %xmm0, %xmm7
        movups  %xmm7, routine_spaces + 440
        stmxcsr routine_spaces + 460
        movl    routine_spaces + 440, %ecx
        movl    routine_spaces + 460, %edx
        RECORD
6:      testl   $1, routine_fxsr
        jz      7f
        fxsave  routine_fpu
        jmp     8f
7:      fnsave  routine_fpu
        frstor  routine_fpu
8:      fstpt   routine_spaces + 480
        RECORD

9:      movl    routine_own_esp, %esp
        pushfl
        andl    $~FLAG_TF, (%esp)
        popfl
        popl    %gs
        popl    %fs
        popal
        ret

        .section .rodata
routine_control: .word 0x0e7f                   /* rounds to zero, double precision */
        .balign 4
routine_mxcsr:  .long 0x7f80                    /* rounds to zero */

        .data
        .balign 16
routine_text:   .ascii "the threshold of a house is crossed in both directions"
        .balign 16
routine_message: .skip 48
routine_post:   .skip 48
routine_deadline: .quad 0
routine_gates:  .long 0, 0, 0, 0
routine_flags:  .long 0
routine_plain:  .long 0
routine_id:     .long 0
routine_fxsr:   .long 0
routine_sse:    .long 0
routine_esp:    .long 0
routine_own_esp: .long 0
routine_trail:  .long 0
routine_word:   .long 0
routine_index:  .long 0

        .bss
        .balign 16
routine_fpu:    .skip 512
routine_spaces: .skip 0x9000
        .skip   0x18000                         /* the trail, and upcalls below it */
routine_trail_end:
        .section .note.GNU-stack, "", @progbits
