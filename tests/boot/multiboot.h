/* SPDX-License-Identifier: MIT */
/*
 * What a boot loader tells a kernel by Multiboot 1, and the head of the kernel's ELF
 * file: the parts that the lying boot loader needs. Not shared with the kernel, so that a
 * mistake in its definitions shows.
 */
#ifndef TESTS_BOOT_MULTIBOOT_H
#define TESTS_BOOT_MULTIBOOT_H

#include <stdint.h>

#define MULTIBOOT_MAGIC 0x2badb002u
#define MULTIBOOT_COMMAND (1u << 2) /* in flags: the field is valid */
#define MULTIBOOT_MODULES (1u << 3)
#define MULTIBOOT_MAP (1u << 6)

struct multiboot_info {
    uint32_t flags;
    uint32_t memory_lower, memory_upper;
    uint32_t boot_device;
    uint32_t command;
    uint32_t module_count, modules;
    uint32_t symbols[4];
    uint32_t map_size, map;
};

struct multiboot_module {
    uint32_t start, end;
    uint32_t text;
    uint32_t reserved;
};

enum { MAP_AVAILABLE = 1, MAP_RESERVED = 2 };

struct multiboot_range {
    uint32_t size; /* of the rest of this entry */
    uint64_t base, length;
    uint32_t type;
} __attribute__((packed));

struct elf_header {
    unsigned char identification[16];
    uint16_t type, machine;
    uint32_t version, entry, phdrs, sections, flags;
    uint16_t header_size, phdr_size, phdr_count;
};

#define ELF_LOAD 1

struct elf_phdr {
    uint32_t type, offset, address, physical, file_size, memory_size, flags, align;
};

#endif
