/* SPDX-License-Identifier: MIT */
/* The descriptor tables: a flat GDT in SYSENTER's order, and the IDT. */
#include "assert.h"
#include "cpu.h"
#include "i386.h"

#define DESCRIPTOR_FLAT_LOW 0x0000ffffu
#define DESCRIPTOR_KCODE \
    0x00cf9b00u /* access bits set: the processor never writes the GDT */
#define DESCRIPTOR_KDATA 0x00cf9300u
#define DESCRIPTOR_UCODE 0x00cffb00u
#define DESCRIPTOR_UDATA 0x00cff300u
#define DESCRIPTOR_TASK 0x00008900u

#define GATE_INTERRUPT 0x8e00u
#define GATE_TASK 0x8500u
#define GATE_DPL_3 0x6000u

#define IDT_LIMIT (256 * sizeof(struct arch_descriptor) - 1)
#define TRAP_VECTORS 48
#define TRAP_STUB_SIZE 16

struct table_pointer {
    uint16_t pad;
    uint16_t limit;
    uint32_t base;
};

struct arch_descriptor gdt[GDT_ENTRIES] __attribute__((aligned(16)));
/* A page of its own, which tables_seal makes read-only. */
static struct arch_descriptor idt[PAGE_SIZE / sizeof(struct arch_descriptor)]
    __attribute__((aligned(PAGE_SIZE)));

struct main_task main_task;

extern const char trap_vectors[], entry_int80[], entry_int81[], entry_debug[],
    entry_timer[], kernel_stack_end[];

void gdt_set_task(uint32_t selector, const struct task_state *task, uint32_t limit)
{
    uint32_t base = (uint32_t)task;

    gdt_set(selector, base << 16 | limit,
            (base & 0xff000000) | DESCRIPTOR_TASK | (base >> 16 & 0xff));
}

static void idt_set(uint32_t vector, const char *entry, uint32_t dpl)
{
    uint32_t address = (uint32_t)entry;

    idt[vector] = (struct arch_descriptor){SELECTOR_KCODE << 16 | (address & 0xffff),
                                           (address & 0xffff0000) | GATE_INTERRUPT | dpl};
}

void idt_set_task(uint32_t vector, uint32_t selector)
{
    idt[vector] = (struct arch_descriptor){selector << 16, GATE_TASK};
}

static void fill_gdt(void)
{
    gdt_set(SELECTOR_KCODE, DESCRIPTOR_FLAT_LOW, DESCRIPTOR_KCODE);
    gdt_set(SELECTOR_KDATA, DESCRIPTOR_FLAT_LOW, DESCRIPTOR_KDATA);
    gdt_set(SELECTOR_UCODE, DESCRIPTOR_FLAT_LOW, DESCRIPTOR_UCODE);
    gdt_set(SELECTOR_UDATA, DESCRIPTOR_FLAT_LOW, DESCRIPTOR_UDATA);
    gdt_set(SELECTOR_GS, DESCRIPTOR_FLAT_LOW, DESCRIPTOR_UDATA);
    gdt_set(SELECTOR_FS, DESCRIPTOR_FLAT_LOW, DESCRIPTOR_UDATA);
    gdt_set_task(SELECTOR_TSS, &main_task.tss,
                 sizeof(main_task) - offsetof(struct main_task, tss) - 1);
}

static void fill_idt(void)
{
    for (uint32_t vector = 0; vector < TRAP_VECTORS; vector++)
        idt_set(vector, trap_vectors + vector * TRAP_STUB_SIZE, 0);
    idt_set(VECTOR_DEBUG, entry_debug, 0);
    idt_set(VECTOR_IRQ + IRQ_TIMER, entry_timer, 0);
    idt_set(VECTOR_BREAKPOINT, trap_vectors + VECTOR_BREAKPOINT * TRAP_STUB_SIZE,
            GATE_DPL_3);
    idt_set(VECTOR_OVERFLOW, trap_vectors + VECTOR_OVERFLOW * TRAP_STUB_SIZE, GATE_DPL_3);
    idt_set(VECTOR_SYSTEM_CALL, entry_int80, GATE_DPL_3);
    idt_set(VECTOR_SYSTEM_MESSAGE, entry_int81, GATE_DPL_3);
}

static void load_tables(void)
{
    struct table_pointer gdt_pointer = {.limit = sizeof(gdt) - 1, .base = (uint32_t)gdt};
    struct table_pointer idt_pointer = {.limit = IDT_LIMIT, .base = (uint32_t)idt};

    __asm__ volatile("lgdt %0\n\t"
                     "lidt %1\n\t"
                     "ljmp %2, $1f\n"
                     "1:\n\t"
                     "movw %w4, %%ss\n\t"
                     "movw %w5, %%ds\n\t"
                     "movw %w5, %%es\n\t"
                     "movw %w6, %%fs\n\t"
                     "movw %w6, %%gs\n\t"
                     "lldt %w6\n\t"
                     "ltr %w3"
                     :
                     : "m"(gdt_pointer.limit), "m"(idt_pointer.limit),
                       "i"(SELECTOR_KCODE), "r"(SELECTOR_TSS), "r"(SELECTOR_KDATA),
                       "r"(SELECTOR_UDATA), "r"(0)
                     : "memory");
}

void tables_init(void)
{
    main_task.tss.ss0 = SELECTOR_KDATA;
    main_task.tss.esp0 = (uint32_t)kernel_stack_end;
    main_task.tss.io_bitmap = 0xffff;
    main_task.io_end[0] = 0xff;
    fill_gdt();
    fill_idt();
    load_tables();
}

/*
 * The first Pentiums hang at LOCK CMPXCHG8B of a register, which any program may try:
 * they lock the bus to fetch the invalid opcode's gate. Where they may not write to the
 * IDT they take a page fault instead (Pentium Processor Specification Update, erratum
 * 81).
 */
void tables_seal(void)
{
    paging_seal(idt);
}
