/* SPDX-License-Identifier: MIT */
/*
 * A boot loader that lies. Real ones do not produce the boot information that the kernel
 * must refuse, so this stands between QEMU's and the kernel: its first module is the
 * kernel, its command line is `FILE LIE KERNEL-COMMAND…`. It loads the kernel's ELF,
 * makes the boot information say what LIE means, and enters the kernel. An unknown lie
 * only halts, and the test sees that nothing is said.
 */
#include <stdbool.h>
#include <stddef.h>

#include "multiboot.h"

#define MIB (1u << 20)
#define KERNEL_START MIB /* where a Multiboot kernel's image begins */

/* What is told to the kernel; a lie changes it. */
static struct telling {
    uint32_t magic;
    struct multiboot_info *info;
    struct multiboot_module *archive;
} telling;

/* A map of this program's own, at least as long as any lie needs. */
static struct multiboot_range map[4];
static char long_command[4096];

static void set_range(int index, uint64_t base, uint64_t length, uint32_t type)
{
    map[index] = (struct multiboot_range){
        .size = sizeof(map[0]) - sizeof(map[0].size),
        .base = base,
        .length = length,
        .type = type,
    };
}

/* Tells a map of `count` ranges: low memory as PCs have it, and the first of a PC's high
 * memory, up to the end of what QEMU gives; the lies that follow change or add ranges. */
static void tell_map(uint32_t count)
{
    set_range(0, 0, 0x9f000, MAP_AVAILABLE);
    set_range(1, MIB, 62 * MIB, MAP_AVAILABLE);
    telling.info->map = (uint32_t)map;
    telling.info->map_size = count * sizeof(map[0]);
}

static void no_lie(void)
{
}

static void own_map(void)
{
    tell_map(2);
}

static void wrong_magic(void)
{
    telling.magic = 0x36d76289; /* Multiboot 2's */
}

static void no_map(void)
{
    telling.info->flags &= ~MULTIBOOT_MAP;
}

static void empty_map(void)
{
    telling.info->map_size = 0;
}

static void overlapping_ram(void)
{
    tell_map(3);
    set_range(2, 32 * MIB, 64 * MIB, MAP_AVAILABLE);
}

static void overlapping_reserved(void)
{
    tell_map(3);
    set_range(2, 62 * MIB, 2 * MIB, MAP_RESERVED);
}

static void unsorted_map(void)
{
    tell_map(2);
    struct multiboot_range first = map[0];
    map[0] = map[1];
    map[1] = first;
}

static void wrapping_range(void)
{
    tell_map(3);
    set_range(2, UINT64_MAX - MIB, 2 * MIB, MAP_AVAILABLE);
}

static void short_entry(void)
{
    tell_map(2);
    map[0].size = 0;
}

static void cut_entry(void)
{
    tell_map(2);
    telling.info->map_size -= 8;
}

static void map_outside(void)
{
    telling.info->map = 0xfffff000;
    telling.info->map_size = 0x2000;
}

static void no_ram(void)
{
    tell_map(2);
    map[1].type = MAP_RESERVED;
}

static void no_module(void)
{
    telling.info->module_count = 0;
}

static void two_modules(void)
{
    telling.info->modules -= sizeof(*telling.archive);
    telling.info->module_count = 2;
}

static void module_over_kernel(void)
{
    telling.archive->end -= telling.archive->start - KERNEL_START;
    telling.archive->start = KERNEL_START;
}

static void module_into_kernel(void)
{
    telling.archive->start = KERNEL_START - 0x1000;
    telling.archive->end = KERNEL_START + 1;
}

static void module_backwards(void)
{
    telling.archive->end = telling.archive->start - 1;
}

static void module_outside(void)
{
    telling.archive->start = 0xe0000000;
    telling.archive->end = 0xe0100000;
}

static void long_command_line(void)
{
    for (size_t i = 0; i < sizeof(long_command) - 1; i++)
        long_command[i] = 'x';
    telling.info->command = (uint32_t)long_command;
}

static const struct {
    const char *name;
    void (*tell)(void);
} lies[] = {
    {"none", no_lie},
    {"own-map", own_map},
    {"wrong-magic", wrong_magic},
    {"no-map", no_map},
    {"empty-map", empty_map},
    {"overlapping-ram", overlapping_ram},
    {"overlapping-reserved", overlapping_reserved},
    {"unsorted-map", unsorted_map},
    {"wrapping-range", wrapping_range},
    {"short-entry", short_entry},
    {"cut-entry", cut_entry},
    {"map-outside", map_outside},
    {"no-ram", no_ram},
    {"no-module", no_module},
    {"two-modules", two_modules},
    {"module-over-kernel", module_over_kernel},
    {"module-into-kernel", module_into_kernel},
    {"module-backwards", module_backwards},
    {"module-outside", module_outside},
    {"long-command", long_command_line},
};

static void copy(void *to, const void *from, size_t size)
{
    for (size_t i = 0; i < size; i++)
        ((char *)to)[i] = ((const char *)from)[i];
}

/* Puts the kernel's segments where they belong; answers where its entry then is. The file
 * gives that as a virtual address, as GRUB wants it, or as a physical one. */
static uint32_t load_kernel(const char *image)
{
    const struct elf_header *header = (const void *)image;
    const struct elf_phdr *phdr = (const void *)(image + header->phdrs);
    uint32_t entry = header->entry;

    for (uint32_t i = 0; i < header->phdr_count; i++, phdr++) {
        if (phdr->type != ELF_LOAD)
            continue;
        volatile char *to = (volatile char *)phdr->physical;
        copy((void *)to, image + phdr->offset, phdr->file_size);
        for (uint32_t j = phdr->file_size; j < phdr->memory_size; j++)
            to[j] = 0;
        if (header->entry - phdr->address < phdr->file_size)
            entry = header->entry - phdr->address + phdr->physical;
    }
    return entry;
}

static char *next_word(char *text)
{
    while (*text && *text != ' ')
        text++;
    if (*text)
        *text++ = '\0';
    return text;
}

static bool same(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

static bool tell(const char *name)
{
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        if (same(lies[i].name, name)) {
            lies[i].tell();
            return true;
        }
    }
    return false;
}

/* Called by start.S with what QEMU told; comes back if it does not know the lie. */
void lie(uint32_t magic, struct multiboot_info *info);
void lie(uint32_t magic, struct multiboot_info *info)
{
    struct multiboot_module *kernel = (struct multiboot_module *)info->modules;
    char *name = next_word((char *)info->command);
    char *command = next_word(name);
    uint32_t entry = load_kernel((const char *)kernel->start);

    /* The modules after the kernel are its own. */
    info->modules = (uint32_t)(kernel + 1);
    info->module_count--;
    info->command = (uint32_t)command;
    telling = (struct telling){.magic = magic, .info = info, .archive = kernel + 1};
    if (tell(name))
        __asm__ volatile("jmp *%2" : : "a"(telling.magic), "b"(telling.info), "r"(entry));
}
