/* SPDX-License-Identifier: MIT */
/*
 * Page tables, the direct map of low memory at KERNEL_BASE, and windows onto everything
 * else. Section 4.3: 32-bit paging. The kernel's part of every directory is the same and
 * never changes after boot.
 */
#include "arch.h"
#include "assert.h"
#include "cpu.h"
#include "i386.h"
#include "memory.h"
#include "process.h"

#define PTE_PRESENT 0x001u
#define PTE_WRITE 0x002u
#define PTE_USER 0x004u
#define PTE_UNCACHED 0x018u /* page-level cache disable and write-through */
#define PTE_LARGE 0x080u
#define PTE_GLOBAL 0x100u
#define PTE_KEPT 0x200u  /* ours: a frame stands here that may not be accessed */
#define PTE_OWNED 0x400u /* ours: PAGE_OWNED */
#define PTE_FRAME 0xfffff000u
#define PTE_OPEN (PTE_PRESENT | PTE_WRITE | PTE_USER)

#define ENTRIES 1024u
#define TABLE_SPAN (ENTRIES * PAGE_SIZE)
#define KERNEL_INDEX (KERNEL_BASE / TABLE_SPAN)
#define WINDOW_BASE 0xffc00000u
#define THRESHOLD_INDEX ((THRESHOLD_ADDRESS - WINDOW_BASE) / PAGE_SIZE)

#define PAGE_ALIGNED __attribute__((aligned(4096)))

/* The kernel's own directory, and the two tables it cannot do without: start.S uses them
 * first. */
uint32_t paging_directory[ENTRIES] PAGE_ALIGNED;
uint32_t paging_low_table[ENTRIES] PAGE_ALIGNED;
uint32_t paging_window_table[ENTRIES] PAGE_ALIGNED;

static uint32_t low_limit; /* [I] end of the direct map, physical */
static uint32_t global;    /* [I] PTE_GLOBAL where the processor knows it */

extern const char kernel_start[], kernel_writable[], kernel_stack_guard[];

static uint32_t phys_of(const void *kernel_pointer)
{
    return (uint32_t)kernel_pointer - KERNEL_BASE;
}

phys_t paging_kernel_directory(void)
{
    return PHYS(phys_of(paging_directory));
}

void *paging_window(uint32_t slot, uint32_t address)
{
    uint32_t page = WINDOW_BASE + slot * PAGE_SIZE;

    paging_window_table[slot] = (address & PTE_FRAME) | PTE_PRESENT | PTE_WRITE |
                                (frame_is_ram(PHYS(address)) ? 0 : PTE_UNCACHED);
    invalidate_page(page);
    return (void *)(page + address % PAGE_SIZE);
}

uint32_t paging_tables_size(uint32_t low_end)
{
    return cpu_features.pse ? 0 : (low_end / TABLE_SPAN - 1) * PAGE_SIZE;
}

/* Maps [index * 4 MiB, …) in one entry, or by a table at `table`. */
static void map_direct(uint32_t index, uint32_t table)
{
    uint32_t base = index * TABLE_SPAN;

    if (cpu_features.pse) {
        paging_directory[KERNEL_INDEX + index] =
            base | PTE_PRESENT | PTE_WRITE | PTE_LARGE | global;
        return;
    }
    uint32_t *entries = paging_window(WINDOW_PAGE, table);
    for (uint32_t i = 0; i < ENTRIES; i++)
        entries[i] = (base + i * PAGE_SIZE) | PTE_PRESENT | PTE_WRITE;
    paging_directory[KERNEL_INDEX + index] = table | PTE_PRESENT | PTE_WRITE;
}

/* The first 4 MiB hold the kernel: its text cannot be written, nor its stack run over. */
static void protect_kernel(void)
{
    uint32_t first = phys_of(kernel_start) / PAGE_SIZE;
    uint32_t end = phys_of(kernel_writable) / PAGE_SIZE;

    for (uint32_t i = 0; i < ENTRIES; i++)
        paging_low_table[i] |= global;
    for (uint32_t i = first; i < end; i++)
        paging_low_table[i] &= ~PTE_WRITE;
    paging_low_table[phys_of(kernel_stack_guard) / PAGE_SIZE] = 0;
}

