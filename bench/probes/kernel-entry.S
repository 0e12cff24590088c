/* SPDX-License-Identifier: MIT */
/*
 * Put in place of the kernel's first instructions, in a copy of its image: writes the TSC
 * to COM1, then ends QEMU through isa-debug-exit. Runs in the state that a multiboot
 * loader leaves: flat segments, no paging, no stack. Nothing but registers and ports is
 * used.
 */
#include "hex.inc"

#define COM1 0x3f8
#define DEBUG_EXIT 0xf4

.macro put character
        movb    $\character, %al
        outb    %al, %dx
.endm

        .text
        rdtsc
        movl    %eax, %ebp
        movw    $COM1, %dx
        .irp    character, 0x0a, 0x70, 0x72, 0x6f, 0x62, 0x65, 0x20    /* "\nprobe " */
        put     \character
        .endr
        movl    $8, %ecx
1:      next_digit
        outb    %al, %dx
        loop    1b
        put     0x0a
        outl    %eax, $DEBUG_EXIT
2:      jmp     2b
