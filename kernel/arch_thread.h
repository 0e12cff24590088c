/* SPDX-License-Identifier: MIT */
/* The processor's part of a thread. */
#ifndef KERNEL_ARCH_THREAD_H
#define KERNEL_ARCH_THREAD_H

#include <stdint.h>

#define ARCH_FPU_SIZE 512

/* A thread's %fs and %gs. The descriptors are kept as the GDT wants them. */
struct arch_segment {
    uint16_t selector;  /* as found when the thread last stopped */
    uint32_t low, high; /* its TLS descriptor */
};

struct arch_thread {
    struct arch_segment fs; /* [c] */
    struct arch_segment gs; /* [c] */
    const struct arch_thread
        *descriptors; /* [c] itself, or one that all of base 0 share */
    void *fpu;        /* [c] owned: saved FPU state, or NULL: never used one */
};

#endif
