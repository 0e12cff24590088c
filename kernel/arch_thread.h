/* SPDX-License-Identifier: MIT */
/* The processor's part of a thread. */
#ifndef KERNEL_ARCH_THREAD_H
#define KERNEL_ARCH_THREAD_H

#include <stdint.h>

#define ARCH_FPU_SIZE 512

/* A descriptor as the GDT wants it. */
struct arch_descriptor {
    uint32_t low, high;
};

struct arch_thread {
    uint16_t fs, gs; /* [c] selectors, as found when the thread last stopped */
    struct arch_descriptor fs_descriptor, gs_descriptor; /* [c] its TLS segments */
    const struct arch_thread *shown_as; /* [c] itself, or one for all of base 0 */
    void *fpu;          /* [c] owned: saved FPU state, or NULL: never used one */
    uint32_t directory; /* [I] physical address of its page directory */
    uint64_t ticks;     /* [c] of the processor that count for it */
};

#endif
