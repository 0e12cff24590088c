/* SPDX-License-Identifier: MIT */
/*
 * Which gates are open. int 0x80 always is; SYSENTER where the processor has it; SYSCALL
 * where the processor has it and lacks SYSENTER, or by the command line, since it costs
 * debug exceptions a task switch. The MSRs are written once.
 */
#include "arch.h"
#include "i386.h"
#include "memory.h"

uint64_t crossings[GATE_CROSSINGS]; /* counted by entry.S */

static uint32_t open = 1u << GATE_INT80;
static enum gate best = GATE_INT80;

extern const char entry_sysenter[], entry_syscall[];

uint32_t gates_open(void)
{
    return open;
}

enum gate gates_best(void)
{
    return best;
}

static void open_sysenter(void)
{
    write_msr(MSR_SYSENTER_CS, SELECTOR_KCODE, 0);
    write_msr(MSR_SYSENTER_ESP, (uint32_t)&main_task.tss.esp0, 0);
    write_msr(MSR_SYSENTER_EIP, (uint32_t)entry_sysenter, 0);
    open |= 1u << GATE_SYSENTER;
    best = GATE_SYSENTER;
}

/* AMD, SYSCALL and SYSRET Instruction Specification (21086). SYSRET takes SS from CS + 8
 * as it is, so its base selector holds RPL 3 already. */
static void open_syscall(void)
{
    tasks_guard_debug();
    write_msr(MSR_STAR, (uint32_t)entry_syscall, SELECTOR_UCODE << 16 | SELECTOR_KCODE);
    write_msr(MSR_EFER, read_msr_low(MSR_EFER) | EFER_SCE, 0);
    open |= 1u << GATE_SYSCALL;
    best = GATE_SYSCALL;
}

void gates_init(enum gate_choice choice)
{
    bool sysenter = choice == GATE_CHOICE_AUTO || choice == GATE_CHOICE_SYSENTER;
    bool syscall = choice == GATE_CHOICE_SYSCALL ||
                   (choice == GATE_CHOICE_AUTO && !cpu_features.sep);

    if (cpu_features.sep && sysenter)
        open_sysenter();
    if (cpu_features.syscall && syscall)
        open_syscall();
}

void arch_crossings(uint64_t counts[GATE_CROSSINGS])
{
    memcpy(counts, crossings, sizeof(crossings));
}
