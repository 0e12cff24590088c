/* SPDX-License-Identifier: MIT */
/* ELF executables: see elf.h. */
#include "elf.h"

#include <limen/layout.h>

#include "memory.h"

#define IDENT "\177ELF\1\1\1" /* 32 bits, little-endian, version 1 */
#define TYPE_EXECUTABLE 2
#define MACHINE_386 3

/*@ requires \valid_read(header);
    assigns \nothing;
    ensures \result == \null ==> USER_START <= header->entry < USER_END &&
        header->phoff + header->phnum * sizeof(struct elf_segment) <= file_size; */
const char *elf_check_header(const struct elf_header *header, uint32_t file_size)
{
    if (file_size < sizeof(*header) || memcmp(header->ident, IDENT, 7) != 0)
        return "it is no 32-bit ELF file";
    if (header->type != TYPE_EXECUTABLE || header->machine != MACHINE_386)
        return "it is no static i386 executable";
    if (header->phentsize != sizeof(struct elf_segment) || header->phnum == 0)
        return "its program headers are of an unknown form";
    if (header->phoff > file_size ||
        header->phnum > (file_size - header->phoff) / sizeof(struct elf_segment))
        return "its program headers lie outside of the file";
    if (header->entry < USER_START || header->entry >= USER_END)
        return "its entry point lies outside of user memory";
    return NULL;
}

/*@ requires \valid_read(segment);
    assigns \nothing;
    ensures \result == \null ==> segment->filesz <= segment->memsz &&
        segment->offset + segment->filesz <= file_size;
    ensures \result == \null && segment->memsz > 0 ==>
        USER_START <= segment->vaddr && segment->vaddr + segment->memsz <= USER_END; */
const char *elf_check_segment(const struct elf_segment *segment, uint32_t file_size)
{
    if (segment->filesz > segment->memsz)
        return "a segment is larger in the file than in memory";
    if (segment->offset > file_size || segment->filesz > file_size - segment->offset)
        return "a segment lies outside of the file";
    if (segment->memsz == 0)
        return NULL;
    if (segment->vaddr < USER_START || segment->vaddr >= USER_END ||
        segment->memsz > USER_END - segment->vaddr)
        return "a segment lies outside of user memory";
    return NULL;
}
