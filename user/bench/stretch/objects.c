/* SPDX-License-Identifier: MIT */
/* Loads of memory objects, their clones and many mappings, and of clones of processes. */
#include "loads.h"

#include <stddef.h>

#define GIBIBYTE 0x40000000u
#define TABLE_SPAN 0x400000u /* what one page table maps */
#define PAGES 8192u
#define MAPPINGS 4000u
#define OWN_HANDLES 20000u
#define CLONE_PAGES 16000u /* its quota */

static uint32_t map_object(handle_t memory, uint32_t size, uint32_t flags)
{
    struct memory_map map = {
        .size = size,
        .flags = MEMORY_READ | MEMORY_WRITE | flags,
        .memory = memory,
    };

    check("memory_map", limen_memory_map(HANDLE_SELF, &map));
    return map.address;
}

static void touch(uint32_t address, uint32_t size, uint32_t step)
{
    for (uint32_t offset = 0; offset < size; offset += step)
        *(volatile uint8_t *)(address + offset) = 1;
}

static handle_t create(uint32_t size)
{
    return (handle_t){(uint32_t)check("memory_create", limen_memory_create(size))};
}

static handle_t clone_of(handle_t memory)
{
    return (handle_t){(uint32_t)check("memory_clone", limen_memory_clone(memory))};
}

static void drop(handle_t handle)
{
    check("handle_close", limen_handle_close(handle));
}

/* One object mapped as a whole, and privately, and cloned; then one page in each MiB. */
static void long_objects(void)
{
    const uint32_t size = PAGES * PAGE_SIZE;
    handle_t memory = create(size);
    uint32_t whole = map_object(memory, size, 0);
    uint32_t own = map_object(memory, size, MEMORY_PRIVATE);

    touch(whole, size, PAGE_SIZE);
    touch(own, size, PAGE_SIZE);
    handle_t clone = clone_of(memory);
    touch(whole, size, 4 * PAGE_SIZE);
    check("memory_resize", limen_memory_resize(memory, PAGE_SIZE));
    check("memory_unmap", limen_memory_unmap(HANDLE_SELF, own, size));
    check("memory_unmap", limen_memory_unmap(HANDLE_SELF, whole, size));
    drop(clone);
    drop(memory);

    memory = create(2 * GIBIBYTE);
    whole = map_object(memory, 2 * GIBIBYTE, 0);
    touch(whole, 2 * GIBIBYTE, TABLE_SPAN);
    clone = clone_of(memory);
    touch(whole, 2 * GIBIBYTE, TABLE_SPAN);
    check("memory_resize", limen_memory_resize(memory, 0));
    check("memory_unmap", limen_memory_unmap(HANDLE_SELF, whole, 2 * GIBIBYTE));
    drop(memory);
    drop(clone);
}

/* One page that is mapped at thousands of places. */
static void many_mappings(void)
{
    handle_t memory = create(PAGE_SIZE);
    uint32_t first = 0;

    for (uint32_t i = 0; i < MAPPINGS; i++) {
        uint32_t address = map_object(memory, PAGE_SIZE, 0);
        touch(address, PAGE_SIZE, PAGE_SIZE);
        first = first ? first : address;
    }
    handle_t clone = clone_of(memory);
    touch(first, PAGE_SIZE, PAGE_SIZE);
    check("memory_resize", limen_memory_resize(memory, 0));
    check("memory_unmap", limen_memory_unmap(HANDLE_SELF, first, MAPPINGS * PAGE_SIZE));
    drop(memory);
    drop(clone);
}

void load_objects(void)
{
    long_objects();
    many_mappings();
}

void load_clones(void)
{
    static handle_t handles[OWN_HANDLES];
    const uint32_t size = PAGES * PAGE_SIZE;
    uint32_t dense = map_object((handle_t){0}, size, 0);
    uint32_t sparse = map_object((handle_t){0}, GIBIBYTE, 0);

    touch(dense, size, PAGE_SIZE);
    touch(sparse, GIBIBYTE, TABLE_SPAN);
    for (uint32_t i = 0; i < OWN_HANDLES; i++)
        handles[i] = (handle_t){(uint32_t)check(
            "handle_duplicate", limen_handle_duplicate(HANDLE_SELF, RIGHTS_ALL))};
    handle_t clone = {(uint32_t)check("process_clone", limen_process_clone(CLONE_PAGES))};
    touch(dense, size, PAGE_SIZE);
    drop(clone);
    for (uint32_t i = 0; i < OWN_HANDLES; i++)
        drop(handles[i]);
    check("memory_unmap", limen_memory_unmap(HANDLE_SELF, dense, size));
    check("memory_unmap", limen_memory_unmap(HANDLE_SELF, sparse, GIBIBYTE));
}
