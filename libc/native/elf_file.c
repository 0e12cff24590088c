/* SPDX-License-Identifier: MIT */
/*
 * Checks ELF programs: what elf_open lets through can be loaded without another look.
 * Sums are never formed before it is known that they do not wrap.
 */
#include <limen/elf_file.h>

#include <elf.h>
#include <string.h>

#include <limen/abi.h>

#define PAGE_MASK (PAGE_SIZE - 1u)
#define SECTIONS_MAX 1024u

/* Whether the file has `count` records of `each` bytes from `offset` on. */
static bool file_has(const struct elf_file *file, uint32_t offset, uint32_t count,
                     uint32_t each)
{
    return offset <= file->size && count <= (file->size - offset) / each;
}

static const char *check_header(const struct elf_file *file, Elf32_Ehdr *header)
{
    if (file->size < sizeof *header)
        return "not an ELF file";
    memcpy(header, file->bytes, sizeof *header);
    if (memcmp(header->e_ident, ELFMAG, SELFMAG))
        return "not an ELF file";
    if (header->e_ident[EI_CLASS] != ELFCLASS32 || header->e_ident[EI_DATA] != ELFDATA2LSB
        || header->e_machine != EM_386)
        return "an ELF file for another machine";
    if (header->e_type == ET_DYN)
        return "position-independent; link it with -static -no-pie";
    if (header->e_type != ET_EXEC)
        return "an ELF file, but not a program";
    if (header->e_phentsize != sizeof(Elf32_Phdr) || header->e_phnum == 0
        || !file_has(file, header->e_phoff, header->e_phnum, sizeof(Elf32_Phdr)))
        return "program headers outside the file";
    return NULL;
}

static uint32_t protection_of(uint32_t flags)
{
    uint32_t protection = 0;
    if (flags & PF_R)
        protection |= MEMORY_READ;
    if (flags & PF_W)
        protection |= MEMORY_READ | MEMORY_WRITE;
    if (flags & PF_X)
        protection |= MEMORY_READ | MEMORY_EXECUTE;
    return protection;
}

/* The first address behind the pages of the last segment so far. */
static uint32_t pages_end(const struct elf_file *file)
{
    if (file->segment_count == 0)
        return USER_START;
    const struct elf_segment *last = &file->segment[file->segment_count - 1];
    return (last->address + last->memory_size + PAGE_MASK) & ~PAGE_MASK;
}

static const char *add_segment(struct elf_file *file, const Elf32_Phdr *header)
{
    if (header->p_memsz == 0)
        return NULL;
    if (file->segment_count == ELF_SEGMENTS_MAX)
        return "too many segments";
    if (header->p_filesz > header->p_memsz
        || !file_has(file, header->p_offset, header->p_filesz, 1))
        return "a segment outside the file";
    if (header->p_vaddr < USER_START || header->p_vaddr >= USER_END
        || header->p_memsz > USER_END - header->p_vaddr)
        return "a segment outside user memory";
    if ((header->p_vaddr & ~PAGE_MASK) < pages_end(file))
        return "segments that overlap, share a page, or are not in order";

    file->segment[file->segment_count++] = (struct elf_segment){
        .address = header->p_vaddr,
        .memory_size = header->p_memsz,
        .offset = header->p_offset,
        .file_size = header->p_filesz,
        .protection = protection_of(header->p_flags),
    };
    return NULL;
}

/* Where the loaded image shows the program headers; 0: nowhere. */
static uint32_t loaded_phdr(const struct elf_file *file, const Elf32_Ehdr *header)
{
    uint32_t size = header->e_phnum * (uint32_t)sizeof(Elf32_Phdr);
    for (uint32_t i = 0; i < file->segment_count; i++) {
        const struct elf_segment *segment = &file->segment[i];
        if (header->e_phoff < segment->offset)
            continue;
        uint32_t inside = header->e_phoff - segment->offset;
        if (inside <= segment->file_size && size <= segment->file_size - inside)
            return segment->address + inside;
    }
    return 0;
}

