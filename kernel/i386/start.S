/* SPDX-License-Identifier: MIT */
/*
 * From the boot loader to C: a Multiboot 1 header, a first mapping of low memory at 0 and
 * at KERNEL_BASE, and the stack. Works on a 486: no 4 MiB pages yet.
 */
#include <limen/layout.h>

#define MAGIC 0x1badb002
/* Modules on page boundaries; memory information; and where to load: loaders differ about
 * an ELF file's entry point, which here is a physical address. */
#define FLAGS 0x00010003
#define PHYS(symbol) (symbol - KERNEL_BASE)
#define PRESENT_WRITABLE 3

        .section .multiboot, "a"
        .balign 4
multiboot_header:
        .long   MAGIC, FLAGS, -(MAGIC + FLAGS)
        .long   PHYS(multiboot_header), PHYS(kernel_start), PHYS(kernel_load_end)
        .long   PHYS(kernel_end), PHYS(start)

        .text
        .globl  start
start:
        cli
        cld
        movl    $PHYS(kernel_stack_end), %esp
        pushl   $0
        popfl
        movl    %eax, %ebp              /* the loader's magic */
        movl    %ebx, %esi              /* its information */

        /* The moment of entry in TSC ticks; without CPUID there is no TSC. */
        movl    $0x200000, %eax
        pushl   %eax
        popfl
        pushfl
        popl    %ecx
        pushl   $0
        popfl
        testl   %eax, %ecx
        jz      1f
        movl    $1, %eax
        cpuid
        testl   $(1 << 4), %edx
        jz      1f
        rdtsc
        movl    %eax, PHYS(boot_tsc)
        movl    %edx, PHYS(boot_tsc + 4)
1:
        /* One table for the first 4 MiB, in which the kernel lies. */
        movl    $PHYS(paging_low_table), %edi
        movl    $PRESENT_WRITABLE, %eax
        movl    $1024, %ecx
2:      movl    %eax, (%edi)
        addl    $4, %edi
        addl    $PAGE_SIZE, %eax
        loop    2b

        movl    $PHYS(paging_low_table) + PRESENT_WRITABLE, %eax
        movl    %eax, PHYS(paging_directory)
        movl    %eax, PHYS(paging_directory) + (KERNEL_BASE >> 22) * 4
        movl    $PHYS(paging_window_table) + PRESENT_WRITABLE, %eax
        movl    %eax, PHYS(paging_directory) + 1023 * 4

        movl    $PHYS(paging_directory), %eax
        movl    %eax, %cr3
        movl    %cr0, %eax
        orl     $0x80010000, %eax       /* PG, WP */
        movl    %eax, %cr0
        movl    $3f, %eax
        jmp     *%eax
3:
        movl    $0, paging_directory
        movl    %cr3, %eax
        movl    %eax, %cr3
        movl    $kernel_stack_end, %esp
        movl    %ebp, %eax
        movl    %esi, %edx
        xorl    %ebp, %ebp              /* backtraces end here */
        call    kmain                   /* (eax magic, edx information) */
        ud2

        .bss
        .balign 8
        .globl  boot_tsc
boot_tsc:
        .skip   8
        .section .note.GNU-stack, "", @progbits
