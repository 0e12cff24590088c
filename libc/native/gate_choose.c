/* SPDX-License-Identifier: MIT */
/*
 * The choice of the gate: pure functions of what CPUID said and what the kernel opened,
 * so that the host's unit tests can ask them about every processor that there was.
 */
#include <limen/gate.h>

#define CPUID_SEP (1u << 11)            /* leaf 1, edx */
#define CPUID_SYSCALL (1u << 11)        /* leaf 0x80000001, edx */

/* "GenuineIntel", in the order of processor_facts.vendor. */
#define INTEL_EBX 0x756e6547u
#define INTEL_EDX 0x49656e69u
#define INTEL_ECX 0x6c65746eu

/* Family, model and stepping with their extensions, without the type (original,
 * OverDrive). */
#define SIGNATURE_MASK 0x0fff0fffu
/* Intel's first with SYSENTER: family 6, model 3, stepping 3. The Pentium Pro and the
 * first Pentium II claim SEP as well and lack it. */
#define SIGNATURE_SYSENTER 0x633u

static bool is_intel(const struct processor_facts *facts)
{
    return facts->vendor[0] == INTEL_EBX && facts->vendor[1] == INTEL_EDX
           && facts->vendor[2] == INTEL_ECX;
}

bool limen_has_sysenter(const struct processor_facts *facts)
{
    if (!(facts->features & CPUID_SEP))
        return false;
    return !is_intel(facts) || (facts->signature & SIGNATURE_MASK) >= SIGNATURE_SYSENTER;
}

/*
 * The kernel opens SYSCALL only where SYSENTER is missing or the boot option asks for it,
 * so where it is open it comes first.
 */
enum gate limen_gate_choose(const struct processor_facts *facts, uint32_t gates_open)
{
    if ((gates_open & 1u << GATE_SYSCALL) && (facts->features_extended & CPUID_SYSCALL))
        return GATE_SYSCALL;
    if ((gates_open & 1u << GATE_SYSENTER) && limen_has_sysenter(facts))
        return GATE_SYSENTER;
    return GATE_INT80;
}
