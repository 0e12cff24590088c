/* SPDX-License-Identifier: MIT */
/*
 * What the boot loader says (Multiboot Specification 0.6.96, section 3.3), judged before
 * it is used. Pure logic over a function that reads physical memory.
 */
#ifndef KERNEL_MULTIBOOT_H
#define KERNEL_MULTIBOOT_H

#include <limen/abi.h>
#include <stdbool.h>

typedef void phys_reader(uint32_t address, void *to, uint32_t size);

struct multiboot {
    phys_reader *read;
    uint32_t map, map_end;             /* the memory map */
    uint32_t module_start, module_end; /* the boot archive */
    char command[BOOT_COMMAND_MAX];
};

/* Reads and checks everything; [kernel_start, kernel_end) is the kernel's image. NULL, or
 * what is wrong. */
const char *multiboot_parse(struct multiboot *boot, phys_reader *read, uint32_t magic,
                            uint32_t information, uint32_t kernel_start,
                            uint32_t kernel_end);

/* The next range of available memory at or behind *cursor (0 at first), in whole pages
 * below 4 GiB:
 * [*start, *end). False: no more. */
bool multiboot_next(const struct multiboot *boot, uint32_t *cursor, uint32_t *start,
                    uint32_t *end);

#endif
