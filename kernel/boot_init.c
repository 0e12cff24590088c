/* SPDX-License-Identifier: MIT */
/*
 * The first process. It owns all memory, the root resource and the boot archive;
 * everything else in the system is started by it. Its image is checked as if a stranger
 * had sent it.
 */
#include "arch.h"
#include "assert.h"
#include "boot.h"
#include "cpu.h"
#include "elf.h"
#include "error.h"
#include "log.h"
#include "memory.h"
#include "process.h"
#include "resource.h"
#include "thread.h"

#define STACK_SIZE 0x10000u
#define STACK_TOP (USER_END - PAGE_SIZE)

/* Maps fresh pages at [start, end), or refuses to boot. */
static void map_fresh(struct space *space, uint32_t start, uint32_t end,
                      uint32_t protection)
{
    struct memory_map map = {
        .address = start,
        .size = end - start,
        .flags = protection | MEMORY_FIXED,
    };
    uint32_t progress = 0;

    if (space_map(space, &map, NULL, MEMORY_PROTECTION, &progress))
        boot_refuse("init's segments overlap, or there is no memory for them");
}

/* Copies from physical memory into the space, page by page. */
static void fill(struct space *space, uint32_t to, phys_reader *read, uint32_t from,
                 uint32_t size)
{
    char buffer[256];

    while (size > 0) {
        uint32_t part = size < sizeof(buffer) ? size : sizeof(buffer);
        if (part > PAGE_SIZE - to % PAGE_SIZE)
            part = PAGE_SIZE - to % PAGE_SIZE;
        phys_t frame = space_page(space, to, false);
        if (frame.address == PHYS_NONE.address)
            boot_refuse("there is no memory for init");
        read(from, buffer, part);
        arch_page_write(frame, to % PAGE_SIZE, buffer, part);
        to += part;
        from += part;
        size -= part;
    }
}

static void load_segment(struct space *space, const struct elf_segment *segment,
                         phys_reader *read, uint32_t file)
{
    uint32_t start = segment->vaddr & ~(PAGE_SIZE - 1u);
    uint32_t end = (segment->vaddr + segment->memsz + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1u);
    uint32_t protection = (segment->flags & ELF_READ ? MEMORY_READ : 0) |
                          (segment->flags & ELF_WRITE ? MEMORY_WRITE : 0) |
                          (segment->flags & ELF_EXECUTE ? MEMORY_EXECUTE : 0);

    map_fresh(space, start, end, protection);
    fill(space, segment->vaddr, read, file + segment->offset, segment->filesz);
}

/* Loads the executable; fills in what init must know of itself. */
static void load(struct space *space, const struct archive *archive,
                 struct boot_info *info)
{
    struct elf_header header = {0};
    uint32_t file, size;
    const char *wrong;

    if (!archive_find(archive, "init", &file, &size))
        boot_refuse("the boot archive has no file `init`");
    archive->read(file, &header, size < sizeof(header) ? size : sizeof(header));
    if ((wrong = elf_check_header(&header, size)))
        boot_refuse(wrong);
    info->entry = header.entry;
    info->phent = header.phentsize;
    info->phnum = header.phnum;
    for (uint32_t i = 0; i < header.phnum; i++) {
        struct elf_segment segment;
        archive->read(file + header.phoff + i * sizeof(segment), &segment,
                      sizeof(segment));
        if (segment.type != ELF_LOAD || segment.memsz == 0)
            continue;
        if ((wrong = elf_check_segment(&segment, size)))
            boot_refuse(wrong);
        load_segment(space, &segment, archive->read, file);
        if (segment.offset <= header.phoff &&
            header.phoff - segment.offset < segment.filesz)
            info->phdr = segment.vaddr + header.phoff - segment.offset;
    }
}

static handle_t give(struct process *process, struct object *object, uint32_t rights)
{
    long handle = handle_add(&process->handles, object, rights);

    assert(handle >= 0);
    return (handle_t){(uint32_t)handle};
}

/* Puts the information into pages of init's own; their address. */
static uint32_t place_info(struct space *space, const struct boot_info *info)
{
    struct memory_map map = {
        .size = (sizeof(*info) + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1u),
        .flags = MEMORY_READ,
    };
    uint32_t progress = 0;

    if (space_map(space, &map, NULL, MEMORY_READ, &progress))
        boot_refuse("there is no memory for init");
    for (uint32_t done = 0; done < sizeof(*info); done += PAGE_SIZE) {
        phys_t frame = space_page(space, map.address + done, false);
        uint32_t part =
            sizeof(*info) - done < PAGE_SIZE ? sizeof(*info) - done : PAGE_SIZE;
        if (frame.address == PHYS_NONE.address)
            boot_refuse("there is no memory for init");
        arch_page_write(frame, 0, (const char *)info + done, part);
    }
    return map.address;
}

/* The archive as init maps it: whole pages, with nothing behind its end. */
static struct memory *describe_archive(struct process *process,
                                       const struct archive *archive)
{
    uint32_t rest = archive->size % PAGE_SIZE;
    phys_t last = PHYS(archive->start + archive->size - rest);

    if (rest)
        memset((char *)arch_view(last) + rest, 0, PAGE_SIZE - rest);
    struct memory *memory =
        memory_create_physical(&process->quota, PHYS(archive->start),
                               (archive->size + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1u));
    if (!memory)
        boot_refuse("there is no memory for init");
    return memory;
}

void boot_start_init(const struct multiboot *boot, const struct archive *archive)
{
    struct process *process = process_create(NULL, frame_free());
    struct boot_info info = {0};

    if (!process)
        boot_refuse("there is no memory for init");
    resource_init();
    struct memory *memory = describe_archive(process, archive);
    load(&process->space, archive, &info);
    map_fresh(&process->space, STACK_TOP - STACK_SIZE, STACK_TOP,
              MEMORY_READ | MEMORY_WRITE);

    info.resource = give(process, &resource_root.object, RIGHTS_ALL);
    info.archive =
        give(process, &memory->object, RIGHT_DUPLICATE | RIGHT_TRANSFER | RIGHT_READ);
    object_drop(&memory->object);
    info.archive_size = archive->size;
    info.pages = process->quota.limit;
    memcpy(info.command, boot->command, sizeof(info.command));

    struct thread *thread = thread_create(process);
    if (!thread)
        boot_refuse("there is no memory for init");
    arch_thread_init(thread, &(struct thread_start){
                                 .eip = info.entry,
                                 .esp = STACK_TOP,
                                 .eax = place_info(&process->space, &info),
                             });
    thread_start(thread);
}
