/* SPDX-License-Identifier: MIT */
/* What this processor has. A 486 may have no CPUID: then nothing beyond the 486 is
 * assumed. */
#include <stddef.h>

#include "i386.h"
#include "memory.h"

#define LEAF1_EDX_FPU (1u << 0)
#define LEAF1_EDX_PSE (1u << 3)
#define LEAF1_EDX_TSC (1u << 4)
#define LEAF1_EDX_MSR (1u << 5)
#define LEAF1_EDX_MCE (1u << 7)
#define LEAF1_EDX_SEP (1u << 11)
#define LEAF1_EDX_PGE (1u << 13)
#define LEAF1_EDX_MMX (1u << 23)
#define LEAF1_EDX_FXSR (1u << 24)
#define LEAF1_EDX_SSE (1u << 25)
#define LEAF7_EBX_SMEP (1u << 7)
#define LEAF7_EBX_SMAP (1u << 20)
#define LEAF7_ECX_UMIP (1u << 2)
#define EXTENDED1_EDX_SYSCALL (1u << 11)
/* The K6 models 6 and 7 show SYSCALL in bit 10 with semantics of their own; it is not
 * used. */

/* The first Intel signature whose SEP bit can be believed: Pentium Pro errata; CPUID in
 * volume 2. */
#define SIGNATURE_SEP_WORKS 0x633u

struct cpu_features cpu_features;

struct registers {
    uint32_t eax, ebx, ecx, edx;
};

static struct registers cpuid(uint32_t leaf)
{
    struct registers r;

    __asm__ volatile("cpuid"
                     : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
                     : "a"(leaf), "c"(0));
    return r;
}

/* Whether EFLAGS.ID can be changed, which is what says that CPUID is there. */
static bool have_cpuid(void)
{
    uint32_t before, after;

    __asm__ volatile("pushfl\n\t"
                     "popl %0\n\t"
                     "movl %0, %1\n\t"
                     "xorl %2, %1\n\t"
                     "pushl %1\n\t"
                     "popfl\n\t"
                     "pushfl\n\t"
                     "popl %1\n\t"
                     "pushl %0\n\t"
                     "popfl"
                     : "=&r"(before), "=&r"(after)
                     : "i"(EFLAGS_ID));
    return (before ^ after) & EFLAGS_ID;
}

/* Without CPUID: FNINIT leaves a status word of 0 if there is an FPU to do it. */
static bool probe_fpu(void)
{
    uint16_t status = 0x5a5a;

    write_cr0(read_cr0() & ~(CR0_EM | CR0_TS));
    __asm__ volatile("fninit\n\tfnstsw %0" : "+m"(status));
    return status == 0;
}

static bool is_vendor(const struct registers *r, const char *name)
{
    uint32_t text[3] = {r->ebx, r->edx, r->ecx};

    return memcmp(text, name, sizeof(text)) == 0;
}

static void read_extended(struct cpu_features *f)
{
    if (cpuid(0x80000000).eax >= 0x80000001 && cpuid(0x80000000).eax < 0x90000000)
        f->syscall = f->amd && cpuid(0x80000001).edx & EXTENDED1_EDX_SYSCALL;
}

void cpuid_init(void)
{
    struct cpu_features *f = &cpu_features;

    if (!have_cpuid()) {
        f->fpu = probe_fpu();
        return;
    }
    f->cpuid = true;
    struct registers leaf0 = cpuid(0);
    struct registers leaf1 = cpuid(1);
    bool intel = is_vendor(&leaf0, "GenuineIntel");

    f->amd = is_vendor(&leaf0, "AuthenticAMD");
    f->signature = leaf1.eax;
    f->fpu = leaf1.edx & LEAF1_EDX_FPU;
    f->pse = leaf1.edx & LEAF1_EDX_PSE;
    f->tsc = leaf1.edx & LEAF1_EDX_TSC;
    f->msr = leaf1.edx & LEAF1_EDX_MSR;
    f->pge = leaf1.edx & LEAF1_EDX_PGE;
    f->mce = leaf1.edx & LEAF1_EDX_MCE;
    f->mmx = leaf1.edx & LEAF1_EDX_MMX;
    f->fxsr = leaf1.edx & LEAF1_EDX_FXSR;
    f->sse = leaf1.edx & LEAF1_EDX_SSE;
    f->sep = leaf1.edx & LEAF1_EDX_SEP && f->msr &&
             !(intel && (leaf1.eax & 0x0fff3fff) < SIGNATURE_SEP_WORKS);
    if (leaf0.eax >= 7) {
        struct registers leaf7 = cpuid(7);
        f->smep = leaf7.ebx & LEAF7_EBX_SMEP;
        f->smap = leaf7.ebx & LEAF7_EBX_SMAP;
        f->umip = leaf7.ecx & LEAF7_ECX_UMIP;
    }
    read_extended(f);
}
