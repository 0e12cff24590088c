/* SPDX-License-Identifier: MIT */
/*
 * Where things stand in an address space, and the selectors of the flat segments.
 * Shared by C and assembly, kernel and user.
 *
 *   0x00000000  never mapped (one page)
 *   0x00001000  user memory
 *   0xbffff000  never mapped (one page)
 *   0xc0000000  the kernel
 *   0xffffe000  the threshold page: read-only, the same in every process; system calls do
 *               not take it for user memory
 */
#ifndef LIMEN_LAYOUT_H
#define LIMEN_LAYOUT_H

#define PAGE_SIZE 0x1000
#define PAGE_SHIFT 12

#define USER_START 0x00001000        /* first byte that a process may map */
#define USER_END 0xbffff000          /* end of what a process may map */
#define KERNEL_BASE 0xc0000000       /* first byte of the kernel */
#define THRESHOLD_ADDRESS 0xffffe000 /* the threshold page */
#define THRESHOLD_ENTRY 0xffffe080   /* its entry stub: `call` it, native convention */

/*
 * Selectors. The order of the first five is what SYSENTER and SYSCALL want. The two TLS
 * segments stand where no sum of two selectors that user mode can load equals
 * SELECTOR_UDATA + SELECTOR_UDATA but that one itself: the entry path checks DS and ES
 * with one comparison (kernel/i386/entry.S).
 */
#define SELECTOR_KCODE 0x08
#define SELECTOR_KDATA 0x10
#define SELECTOR_UCODE 0x1b
#define SELECTOR_UDATA 0x23
#define SELECTOR_TSS 0x28
#define SELECTOR_GS 0x33 /* the thread's %gs segment: flat, its own base */
#define SELECTOR_FS 0x3b /* the thread's %fs segment: flat, its own base */

/* The interrupt vectors that user mode may raise as system calls. */
#define VECTOR_SYSTEM_CALL 0x80
#define VECTOR_SYSTEM_MESSAGE 0x81

#endif
