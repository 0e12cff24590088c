/* SPDX-License-Identifier: MIT */
/*
 * FPU, MMX and SSE state, switched when it is used: CR0.TS is set whenever the registers
 * belong to another thread than the running one. A thread's first use gives it fresh
 * state, so nothing of another thread's is ever seen. FXSAVE where the processor has it,
 * FNSAVE on older ones.
 *
 * A task switch sets CR0.TS, so an NMI may set it under the instructions here as well as
 * under a thread's: trap_kernel clears it again.
 */
#include "arch.h"
#include "assert.h"
#include "cpu.h"
#include "i386.h"
#include "memory.h"
#include "process.h"

#define MXCSR_DEFAULT 0x1f80u
#define FXSAVE_FCW 0
#define FXSAVE_MXCSR 24
#define FXSAVE_MXCSR_MASK 28
#define MXCSR_MASK_DEFAULT 0xffbfu
#define FCW_DEFAULT 0x037fu

struct thread *fpu_owner;
static char initial[ARCH_FPU_SIZE] __attribute__((aligned(16)));
static uint32_t mxcsr_mask; /* [I] bits of MXCSR that may be set; 0 without SSE */

void fpu_allow(void)
{
    __asm__ volatile("clts");
}

static void forbid(void)
{
    write_cr0(read_cr0() | CR0_TS);
}

static void save(void *state)
{
    if (cpu_features.fxsr)
        __asm__ volatile("fxsave (%0)" : : "r"(state) : "memory");
    else
        __asm__ volatile("fnsave (%0)\n\tfwait" : : "r"(state) : "memory");
}

/* FNCLEX first: a pending exception of whoever used the registers last would strike here.
 * AMD processors leave the last instruction's and operand's address alone in FXRSTOR
 * where no exception is pending: a load of our own hides the previous thread's (AMD APM
 * 2, 11.4.4). */
static void restore(const void *state)
{
    static const float zero;

    if (cpu_features.fxsr)
        __asm__ volatile("fnclex\n\tffree %%st(7)\n\tflds %1\n\tfxrstor (%0)"
                         :
                         : "r"(state), "m"(zero)
                         : "memory");
    else
        __asm__ volatile("fnclex\n\tfrstor (%0)" : : "r"(state) : "memory");
}

/* Section 11.6.6, volume 1: a picture's mask of 0 stands for the first processors'. */
static void read_mxcsr_mask(void)
{
    static char picture[ARCH_FPU_SIZE] __attribute__((aligned(16)));

    save(picture);
    memcpy(&mxcsr_mask, picture + FXSAVE_MXCSR_MASK, sizeof(mxcsr_mask));
    if (mxcsr_mask == 0)
        mxcsr_mask = MXCSR_MASK_DEFAULT;
    if (!cpu_features.sse)
        mxcsr_mask = 0;
}

void fpu_init(void)
{
    if (!cpu_features.fpu) {
        write_cr0((read_cr0() | CR0_EM | CR0_NE) & ~CR0_MP);
        return;
    }
    write_cr0((read_cr0() | CR0_MP | CR0_NE) & ~(CR0_EM | CR0_TS));
    if (cpu_features.fxsr)
        write_cr4(read_cr4() | CR4_OSFXSR | (cpu_features.sse ? CR4_OSXMMEXCPT : 0));
    __asm__ volatile("fninit");
    if (cpu_features.fxsr) {
        const uint16_t fcw = FCW_DEFAULT;
        const uint32_t mxcsr = MXCSR_DEFAULT;
        memcpy(initial + FXSAVE_FCW, &fcw, sizeof(fcw));
        read_mxcsr_mask();
        if (mxcsr_mask)
            memcpy(initial + FXSAVE_MXCSR, &mxcsr, sizeof(mxcsr));
    } else {
        save(initial);
    }
    forbid();
}

bool fpu_use(struct thread *thread)
{
    if (!thread->arch.fpu) {
        thread->arch.fpu = slab_take(&thread->process->quota, SLAB_FPU);
        if (!thread->arch.fpu)
            return false;
        memcpy(thread->arch.fpu, initial, sizeof(initial));
    }
    fpu_allow();
    if (fpu_owner == thread)
        return true;
    if (fpu_owner)
        save(fpu_owner->arch.fpu);
    restore(thread->arch.fpu);
    fpu_owner = thread;
    cpu()->attention |= ATTENTION_FPU;
    return true;
}

void fpu_switch(struct thread *next)
{
    if (!fpu_owner)
        return;
    if (fpu_owner == next)
        fpu_allow();
    else if (!(read_cr0() & CR0_TS))
        forbid();
}

/* The registers are the thread's no more. */
static void disown(const struct thread *thread)
{
    if (fpu_owner != thread)
        return;
    fpu_owner = NULL;
    cpu()->attention &= ~ATTENTION_FPU;
    if (cpu_features.fpu)
        forbid();
}

bool arch_fpu_used(const struct thread *thread)
{
    return thread->arch.fpu;
}

void arch_fpu_picture(struct thread *thread, uint8_t picture[ARCH_FPU_SIZE])
{
    if (fpu_owner == thread) {
        fpu_allow();
        save(thread->arch.fpu);
    }
    disown(thread);
    memcpy(picture, thread->arch.fpu, ARCH_FPU_SIZE);
}

void arch_fpu_reset(struct thread *thread)
{
    disown(thread);
    if (thread->arch.fpu)
        memcpy(thread->arch.fpu, initial, sizeof(initial));
}

bool arch_fpu_set(struct thread *thread, const uint8_t *picture)
{
    if (!picture) {
        fpu_forget(thread);
        thread->arch.fpu = NULL;
        return true;
    }
    if (!thread->arch.fpu)
        thread->arch.fpu = slab_take(&thread->process->quota, SLAB_FPU);
    if (!thread->arch.fpu)
        return false;
    disown(thread);
    memcpy(thread->arch.fpu, picture, ARCH_FPU_SIZE);
    if (cpu_features.fxsr) {
        uint32_t mxcsr;
        memcpy(&mxcsr, picture + FXSAVE_MXCSR, sizeof(mxcsr));
        mxcsr &= mxcsr_mask; /* FXRSTOR takes no other bits: section 10.5.1.2, volume 1 */
        memcpy((char *)thread->arch.fpu + FXSAVE_MXCSR, &mxcsr, sizeof(mxcsr));
    }
    return true;
}

void fpu_forget(struct thread *thread)
{
    disown(thread);
    if (thread->arch.fpu)
        slab_give(&thread->process->quota, thread->arch.fpu);
}
