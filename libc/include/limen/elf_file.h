/* SPDX-License-Identifier: MIT */
/*
 * An ELF program as a file in memory, judged as if a stranger had written it: elf_open
 * checks every bound that loading relies on, elf_symbol checks those that it needs
 * itself. Pure functions of the file's bytes.
 */
#ifndef LIMEN_ELF_FILE_H
#define LIMEN_ELF_FILE_H

#include <stdbool.h>
#include <stdint.h>

#define ELF_SEGMENTS_MAX 16

/* One piece to load. Its pages are shared with no other segment. */
struct elf_segment {
    uint32_t address;
    uint32_t memory_size;
    uint32_t offset;                    /* in the file */
    uint32_t file_size;                 /* at most memory_size; the rest is zero */
    uint32_t protection;                /* MEMORY_READ | … */
};

struct elf_file {
    const uint8_t *bytes;               /* borrowed while the structure is used */
    uint32_t size;
    uint32_t entry;                     /* in an executable segment */
    uint32_t phdr;                      /* the loaded program headers, or 0 */
    uint32_t phnum;
    uint32_t segment_count;
    struct elf_segment segment[ELF_SEGMENTS_MAX];   /* by rising address */
};

/* Fills in *file; answers null, or what is wrong with it in words. */
const char *elf_open(struct elf_file *file, const uint8_t *bytes, uint32_t size);

/* The function that an address is in, and how far: its name, or null. The name is the
 * file's. */
const char *elf_symbol(const struct elf_file *file, uint32_t address, uint32_t *distance);

#endif
