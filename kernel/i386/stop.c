/* SPDX-License-Identifier: MIT */
/*
 * Stopping the machine: the emulators' ways where they are asked for or found, ACPI's
 * soft-off (ACPI 6.4, 4.8.3.2: PM1 control, SLP_TYP from \_S5), the keyboard controller's
 * reset.
 */
#include "arch.h"
#include "assert.h"
#include "i386.h"
#include "log.h"
#include "memory.h"

#define DEBUG_EXIT 0xf4   /* QEMU's isa-debug-exit, with exit=debug */
#define PANIC_STATUS 0x3f /* with it, QEMU's own exit status is 127 */
#define BOCHS_PORT 0x8900 /* takes the word "Shutdown"; nothing there on real boards */
#define KEYBOARD_COMMAND 0x64
#define KEYBOARD_BUSY 0x02
#define KEYBOARD_RESET 0xfe
#define POLLS 100000u

#define RSDP_START 0xe0000u
#define RSDP_END 0x100000u
#define EBDA_POINTER 0x40eu
#define SLP_EN (1u << 13)
#define SCI_ENABLED (1u << 0)

struct table_header {
    char signature[4];
    uint32_t length;
    char rest[28];
};

/* Offsets in the fixed ACPI description table (ACPI 6.4, table 5.9). */
#define FADT_DSDT 40
#define FADT_SMI_COMMAND 48
#define FADT_ACPI_ENABLE 52
#define FADT_PM1A_CONTROL 64
#define FADT_PM1B_CONTROL 68

static bool debug_exit;

void stop_use_debug_exit(void)
{
    debug_exit = true;
}

static uint32_t read_word(uint32_t address)
{
    uint32_t value;

    arch_phys_read(address, &value, sizeof(value));
    return value;
}

/* The root pointer: 8 bytes of signature on a 16-byte boundary, whose 20 bytes add up to
 * 0. */
static uint32_t find_rsdp(uint32_t start, uint32_t end)
{
    uint8_t bytes[20];

    for (uint32_t at = start; at < end; at += 16) {
        uint8_t sum = 0;
        arch_phys_read(at, bytes, sizeof(bytes));
        for (uint32_t i = 0; i < sizeof(bytes); i++)
            sum = (uint8_t)(sum + bytes[i]);
        if (sum == 0 && memcmp(bytes, "RSD PTR ", 8) == 0)
            return at;
    }
    return 0;
}

static uint32_t find_fadt(void)
{
    uint32_t ebda = (read_word(EBDA_POINTER) & 0xffff) << 4;
    uint32_t rsdp = ebda ? find_rsdp(ebda, ebda + 1024) : 0;
    struct table_header header;

    if (!rsdp)
        rsdp = find_rsdp(RSDP_START, RSDP_END);
    if (!rsdp)
        return 0;
    uint32_t rsdt = read_word(rsdp + 16);
    arch_phys_read(rsdt, &header, sizeof(header));
    for (uint32_t at = sizeof(header); at + 4 <= header.length; at += 4) {
        struct table_header table;
        uint32_t address = read_word(rsdt + at);
        arch_phys_read(address, &table, sizeof(table));
        if (memcmp(table.signature, "FACP", 4) == 0)
            return address;
    }
    return 0;
}

/* One number of an AML package: a byte prefix and a byte, or the constants 0 and 1. */
static uint32_t read_aml_byte(const uint8_t **at)
{
    if (**at == 0x0a)
        (*at)++;
    return *(*at)++;
}

/* SLP_TYPa and SLP_TYPb for soft-off: the package behind the name _S5_ in the DSDT. */
static bool find_s5(uint32_t dsdt, uint32_t types[2])
{
    struct table_header header;
    uint8_t bytes[16];

    arch_phys_read(dsdt, &header, sizeof(header));
    for (uint32_t at = sizeof(header); at + sizeof(bytes) <= header.length; at++) {
        arch_phys_read(dsdt + at, bytes, sizeof(bytes));
        if (memcmp(bytes, "_S5_\x12", 5) != 0)
            continue;
        const uint8_t *item = bytes + 5;
        item += (*item >> 6) + 2; /* the package's length, and its number of elements */
        types[0] = read_aml_byte(&item) & 7;
        types[1] = read_aml_byte(&item) & 7;
        return true;
    }
    return false;
}

static void acpi_off(void)
{
    uint32_t fadt = find_fadt();
    uint32_t types[2];

    if (!fadt || !find_s5(read_word(fadt + FADT_DSDT), types))
        return;
    uint16_t control_a = (uint16_t)read_word(fadt + FADT_PM1A_CONTROL);
    uint16_t control_b = (uint16_t)read_word(fadt + FADT_PM1B_CONTROL);
    uint16_t smi = (uint16_t)read_word(fadt + FADT_SMI_COMMAND);
    uint8_t acpi_enable = (uint8_t)read_word(fadt + FADT_ACPI_ENABLE);

    if (smi && acpi_enable && !(in16(control_a) & SCI_ENABLED)) {
        out8(smi, acpi_enable);
        for (uint32_t i = 0; i < POLLS && !(in16(control_a) & SCI_ENABLED); i++)
            continue;
    }
    out16(control_a, (uint16_t)(types[0] << 10 | SLP_EN));
    if (control_b)
        out16(control_b, (uint16_t)(types[1] << 10 | SLP_EN));
}

static void bochs_off(void)
{
    for (const char *byte = "Shutdown"; *byte; byte++)
        out8(BOCHS_PORT, (uint8_t)*byte);
}

/* A triple fault: with no IDT, any exception resets the processor. */
_Noreturn static void reset(void)
{
    static const uint8_t no_idt[6];

    for (uint32_t i = 0; i < POLLS && in8(KEYBOARD_COMMAND) & KEYBOARD_BUSY; i++)
        continue;
    out8(KEYBOARD_COMMAND, KEYBOARD_RESET);
    for (uint32_t i = 0; i < POLLS; i++)
        in8(KEYBOARD_COMMAND);
    __asm__ volatile("lidt %0\n\tint3" : : "m"(no_idt));
    arch_halt();
}

void arch_stop(enum machine_action action, uint32_t status)
{
    serial_drain();
    if (debug_exit)
        out32(DEBUG_EXIT, status);
    if (action == MACHINE_REBOOT)
        reset();
    bochs_off();
    acpi_off();
    log_always("It is safe to turn off the machine now.");
    arch_halt();
}

void arch_panic_stop(void)
{
    serial_drain();
    if (debug_exit)
        out32(DEBUG_EXIT, PANIC_STATUS);
    arch_halt();
}

void arch_halt(void)
{
    for (;;)
        __asm__ volatile("cli\n\thlt");
}
