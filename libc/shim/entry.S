/* SPDX-License-Identifier: MIT */
/*
 * The way into the shim. musl calls through %gs:16 with the convention of Linux for the
 * i386: eax = number, arguments in ebx, ecx, edx, esi, edi, ebp; result in eax, every
 * other register kept. The shim changes to its own stack (thread.h) and calls shim_call
 * with what it pushed:
 *
 *     esp -> eax ebx ecx edx esi edi ebp     struct linux_call, low to high
 */
#include "thread.h"

    .text

    .globl shim_entry, shim_leave
    .hidden shim_entry, shim_leave, shim_call

    .type shim_entry, @function
shim_entry:
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
    call    shim_call
    addl    $4, %esp
    .size shim_entry, . - shim_entry

/* A new thread begins here: esp at a struct linux_call, eax = the result of its clone. */
    .type shim_leave, @function
shim_leave:
    addl    $4, %esp
    popl    %ebx
    popl    %ecx
    popl    %edx
    popl    %esi
    popl    %edi
    popl    %ebp
    movl    %fs:THREAD_USER_ESP, %esp
    ret
    .size shim_leave, . - shim_leave

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
