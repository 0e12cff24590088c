/* SPDX-License-Identifier: MIT */
/* The boot loader's information: see multiboot.h. */
#include "multiboot.h"

#include "memory.h"

#define MAGIC 0x2badb002u
#define HAS_COMMAND (1u << 2)
#define HAS_MODULES (1u << 3)
#define HAS_MAP (1u << 6)
#define AVAILABLE 1u
#define LAST_PAGE 0xfffff000u

struct information {
    uint32_t flags, lower, upper, device, command, module_count, modules, symbols[4];
    uint32_t map_length, map;
};

struct module {
    uint32_t start, end, command, reserved;
};

/* An entry of the memory map, behind its size field. */
struct entry {
    uint64_t base, length;
    uint32_t type;
} __attribute__((packed));

/* Reads the entry at `at`; the address behind it, or 0 if it does not fit the map. */
static uint32_t read_entry(const struct multiboot *boot, uint32_t at, struct entry *entry)
{
    uint32_t size;

    if (boot->map_end - at < sizeof(size) + sizeof(*entry))
        return 0;
    boot->read(at, &size, sizeof(size));
    if (size < sizeof(*entry) || size > boot->map_end - at - sizeof(size))
        return 0;
    boot->read(at + sizeof(size), entry, sizeof(*entry));
    return at + sizeof(size) + size;
}

static const char *check_map(const struct multiboot *boot)
{
    uint64_t end = 0;
    struct entry entry;

    for (uint32_t at = boot->map; at != boot->map_end;) {
        at = read_entry(boot, at, &entry);
        if (!at)
            return "the memory map is cut off";
        if (entry.length > UINT64_MAX - entry.base)
            return "a region of the memory map wraps around";
        if (entry.base < end)
            return "the memory map's regions overlap or are not in order";
        end = entry.base + entry.length;
    }
    return NULL;
}

/* Copies the string; false if it is too long. */
static bool read_string(const struct multiboot *boot, uint32_t from, char *to,
                        uint32_t size)
{
    for (uint32_t i = 0; i < size; i++) {
        boot->read(from + i, &to[i], 1);
        if (!to[i])
            return true;
    }
    return false;
}

/* Whether one available region holds all of [start, end). */
static bool available(const struct multiboot *boot, uint32_t start, uint32_t end)
{
    uint32_t cursor = 0;
    uint32_t from, to;

    while (multiboot_next(boot, &cursor, &from, &to)) {
        if (from <= start && end <= to)
            return true;
    }
    return false;
}

static const char *check_module(struct multiboot *boot, const struct information *info,
                                uint32_t kernel_start, uint32_t kernel_end)
{
    struct module module;

    if (!(info->flags & HAS_MODULES) || info->module_count == 0)
        return "there is no boot archive: the boot loader gave no module";
    if (info->module_count > 1)
        return "the boot loader gave more than one module";
    boot->read(info->modules, &module, sizeof(module));
    if (module.start >= module.end)
        return "the boot archive is empty";
    if (module.start % PAGE_SIZE)
        return "the boot archive does not begin on a page boundary";
    if (module.start < kernel_end && kernel_start < module.end)
        return "the boot archive lies on top of the kernel";
    if (!available(boot, module.start, module.end))
        return "the boot archive lies outside of memory";
    boot->module_start = module.start;
    boot->module_end = module.end;
    return NULL;
}

const char *multiboot_parse(struct multiboot *boot, phys_reader *read, uint32_t magic,
                            uint32_t information, uint32_t kernel_start,
                            uint32_t kernel_end)
{
    struct information info;
    const char *wrong;

    boot->read = read;
    boot->command[0] = '\0';
    if (magic != MAGIC)
        return "it was not loaded by a Multiboot 1 loader (wrong magic)";
    read(information, &info, sizeof(info));
    if (info.flags & HAS_COMMAND &&
        !read_string(boot, info.command, boot->command, sizeof(boot->command))) {
        boot->command[0] = '\0';
        return "the command line is too long";
    }
    if (!(info.flags & HAS_MAP) || info.map_length == 0)
        return "the boot loader gave no memory map";
    if (info.map_length > UINT32_MAX - info.map)
        return "the memory map is cut off";
    boot->map = info.map;
    boot->map_end = info.map + info.map_length;
    if ((wrong = check_map(boot)))
        return wrong;
    return check_module(boot, &info, kernel_start, kernel_end);
}

bool multiboot_next(const struct multiboot *boot, uint32_t *cursor, uint32_t *start,
                    uint32_t *end)
{
    uint32_t at = *cursor ? *cursor : boot->map;
    struct entry entry;

    while (at != boot->map_end) {
        at = read_entry(boot, at, &entry);
        *cursor = at;
        if (entry.type != AVAILABLE || entry.base >= LAST_PAGE)
            continue;
        uint64_t top = entry.base + entry.length;
        *start = (uint32_t)(entry.base + PAGE_SIZE - 1) & LAST_PAGE;
        *end = top > LAST_PAGE ? LAST_PAGE : (uint32_t)top & LAST_PAGE;
        if (*start < *end)
            return true;
    }
    *cursor = at;
    return false;
}