static bool entry_is_executable(const struct elf_file *file)
{
    for (uint32_t i = 0; i < file->segment_count; i++) {
        const struct elf_segment *segment = &file->segment[i];
        if ((segment->protection & MEMORY_EXECUTE) && file->entry >= segment->address
            && file->entry - segment->address < segment->memory_size)
            return true;
    }
    return false;
}

const char *elf_open(struct elf_file *file, const uint8_t *bytes, uint32_t size)
{
    *file = (struct elf_file){.bytes = bytes, .size = size};
    Elf32_Ehdr header;
    const char *problem = check_header(file, &header);
    for (uint32_t i = 0; !problem && i < header.e_phnum; i++) {
        Elf32_Phdr segment;
        memcpy(&segment, bytes + header.e_phoff + i * sizeof segment, sizeof segment);
        if (segment.p_type == PT_INTERP)
            problem = "dynamically linked; link it with -static";
        else if (segment.p_type == PT_LOAD)
            problem = add_segment(file, &segment);
    }
    if (problem)
        return problem;

    file->entry = header.e_entry;
    file->phnum = header.e_phnum;
    file->phdr = loaded_phdr(file, &header);
    return entry_is_executable(file) ? NULL : "an entry point outside its code";
}

/* --- Symbols --- */

/* Takes section `index` if it is of that kind and lies in the file. */
static bool take_section(const struct elf_file *file, const Elf32_Ehdr *header,
                         uint32_t index, uint32_t type, Elf32_Shdr *section)
{
    if (index >= header->e_shnum)
        return false;
    memcpy(section, file->bytes + header->e_shoff + index * sizeof *section,
           sizeof *section);
    return section->sh_type == type
           && file_has(file, section->sh_offset, section->sh_size, 1);
}

/* A symbol's name, if it ends within the strings. */
static const char *symbol_name(const struct elf_file *file, const Elf32_Shdr *strings,
                               uint32_t name)
{
    if (name == 0 || name >= strings->sh_size)
        return NULL;
    const char *text = (const char *)file->bytes + strings->sh_offset + name;
    return memchr(text, 0, strings->sh_size - name) ? text : NULL;
}

/* Whether an address is in a function; one of unknown size goes on to the next. */
static bool covers(const Elf32_Sym *symbol, uint32_t address)
{
    if (symbol->st_shndx == SHN_UNDEF || address < symbol->st_value)
        return false;
    uint32_t type = ELF32_ST_TYPE(symbol->st_info);
    if (type == STT_FUNC && symbol->st_size)
        return address - symbol->st_value < symbol->st_size;
    return type == STT_FUNC || type == STT_NOTYPE;
}

static const char *search(const struct elf_file *file, const Elf32_Shdr *symbols,
                          const Elf32_Shdr *strings, uint32_t address, uint32_t *distance)
{
    const char *found = NULL;
    *distance = UINT32_MAX;
    for (uint32_t i = 0; i < symbols->sh_size / sizeof(Elf32_Sym); i++) {
        Elf32_Sym symbol;
        memcpy(&symbol, file->bytes + symbols->sh_offset + i * sizeof symbol,
               sizeof symbol);
        if (!covers(&symbol, address) || address - symbol.st_value >= *distance)
            continue;
        const char *name = symbol_name(file, strings, symbol.st_name);
        if (name) {
            found = name;
            *distance = address - symbol.st_value;
        }
    }
    return found;
}

const char *elf_symbol(const struct elf_file *file, uint32_t address, uint32_t *distance)
{
    Elf32_Ehdr header;
    if (file->size < sizeof header)
        return NULL;
    memcpy(&header, file->bytes, sizeof header);
    if (header.e_shentsize != sizeof(Elf32_Shdr) || header.e_shnum > SECTIONS_MAX
        || !file_has(file, header.e_shoff, header.e_shnum, sizeof(Elf32_Shdr)))
        return NULL;

    for (uint32_t i = 0; i < header.e_shnum; i++) {
        Elf32_Shdr symbols, strings;
        if (take_section(file, &header, i, SHT_SYMTAB, &symbols)
            && take_section(file, &header, symbols.sh_link, SHT_STRTAB, &strings))
            return search(file, &symbols, &strings, address, distance);
    }
    return NULL;
}
