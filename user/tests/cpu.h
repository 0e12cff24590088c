/* SPDX-License-Identifier: MIT */
/*
 * What this processor has, as CPUID tells, and which gates the kernel opened, as the
 * threshold page tells. Rows ask these facts, never an emulator's name.
 */
#ifndef TESTS_CPU_H
#define TESTS_CPU_H

#include <stdbool.h>
#include <stdint.h>

#include <limen/abi.h>

struct cpu_facts {
    bool cpuid;
    bool tsc;
    bool sep;
    bool cmov;
    bool mmx;
    bool fxsr;
    bool sse;
    bool sse2;
    bool umip;
    bool smap;
};

static inline void cpu_leaf(uint32_t leaf, uint32_t words[4])
{
    __asm__ volatile("cpuid"
                     : "=a"(words[0]), "=b"(words[1]), "=c"(words[2]), "=d"(words[3])
                     : "0"(leaf), "2"(0));
}

/* A processor with CPUID lets EFLAGS.ID be changed. */
static inline bool cpu_has_cpuid(void)
{
    uint32_t before;
    uint32_t after;
    __asm__ volatile("pushfl\n\t"
                     "popl %0\n\t"
                     "movl %0, %1\n\t"
                     "xorl $0x200000, %1\n\t"
                     "pushl %1\n\t"
                     "popfl\n\t"
                     "pushfl\n\t"
                     "popl %1\n\t"
                     "pushl %0\n\t"
                     "popfl"
                     : "=&r"(before), "=&r"(after)
                     :
                     : "cc");
    return ((before ^ after) & 0x200000) != 0;
}

static inline struct cpu_facts cpu_facts(void)
{
    struct cpu_facts facts = {.cpuid = cpu_has_cpuid()};
    uint32_t words[4] = {0};
    uint32_t leaves;
    if (!facts.cpuid)
        return facts;
    cpu_leaf(0, words);
    leaves = words[0];
    if (leaves < 1)
        return facts;
    cpu_leaf(1, words);
    facts.tsc = (words[3] & 1u << 4) != 0;
    facts.sep = (words[3] & 1u << 11) != 0;
    facts.cmov = (words[3] & 1u << 15) != 0;
    facts.mmx = (words[3] & 1u << 23) != 0;
    facts.fxsr = (words[3] & 1u << 24) != 0;
    facts.sse = (words[3] & 1u << 25) != 0;
    facts.sse2 = (words[3] & 1u << 26) != 0;
    if (leaves < 7)
        return facts;
    cpu_leaf(7, words);
    facts.smap = (words[1] & 1u << 20) != 0;
    facts.umip = (words[2] & 1u << 2) != 0;
    return facts;
}

static inline const struct threshold_page *threshold(void)
{
    return (const struct threshold_page *)THRESHOLD_ADDRESS;
}

static inline bool gate_is_open(enum gate gate)
{
    return (threshold()->gates_open & 1u << gate) != 0;
}

#endif
