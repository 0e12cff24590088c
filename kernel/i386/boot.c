/* SPDX-License-Identifier: MIT */
/* The processor's and the board's part of start-up. */
#include "arch.h"
#include "assert.h"
#include "command.h"
#include "cpu.h"
#include "i386.h"
#include "log.h"

extern uint64_t boot_tsc;
_Noreturn void kernel_exit(void);

static int gate_choice;

void arch_early_init(void)
{
    tables_init();
    screen_init();
    serial_init();
    cpuid_init();
    log_info("Limen, ABI version %u", LIMEN_ABI_VERSION);
}

/* The gates look for other numbers, which are no calls; the fast paths refuse. Done while
 * the kernel's text can be written. */
static void close_fast_paths(void)
{
    extern uint8_t *const fast_numbers_start[], *const fast_numbers_end[];

    for (uint8_t *const *number = fast_numbers_start; number < fast_numbers_end; number++)
        **number = 0xff;
    cpu()->attention |= ATTENTION_OFF;
}

void arch_command_init(const char *command)
{
    static const char *const gates[] = {"auto", "int80", "sysenter", "syscall", NULL};
    static const char *const exits[] = {"debug", NULL};
    static const char *const paths[] = {"on", "off", NULL};
    int exit = command_choice(command, "exit", exits, 1);
    int path = command_choice(command, "fastpath", paths, 0);

    if (exit == 0)
        stop_use_debug_exit();
    if (exit < 0)
        boot_refuse("the command line's exit= is not debug");
    if (path < 0)
        boot_refuse("the command line's fastpath= is none of on, off");
    if (path == 1)
        close_fast_paths();
    gate_choice = command_choice(command, "gate", gates, GATE_CHOICE_AUTO);
    if (gate_choice < 0)
        boot_refuse("the command line's gate= is none of auto, int80, sysenter, syscall");
    if (gate_choice == GATE_CHOICE_SYSENTER && !cpu_features.sep)
        boot_refuse("gate=sysenter, but this processor has no SYSENTER");
    if (gate_choice == GATE_CHOICE_SYSCALL && !cpu_features.syscall)
        boot_refuse("gate=syscall, but this processor has no SYSCALL");
}

uint32_t arch_memory_tables(uint32_t low_end)
{
    return paging_tables_size(low_end);
}

void arch_memory_init(uint32_t low_end, uint32_t tables)
{
    user_copy_init(); /* before the kernel's text becomes read-only */
    paging_init(low_end, tables);
}

void arch_init(void)
{
    tasks_init();
    pic_init();
    clock_init();
    fpu_init();
    gates_init((enum gate_choice)gate_choice);
    tables_seal();
    threshold_init();
    log_info("processor %x, gates%s%s%s, clock %s", cpu_features.signature, " int80",
             gates_open() & 1u << GATE_SYSENTER ? " sysenter" : "",
             gates_open() & 1u << GATE_SYSCALL ? " syscall" : "",
             cpu_features.tsc ? "TSC" : "PIT");
}

void arch_enter_user(void)
{
    if (cpu_features.tsc)
        log_info("boot: %llu TSC ticks from the boot loader to init",
                 read_tsc() - boot_tsc);
    cpu()->work |= WORK_SCHEDULE;
    kernel_exit();
}
