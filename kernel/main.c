/* SPDX-License-Identifier: MIT */
/* The kernel's start, one step a line, up to the first instruction of init. */
#include "arch.h"
#include "assert.h"
#include "boot.h"
#include "command.h"
#include "cpu.h"
#include "interrupt.h"
#include "log.h"
#include "process.h"
#include "thread.h"
#include "timing_wheel.h"
#include "schedule.h"

_Noreturn void kmain(uint32_t magic, uint32_t information);

extern const char kernel_start[], kernel_end[];

static struct multiboot boot;
static struct archive archive;

/* What the running thread is until init runs: nobody, whose state is never saved. */
static struct thread nobody = {.state = THREAD_ENDED, .base_priority = PRIORITY_DEFAULT};
static struct process no_process;

static void read_boot_information(uint32_t magic, uint32_t information)
{
    const char *wrong = multiboot_parse(&boot, arch_phys_read, magic, information,
                                        (uint32_t)kernel_start - KERNEL_BASE,
                                        (uint32_t)kernel_end - KERNEL_BASE);
    if (wrong)
        boot_refuse(wrong);
    archive = (struct archive){
        .read = arch_phys_read,
        .start = boot.module_start,
        .size = boot.module_end - boot.module_start,
    };
    if ((wrong = archive_check(&archive)))
        boot_refuse(wrong);
}

static void set_log_level(void)
{
    static const char *const levels[] = {"quiet", "info", "debug", NULL};
    int level = command_choice(boot.command, "log", levels, LOG_INFO);

    if (level < 0)
        boot_refuse("the command line's log= is none of quiet, info, debug");
    log_set_level((enum log_level)level);
}

static void become_nobody(void)
{
    object_init(&nobody.object, OBJECT_THREAD);
    object_hold(&nobody.object); /* never destroyed */
    nobody.process = &no_process;
    list_init(&nobody.queue);
    arch_thread_adopt(&nobody);
    cpu()->current = &nobody;
}

void kmain(uint32_t magic, uint32_t information)
{
    arch_early_init(); /* a console, descriptor tables, CPU features */
    read_boot_information(magic, information);
    arch_command_init(boot.command); /* gate=, exit=, fastpath= */
    set_log_level();
    boot_memory_init(&boot); /* frames, the direct map */
    wheel_init();            /* of timers */
    schedule_init();
    interrupt_init();
    arch_init(); /* interrupts, clock, FPU, gates, threshold page */
    become_nobody();
    boot_start_init(&boot, &archive);
    arch_enter_user();
}
