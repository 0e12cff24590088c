/* SPDX-License-Identifier: MIT */
/*
 * Which gate a program crosses by, and why: what CPUID says, judged by a pure function
 * that is tested on the host, and what the kernel says in the threshold page.
 */
#ifndef LIMEN_GATE_H
#define LIMEN_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include <limen/abi.h>

/* What CPUID told; all 0 where the processor has no CPUID. */
struct processor_facts {
    uint32_t vendor[3];         /* leaf 0: ebx, edx, ecx */
    uint32_t signature;         /* leaf 1, eax: type, family, model, stepping */
    uint32_t features;          /* leaf 1, edx */
    uint32_t features_ecx;      /* leaf 1, ecx */
    uint32_t features_extended; /* leaf 0x80000001, edx */
};

/* Asks the processor. */
struct processor_facts limen_processor_facts(void);

/* Whether SYSENTER can be relied on: CPUID has it, and it is not an early Pentium Pro. */
bool limen_has_sysenter(const struct processor_facts *facts);

/* The best gate for such a processor and such a threshold_page.gates_open. */
enum gate limen_gate_choose(const struct processor_facts *facts, uint32_t gates_open);

/* Asks processor and threshold page, and lets `limen_gate` point at the best stub. */
void limen_gate_init(void);

/* The stubs. Each may be called only where the processor has it and the kernel opened
 * it. */
void limen_gate_int80(void);
void limen_gate_sysenter(void);
void limen_gate_syscall(void);

/* The stub of a gate. */
typedef void limen_gate_stub(void);
limen_gate_stub *limen_gate_of(enum gate gate);

/* A time stamp; only where threshold_page.clock_usable. */
uint64_t limen_tsc(void);

/* Fills the buffer from the processor's random number generator; false where it has none
 * or it does not answer. */
bool limen_random(void *buffer, uint32_t size);

/* What AT_RANDOM names, for a program's stack canary and heap: random where limen_random
 * is, else only different from start to start, made from the time. */
#define SEED_BYTES 16
void limen_seed(uint8_t bytes[SEED_BYTES]);

#endif
