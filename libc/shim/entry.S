/* SPDX-License-Identifier: MIT */
/*
 * The way into the shim. musl calls through %gs:16 with the convention of Linux for the
 * i386: eax = number, arguments in ebx, ecx, edx, esi, edi, ebp; result in eax, every
 * other register kept. The shim changes to its own stack (thread.h) and calls shim_call
 * with what it pushed:
 *
 *     esp -> eax ebx ecx edx esi edi ebp     struct linux_call, low to high
 *
 * signal_take.c knows the labels between which a thread is not in the shim any more, or
 * not yet.
 */
#include "thread.h"

    .text

    .globl shim_entry, shim_entered, shim_leave, shim_left, shim_left_end
    .globl shim_late, shim_late_in, shim_leave_flags, shim_left_flags, shim_left_popped
    .globl shim_late_flags, shim_late_flags_in, shim_fault_entry, shim_fault_in
    .hidden shim_entry, shim_entered, shim_leave, shim_left, shim_left_end
    .hidden shim_late, shim_late_in, shim_leave_flags, shim_left_flags, shim_left_popped
    .hidden shim_late_flags, shim_late_flags_in, shim_fault_entry, shim_fault_in
    .hidden shim_fault_taken
    .hidden shim_call, shim_attend_late, shim_attend_late_flags

/* To the shim's stack, on which the caller's registers are then, and a pointer to them.
 * What is done in the shim is a critical section: no upcall comes. */
.macro ENTER entered
    incl    %fs:THREAD_CRITICAL
\entered:
    movl    %esp, %fs:THREAD_USER_ESP
    movl    %fs:THREAD_SELF, %esp
    pushl   %ebp
    pushl   %edi
    pushl   %esi
    pushl   %edx
    pushl   %ecx
    pushl   %ebx
    pushl   %eax
    pushl   %esp
.endm

/* Back to the caller's stack. The section is left last; `left` is where it has been.
 * Negative: something was held back since the way out was begun. */
.macro LEAVE left, late
    popl    %ebx
    popl    %ecx
    popl    %edx
    popl    %esi
    popl    %edi
    popl    %ebp
    movl    %fs:THREAD_USER_ESP, %esp
    decl    %fs:THREAD_CRITICAL
\left:
    js      \late
.endm

    .type shim_entry, @function
shim_entry:
    ENTER   shim_entered
    call    shim_call
    addl    $4, %esp
    .size shim_entry, . - shim_entry

/* A new thread begins here: esp at a struct linux_call, eax = the result of its clone. */
    .type shim_leave, @function
shim_leave:
    addl    $4, %esp
    LEAVE   shim_left, shim_late
    ret
shim_left_end:
    .size shim_leave, . - shim_leave

/* Goes on with a whole state: void shim_leave_flags(struct linux_call *), whose number
 * is eax; flags and eip are the caller's stack. */
    .type shim_leave_flags, @function
shim_leave_flags:
    movl    4(%esp), %esp
    popl    %eax
    LEAVE   shim_left_flags, shim_late_flags
    popfl
shim_left_popped:
    ret
    .size shim_leave_flags, . - shim_leave_flags

/* Something was held back: in again, as if by a call that keeps eax. These do not
 * return. */
shim_late_flags:
    ENTER   shim_late_flags_in
    call    shim_attend_late_flags
shim_late:
    ENTER   shim_late_in
    call    shim_attend_late

/* Where a thread goes on after an exception that has a handler, its registers as they
 * were but for eip and flags. */
    .type shim_fault_entry, @function
shim_fault_entry:
    ENTER   shim_fault_in
    call    shim_fault_taken
    .size shim_fault_entry, . - shim_fault_entry

/* What __sysinfo holds and start-up copies into each thread's descriptor. */
    .data
    .balign 4
    .globl __sysinfo
    .hidden __sysinfo
    .type __sysinfo, @object
    .size __sysinfo, 4
__sysinfo:
    .long shim_entry

    .section .note.GNU-stack, "", @progbits
