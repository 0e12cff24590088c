/* SPDX-License-Identifier: MIT */
/*
 * Asks the processor and the threshold page which gate to take, at start-up and once. The
 * judgement is in gate_choose.c, the instructions are in gate_stubs.S.
 */
#include <limen/gate.h>
#include <limen/syscall.h>

bool limen_cpuid_present(void);
void limen_cpuid(uint32_t leaf, uint32_t words[4]);

void (*limen_gate)(void) = limen_gate_int80;

struct processor_facts limen_processor_facts(void)
{
    struct processor_facts facts = {0};
    if (!limen_cpuid_present())
        return facts;

    uint32_t words[4];
    limen_cpuid(0, words);
    facts.vendor[0] = words[1];
    facts.vendor[1] = words[3];
    facts.vendor[2] = words[2];
    if (words[0] >= 1) {
        limen_cpuid(1, words);
        facts.signature = words[0];
        facts.features = words[3];
        facts.features_ecx = words[2];
    }
    limen_cpuid(0x80000000, words);
    if (words[0] >= 0x80000001 && words[0] < 0x80010000) {
        limen_cpuid(0x80000001, words);
        facts.features_extended = words[3];
    }
    return facts;
}

limen_gate_stub *limen_gate_of(enum gate gate)
{
    switch (gate) {
    case GATE_SYSENTER:
        return limen_gate_sysenter;
    case GATE_SYSCALL:
        return limen_gate_syscall;
    default:
        return limen_gate_int80;
    }
}

void limen_gate_init(void)
{
    const struct threshold_page *page = (const void *)THRESHOLD_ADDRESS;
    struct processor_facts facts = limen_processor_facts();
    limen_gate = limen_gate_of(limen_gate_choose(&facts, page->gates_open));
}
