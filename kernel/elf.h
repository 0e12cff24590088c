/* SPDX-License-Identifier: MIT */
/*
 * ELF executables (System V ABI, edition 4.1, chapters 4 and 5), as far as the kernel
 * needs them: to start init. Pure logic over headers that were read already.
 */
#ifndef KERNEL_ELF_H
#define KERNEL_ELF_H

#include <stdint.h>

struct elf_header {
    unsigned char ident[16];
    uint16_t type, machine;
    uint32_t version, entry, phoff, shoff, flags;
    uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf_segment {
    uint32_t type, offset, vaddr, paddr, filesz, memsz, flags, align;
};

#define ELF_LOAD 1
#define ELF_EXECUTE 1u
#define ELF_WRITE 2u
#define ELF_READ 4u

/* Whether a file of that size with this header is a static i386 executable whose program
 * headers lie in the file. NULL, or what is wrong. */
const char *elf_check_header(const struct elf_header *header, uint32_t file_size);

/* Whether a segment's bytes lie in the file, and its memory in user space. NULL, or what
 * is wrong. */
const char *elf_check_segment(const struct elf_segment *segment, uint32_t file_size);

#endif