static void set_features(void)
{
    uint32_t bits = (cpu_features.pse ? CR4_PSE : 0) | (cpu_features.pge ? CR4_PGE : 0) |
                    (cpu_features.smep ? CR4_SMEP : 0) |
                    (cpu_features.smap ? CR4_SMAP : 0) |
                    (cpu_features.umip ? CR4_UMIP : 0);

    /* A 486 may have no CR4 at all. */
    if (bits)
        write_cr4(read_cr4() | bits);
    write_cr0(read_cr0() | CR0_WP | CR0_AM);
}

__attribute__((cold)) void paging_init(uint32_t low_end, uint32_t tables)
{
    low_limit = low_end;
    global = cpu_features.pge ? PTE_GLOBAL : 0;
    if (cpu_features.pse)
        write_cr4(read_cr4() | CR4_PSE);
    for (uint32_t i = 1; i < low_end / TABLE_SPAN; i++)
        map_direct(i, tables + (i - 1) * PAGE_SIZE);
    protect_kernel();
    write_cr3(paging_kernel_directory().address);
    set_features();
}

void paging_seal(const void *page)
{
    paging_low_table[phys_of(page) / PAGE_SIZE] &= ~PTE_WRITE;
    invalidate_page((uint32_t)page);
}

void paging_map_threshold(phys_t frame)
{
    paging_window_table[THRESHOLD_INDEX] =
        frame.address | PTE_PRESENT | PTE_USER | global;
    paging_directory[WINDOW_BASE / TABLE_SPAN] |= PTE_USER;
    write_cr3(paging_kernel_directory().address);
}

void *arch_direct(phys_t address)
{
    assert(address.address < low_limit);
    return (void *)(KERNEL_BASE + address.address);
}

phys_t arch_direct_phys(const void *pointer)
{
    return PHYS(phys_of(pointer));
}

/* The kernel's view of any frame, until the next call. */
static char *view(phys_t frame)
{
    return frame.address < low_limit ? arch_direct(frame)
                                     : paging_window(WINDOW_PAGE, frame.address);
}

void *arch_view(phys_t frame)
{
    return frame.address < low_limit ? arch_direct(frame)
                                     : paging_window(WINDOW_VIEW, frame.address);
}

void arch_page_zero(phys_t frame)
{
    memset(view(frame), 0, PAGE_SIZE);
}

void arch_page_copy(phys_t to, phys_t from)
{
    void *copy =
        to.address < low_limit ? arch_direct(to) : paging_window(WINDOW_COPY, to.address);

    memcpy(copy, view(from), PAGE_SIZE);
}

void arch_page_read(phys_t frame, uint32_t offset, void *to, uint32_t size)
{
    assert(offset + size <= PAGE_SIZE);
    memcpy(to, view(frame) + offset, size);
}

void arch_page_write(phys_t frame, uint32_t offset, const void *from, uint32_t size)
{
    assert(offset + size <= PAGE_SIZE);
    memcpy(view(frame) + offset, from, size);
}

void arch_phys_read(uint32_t address, void *to, uint32_t size)
{
    char *bytes = to;

    while (size > 0) {
        uint32_t part = PAGE_SIZE - address % PAGE_SIZE;
        if (part > size)
            part = size;
        memcpy(bytes, paging_window(WINDOW_PHYS, address), part);
        bytes += part;
        address += part;
        size -= part;
    }
}

/* --- Spaces --- */

phys_t arch_directory_create(struct quota *quota)
{
    phys_t frame = quota_take(quota, FRAME_LOW);

    if (frame.address != PHYS_NONE.address) {
        uint32_t *directory = arch_direct(frame);
        memset(directory, 0, KERNEL_INDEX * sizeof(*directory));
        memcpy(directory + KERNEL_INDEX, paging_directory + KERNEL_INDEX,
               (ENTRIES - KERNEL_INDEX) * sizeof(*directory));
    }
    return frame;
}

void arch_directory_destroy(struct space *space)
{
    assert(read_cr3() != space->directory.address);
    quota_give(space->quota, space->directory);
}

static uint32_t *directory_entry(struct space *space, uint32_t address)
{
    assert(address < USER_END);
    return (uint32_t *)arch_direct(space->directory) + address / TABLE_SPAN;
}

