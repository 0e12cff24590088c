/* SPDX-License-Identifier: MIT */
/*
 * Memory. The heap that brk moves begins on the first page after the program's image; the
 * rest is the kernel's to place. Only anonymous mappings are served: there are no files
 * yet.
 */
#include "shim.h"

#include <sys/mman.h>

#define PAGE_MASK (PAGE_SIZE - 1u)

extern char _end[];             /* of the program's image, from the linker */

static struct {
    struct shim_lock lock;
    uint32_t end;               /* the break; 0: nobody has asked yet */
} heap;

/* Rounds up to whole pages; 0 stands for what is too large. */
static uint32_t whole_pages(uint32_t size)
{
    return (size + PAGE_MASK) & ~PAGE_MASK;
}

static uint32_t native_protection(uint32_t protection)
{
    uint32_t native = 0;
    if (protection & PROT_READ)
        native |= MEMORY_READ;
    if (protection & PROT_WRITE)
        native |= MEMORY_READ | MEMORY_WRITE;
    if (protection & PROT_EXEC)
        native |= MEMORY_READ | MEMORY_EXECUTE;
    return native;
}

/* Maps or unmaps the whole pages between two breaks; false: the break stays. */
static bool heap_move(uint32_t from, uint32_t to)
{
    uint32_t old_end = whole_pages(from);
    uint32_t new_end = whole_pages(to);
    if (new_end < old_end)
        return limen_memory_unmap(HANDLE_SELF, new_end, old_end - new_end) >= 0;
    if (new_end == old_end)
        return true;

    struct memory_map map = {
        .address = old_end,
        .size = new_end - old_end,
        .flags = MEMORY_READ | MEMORY_WRITE | MEMORY_FIXED,
    };
    return limen_memory_map(HANDLE_SELF, &map) >= 0;
}

/* As Linux does, answers the break as it is then, moved or not. */
long shim_brk(uint32_t end)
{
    uint32_t start = whole_pages((uint32_t)_end);
    shim_lock(&heap.lock);
    if (!heap.end)
        heap.end = start;
    if (end >= start && end < USER_END && heap_move(heap.end, end))
        heap.end = end;
    uint32_t result = heap.end;
    shim_unlock(&heap.lock);
    return (long)result;
}

long shim_mmap2(uint32_t address, uint32_t size, uint32_t protection, uint32_t flags,
                [[maybe_unused]] int file, [[maybe_unused]] uint32_t page)
{
    if (!(flags & MAP_ANONYMOUS))
        return -ENODEV;
    bool fixed = flags & (MAP_FIXED | MAP_FIXED_NOREPLACE);
    bool replace = !(flags & MAP_FIXED_NOREPLACE);
    if (!size || (fixed && (address & PAGE_MASK)))
        return -EINVAL;
    if (!whole_pages(size))
        return -ENOMEM;

    struct memory_map map = {
        .address = address & ~PAGE_MASK,
        .size = whole_pages(size),
        .flags = native_protection(protection) | (fixed ? MEMORY_FIXED : 0)
                 | (fixed && replace ? MEMORY_REPLACE : 0),
    };
    long error = limen_memory_map(HANDLE_SELF, &map);
    return error < 0 ? error : (long)map.address;
}

long shim_munmap(uint32_t address, uint32_t size)
{
    if ((address & PAGE_MASK) || !whole_pages(size))
        return -EINVAL;
    return limen_memory_unmap(HANDLE_SELF, address, whole_pages(size));
}

long shim_mprotect(uint32_t address, uint32_t size, uint32_t protection)
{
    if (address & PAGE_MASK)
        return -EINVAL;
    if (!size)
        return 0;
    long error = limen_memory_protect(HANDLE_SELF, address, whole_pages(size),
                                      native_protection(protection));
    return error == -EFAULT ? -ENOMEM : error;
}

/* Advice may be ignored, but for the kinds after which pages must read as zero. */
long shim_madvise(uint32_t address, [[maybe_unused]] uint32_t size, int advice)
{
    if (address & PAGE_MASK)
        return -EINVAL;
    switch (advice) {
    case MADV_NORMAL:
    case MADV_RANDOM:
    case MADV_SEQUENTIAL:
    case MADV_WILLNEED:
    case MADV_FREE:
        return 0;
    default:
        return -EINVAL;
    }
}

/* Whether anything is mapped on a page: nothing else can be mapped there then. */
static bool is_mapped(uint32_t page)
{
    struct memory_map map = {
        .address = page,
        .size = PAGE_SIZE,
        .flags = MEMORY_READ | MEMORY_FIXED,
    };
    if (limen_memory_map(HANDLE_SELF, &map) < 0)
        return true;
    limen_memory_unmap(HANDLE_SELF, page, PAGE_SIZE);
    return false;
}

/* Shrinks in place. Growing fails as if there were no room, and the caller copies: native
 * memory cannot be moved. (musl also asks in order to learn whether a page is mapped.) */
long shim_mremap(uint32_t address, uint32_t size, uint32_t new_size, uint32_t flags,
                 [[maybe_unused]] uint32_t new_address)
{
    if ((address & PAGE_MASK) || !new_size || (flags & ~MREMAP_MAYMOVE))
        return -EINVAL;
    uint32_t old_pages = whole_pages(size);
    uint32_t new_pages = whole_pages(new_size);
    if (!is_mapped(address))
        return -EFAULT;
    if (!new_pages || new_pages > old_pages)
        return -ENOMEM;
    if (new_pages < old_pages) {
        long error =
            limen_memory_unmap(HANDLE_SELF, address + new_pages, old_pages - new_pages);
        if (error < 0)
            return error;
    }
    return (long)address;
}
