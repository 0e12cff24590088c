/* SPDX-License-Identifier: MIT */
/*
 * What belongs to a processor. Everything per CPU stands here and is reached through
 * cpu().
 */
#ifndef KERNEL_CPU_H
#define KERNEL_CPU_H

#include <stdbool.h>
#include <stdint.h>

#include "priority_queue.h"

struct thread;

/* cpu.work: what must be done before the kernel is left. */
#define WORK_SCHEDULE (1u << 0)    /* another thread may have to run */
#define WORK_REAP (1u << 1)        /* ended processes and objects left work: process.h */
#define WORK_SINGLE_STEP (1u << 2) /* the running thread crossed with TF set */
#define WORK_READY (1u << 3)       /* a thread was added to the ready queue */
#define WORK_TURN_OVER (1u << 4)   /* the running thread had its turn: others go first */
#define WORK_NMI (1u << 5)         /* an NMI met the kernel */
#define WORK_FRAME (1u << 6)       /* the running call changed more than eax */
#define WORK_MESSAGES (1u << 7)    /* messages came back: upcall.h, request_show_all */
#define WORK_HELD (1u << 8)        /* stays while the running thread has DETOUR_HELD */
#define WORK_UPCALL (1u << 9)      /* a thread has DETOUR_UPCALL */

/* cpu.attention: why the fast paths of messages can't be taken, or not as they are. */
#define ATTENTION_FPU (1u << 0)   /* a thread owns the FPU's registers */
#define ATTENTION_PORTS (1u << 1) /* the TSS shows a process's I/O bitmap */
#define ATTENTION_LAZY (ATTENTION_FPU | ATTENTION_PORTS)
#define ATTENTION_STEP (1u << 2) /* the running thread crossed with TF set */
#define ATTENTION_OFF (1u << 3)  /* the command line's fastpath=off */
#define ATTENTION_HELD (1u << 4) /* the running thread has DETOUR_HELD */

struct cpu {
    struct thread *current; /* [c] the running thread; its frame takes the next entry */
    uint32_t work;          /* [c] WORK_… */
    uint32_t attention;     /* [c] ATTENTION_… */
    struct priority_queue ready; /* [c] ready threads but the running one */
    uint16_t slices;             /* [c] that have ended */
    uint16_t turn_age;           /* [c] how many of them in the running turn */
    bool slice_armed;            /* [c] a tick is coming that ends a slice */
};

extern struct cpu boot_cpu;

static inline struct cpu *cpu(void)
{
    return &boot_cpu;
}

#endif
