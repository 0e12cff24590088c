/* SPDX-License-Identifier: MIT */
/*
 * Crossings of the tests' own, one stub for each gate in the native convention, and a
 * probe that records every register before and after. Nothing of libc's is in between:
 * setting `limen_gate` to one of these sends all native calls of this program that way.
 */
#ifndef TESTS_GATE_H
#define TESTS_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <limen/abi.h>
#include <limen/syscall.h>

#include "cpu.h"

void test_gate_int80(void);
void test_gate_sysenter(void);
void test_gate_syscall(void);
void test_gate_probe(void);

__asm__(".text\n"
        "test_gate_int80:\n\t"
        "int $0x80\n\t"
        "ret\n"
        "test_gate_sysenter:\n\t"
        "movl %esp, %ecx\n\t"
        "movl $1f, %edx\n\t"
        "sysenter\n"
        "1:\n\t"
        "ret\n"
        "test_gate_syscall:\n\t"
        "syscall\n\t"
        "ret\n");

struct gate_choice {
    const char *name;
    void (*stub)(void);
};

static const struct gate_choice gate_choices[GATE_COUNT] = {
    [GATE_INT80] = {"int 0x80", test_gate_int80},
    [GATE_SYSENTER] = {"SYSENTER", test_gate_sysenter},
    [GATE_SYSCALL] = {"SYSCALL", test_gate_syscall},
};

struct registers {
    uint32_t eax, ebx, ecx, edx, esi, edi, ebp, esp, eflags;
    uint32_t ds, es, fs, gs, ss, cs;
};

/* The probe's memory: it may use no register and no stack of its own for these. */
struct gate_probe {
    struct registers in; /* eax to ebp and eflags are loaded, the others recorded */
    struct registers out;
    void (*stub)(void);
} gate_probe;

/*
 * Loads all general registers and the flags from `in`, calls the stub, and records all
 * that it left. ESP is put back from `in`, should it have come back wrong.
 */
__asm__(".text\n"
        "test_gate_probe:\n\t"
        "pushl %ebp\n\t"
        "pushl %ebx\n\t"
        "pushl %esi\n\t"
        "pushl %edi\n\t"
        "movl %esp, gate_probe + 28\n\t"
        "movw %ds, gate_probe + 36\n\t"
        "movw %es, gate_probe + 40\n\t"
        "movw %fs, gate_probe + 44\n\t"
        "movw %gs, gate_probe + 48\n\t"
        "movw %ss, gate_probe + 52\n\t"
        "movw %cs, gate_probe + 56\n\t"
        "movl gate_probe + 0, %eax\n\t"
        "movl gate_probe + 4, %ebx\n\t"
        "movl gate_probe + 8, %ecx\n\t"
        "movl gate_probe + 12, %edx\n\t"
        "movl gate_probe + 16, %esi\n\t"
        "movl gate_probe + 20, %edi\n\t"
        "movl gate_probe + 24, %ebp\n\t"
        "pushl gate_probe + 32\n\t"
        "popfl\n\t"
        "call *gate_probe + 120\n\t"
        "movl %eax, gate_probe + 60\n\t"
        "movl %ebx, gate_probe + 64\n\t"
        "movl %ecx, gate_probe + 68\n\t"
        "movl %edx, gate_probe + 72\n\t"
        "movl %esi, gate_probe + 76\n\t"
        "movl %edi, gate_probe + 80\n\t"
        "movl %ebp, gate_probe + 84\n\t"
        "movl %esp, gate_probe + 88\n\t"
        "movl gate_probe + 28, %esp\n\t"
        "pushfl\n\t"
        "popl gate_probe + 92\n\t"
        "cld\n\t"
        "movw %ds, gate_probe + 96\n\t"
        "movw %es, gate_probe + 100\n\t"
        "movw %fs, gate_probe + 104\n\t"
        "movw %gs, gate_probe + 108\n\t"
        "movw %ss, gate_probe + 112\n\t"
        "movw %cs, gate_probe + 116\n\t"
        "popl %edi\n\t"
        "popl %esi\n\t"
        "popl %ebx\n\t"
        "popl %ebp\n\t"
        "ret\n");

static_assert(sizeof(struct registers) == 60, "the probe's offsets");
static_assert(sizeof(struct gate_probe) == 124, "the probe's offsets");

#define FLAG_CF (1u << 0)
#define FLAG_TF (1u << 8)
#define FLAG_IF (1u << 9)
#define FLAG_DF (1u << 10)
#define FLAG_IOPL (3u << 12)
#define FLAG_NT (1u << 14)
#define FLAG_RF (1u << 16)
#define FLAG_VM (1u << 17)
#define FLAG_AC (1u << 18)

/* Crosses once with the given number and words; all else is in gate_probe. */
static inline long probe_cross(void (*stub)(void), uint32_t number,
                               const uint32_t words[4])
{
    gate_probe.stub = stub;
    gate_probe.in.eax = number;
    gate_probe.in.ebx = words[0];
    gate_probe.in.esi = words[1];
    gate_probe.in.edi = words[2];
    gate_probe.in.ebp = words[3];
    gate_probe.in.ecx = 0x13579bdf;
    gate_probe.in.edx = 0x2468ace0;
    gate_probe.in.eflags = 2 | FLAG_IF | FLAG_CF;
    test_gate_probe();
    if (number == SYS_LIMEN_sendsys) { /* tells by them */
        gate_probe.in.esi = gate_probe.out.esi;
        gate_probe.in.edi = gate_probe.out.edi;
    }
    return (long)gate_probe.out.eax;
}

/* Says what a crossing must keep and did not; null if it kept everything. */
static inline const char *probe_complaint(void)
{
    const struct registers *in = &gate_probe.in;
    const struct registers *out = &gate_probe.out;
    if (out->ebx != in->ebx)
        return "ebx changed";
    if (out->esi != in->esi)
        return "esi changed";
    if (out->edi != in->edi)
        return "edi changed";
    if (out->ebp != in->ebp)
        return "ebp changed";
    if (out->esp != in->esp)
        return "esp changed";
    if (out->ds != in->ds || out->es != in->es || out->ss != in->ss || out->cs != in->cs)
        return "a flat segment changed";
    if (out->fs != in->fs || out->gs != in->gs)
        return "fs or gs changed";
    if ((out->eflags &
         (FLAG_DF | FLAG_TF | FLAG_NT | FLAG_RF | FLAG_VM | FLAG_AC | FLAG_IOPL)) != 0)
        return "unclean flags";
    if ((out->eflags & FLAG_IF) == 0)
        return "interrupts off";
    return NULL;
}

#endif