/* The entry of an address in the table that the directory's entry names. */
static uint32_t *entry_in(uint32_t table, uint32_t address)
{
    return (uint32_t *)arch_direct(PHYS(table & PTE_FRAME)) +
           address / PAGE_SIZE % ENTRIES;
}

/* The page table entry of an address, or NULL where there is no table. */
static inline uint32_t *find_entry(struct space *space, uint32_t address)
{
    uint32_t table = *directory_entry(space, address);

    return table ? entry_in(table, address) : NULL;
}

static bool make_table(struct space *space, uint32_t *table)
{
    phys_t frame = quota_take(space->quota, FRAME_LOW);

    if (frame.address == PHYS_NONE.address)
        return false;
    arch_page_zero(frame);
    *table = frame.address | PTE_PRESENT | PTE_WRITE | PTE_USER;
    return true;
}

/* How many of the table's entries are in use. */
static uint32_t *used_in(uint32_t table)
{
    return &frame_record(PHYS(table & PTE_FRAME))->link;
}

/* Only memory may be cached, not what belongs to devices. */
static uint32_t entry_bits(phys_t frame, uint32_t protection)
{
    uint32_t bits = frame.address | (protection & PAGE_OWNED ? PTE_OWNED
                                     : frame_is_ram(frame)   ? 0
                                                             : PTE_UNCACHED);

    if (!(protection & MEMORY_PROTECTION))
        return bits | PTE_KEPT;
    return bits | PTE_PRESENT | PTE_USER | (protection & MEMORY_WRITE ? PTE_WRITE : 0);
}

bool arch_map(struct space *space, uint32_t address, phys_t frame, uint32_t protection)
{
    uint32_t *table = directory_entry(space, address);

    if (!*table && !make_table(space, table))
        return false;
    uint32_t *entry = entry_in(*table, address);
    assert(!*entry);
    *entry = entry_bits(frame, protection);
    ++*used_in(*table);
    return true;
}

phys_t arch_lookup(struct space *space, uint32_t address, uint32_t *protection)
{
    const uint32_t *entry = find_entry(space, address);

    if (!entry || !*entry)
        return PHYS_NONE;
    *protection = (*entry & PTE_KEPT    ? 0
                   : *entry & PTE_WRITE ? MEMORY_READ | MEMORY_WRITE
                                        : MEMORY_READ) |
                  (*entry & PTE_OWNED ? PAGE_OWNED : 0);
    return PHYS(*entry & PTE_FRAME);
}

void arch_remap(struct space *space, uint32_t address, phys_t frame, uint32_t protection)
{
    uint32_t *entry = find_entry(space, address);

    assert(entry && *entry);
    *entry = entry_bits(frame, protection);
    invalidate_page(address);
}

void arch_unmap(struct space *space, uint32_t address)
{
    uint32_t *table = directory_entry(space, address);
    uint32_t *entry = entry_in(*table, address);

    assert(*table && *entry);
    *entry = 0;
    if (--*used_in(*table) == 0) {
        quota_give(space->quota, PHYS(*table & PTE_FRAME));
        *table = 0;
    }
    invalidate_page(address);
}

/* Looks at the rest of one table at most. */
uint32_t arch_next_page(struct space *space, uint32_t address, uint32_t end)
{
    while (address < end && !*directory_entry(space, address))
        address = (address / TABLE_SPAN + 1) * TABLE_SPAN;
    if (address >= end)
        return end;
    const uint32_t *entry = find_entry(space, address);
    const uint32_t *last = entry + (ENTRIES - 1 - address / PAGE_SIZE % ENTRIES);
    while (!*entry && entry < last) {
        entry++;
        address += PAGE_SIZE;
    }
    return address < end ? address : end;
}

void paging_forget(struct space *space)
{
    struct arch_thread *running = &cpu()->current->arch;

    if (running->directory != space->directory.address)
        return;
    running->directory = paging_kernel_directory().address;
    write_cr3(running->directory);
}

phys_t paging_current_directory(void)
{
    return PHYS(cpu()->current->arch.directory);
}

void *paging_writable(struct space *space, uint32_t address)
{
    const uint32_t *entry = address < USER_END ? find_entry(space, address) : NULL;

    if (unlikely(!entry || (*entry & PTE_OPEN) != PTE_OPEN))
        return NULL;
    return arch_view(PHYS(*entry & PTE_FRAME));
}
