/* SPDX-License-Identifier: MIT */
/*
 * The three ways across the threshold, and the few instructions that C has no word for.
 *
 * A gate stub is called with the native convention (limen/syscalls.def): eax = number,
 * ebx, esi, edi, ebp = words; eax = result, ecx and edx lost. These are the only
 * instructions in libc.a that enter the kernel, and this is the only object with
 * instructions that a 486 lacks: gate.c lets each run only where CPUID, or the kernel for
 * rdtsc, says that it is there.
 */
    .text

    .globl limen_gate_int80, limen_gate_sysenter, limen_gate_syscall

    .type limen_gate_int80, @function
limen_gate_int80:
    int     $0x80
    ret
    .size limen_gate_int80, . - limen_gate_int80

/* SYSEXIT takes the stack pointer from ecx and the address to go on at from edx. */
    .type limen_gate_sysenter, @function
limen_gate_sysenter:
    movl    %esp, %ecx
    movl    $1f, %edx
    sysenter
1:  ret
    .size limen_gate_sysenter, . - limen_gate_sysenter

/* SYSCALL itself leaves the address to go on at in ecx; the stack pointer stays. */
    .type limen_gate_syscall, @function
limen_gate_syscall:
    syscall
    ret
    .size limen_gate_syscall, . - limen_gate_syscall

/* bool limen_cpuid_present(void): whether EFLAGS.ID can be changed. */
    .globl limen_cpuid_present
    .type limen_cpuid_present, @function
limen_cpuid_present:
    pushfl
    popl    %eax
    movl    %eax, %ecx
    xorl    $0x200000, %eax
    pushl   %eax
    popfl
    pushfl
    popl    %eax
    pushl   %ecx
    popfl
    xorl    %ecx, %eax
    shrl    $21, %eax
    andl    $1, %eax
    ret
    .size limen_cpuid_present, . - limen_cpuid_present

/* void limen_cpuid(uint32_t leaf, uint32_t words[4]): eax, ebx, ecx, edx. */
    .globl limen_cpuid
    .type limen_cpuid, @function
limen_cpuid:
    pushl   %ebx
    pushl   %edi
    movl    12(%esp), %eax
    movl    16(%esp), %edi
    xorl    %ecx, %ecx
    cpuid
    movl    %eax, (%edi)
    movl    %ebx, 4(%edi)
    movl    %ecx, 8(%edi)
    movl    %edx, 12(%edi)
    popl    %edi
    popl    %ebx
    ret
    .size limen_cpuid, . - limen_cpuid

/* uint64_t limen_tsc(void) */
    .globl limen_tsc
    .type limen_tsc, @function
limen_tsc:
    rdtsc
    ret
    .size limen_tsc, . - limen_tsc

/* bool limen_rdrand(uint32_t *word): false when the generator had nothing. */
    .globl limen_rdrand
    .type limen_rdrand, @function
limen_rdrand:
    movl    4(%esp), %ecx
    xorl    %eax, %eax
    rdrand  %edx
    jnc     1f
    movl    %edx, (%ecx)
    incl    %eax
1:  ret
    .size limen_rdrand, . - limen_rdrand

    .section .note.GNU-stack, "", @progbits
