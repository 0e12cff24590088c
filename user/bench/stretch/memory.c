/* SPDX-License-Identifier: MIT */
/* Loads of much memory and of long copies. */
#include "loads.h"

#include <stddef.h>
#include <string.h>

#include <limen/console.h>
#include <limen/inherit.h>

#define GIBIBYTE 0x40000000u
#define TABLE_SPAN 0x400000u /* what one page table maps */
#define DENSE_PAGES 16384u
#define REGION_PAGES 4096u

static uint32_t map_somewhere(handle_t process, uint32_t size)
{
    struct memory_map map = {.size = size, .flags = MEMORY_READ | MEMORY_WRITE};

    check("memory_map", limen_memory_map(process, &map));
    return map.address;
}

static void touch(uint32_t address, uint32_t size, uint32_t step)
{
    for (uint32_t offset = 0; offset < size; offset += step)
        *(volatile uint8_t *)(address + offset) = 1;
}

void load_tables(void)
{
    uint32_t address = map_somewhere(HANDLE_SELF, 2 * GIBIBYTE);

    touch(address, 2 * GIBIBYTE, TABLE_SPAN);
    check("memory_unmap", limen_memory_unmap(HANDLE_SELF, address, 2 * GIBIBYTE));
}

void load_memory(void)
{
    const uint32_t size = DENSE_PAGES * PAGE_SIZE;
    uint32_t address = map_somewhere(HANDLE_SELF, size);

    touch(address, size, PAGE_SIZE);
    check("memory_protect",
          limen_memory_protect(HANDLE_SELF, address, size, MEMORY_READ));
    struct memory_map map = {
        .address = address,
        .size = size,
        .flags = MEMORY_READ | MEMORY_WRITE | MEMORY_FIXED | MEMORY_REPLACE,
    };
    check("memory_map", limen_memory_map(HANDLE_SELF, &map));
    touch(address, size, PAGE_SIZE);
    check("memory_unmap", limen_memory_unmap(HANDLE_SELF, address, size));
}

/* Every other page has another protection. */
static void make_regions(uint32_t address)
{
    for (uint32_t offset = 0; offset < REGION_PAGES * PAGE_SIZE; offset += 2 * PAGE_SIZE)
        check("memory_protect", limen_memory_protect(HANDLE_SELF, address + offset,
                                                     PAGE_SIZE, MEMORY_READ));
}

void load_regions(void)
{
    const uint32_t size = REGION_PAGES * PAGE_SIZE;
    uint32_t address = map_somewhere(HANDLE_SELF, size);

    touch(address, size, PAGE_SIZE);
    make_regions(address);
    check("memory_protect",
          limen_memory_protect(HANDLE_SELF, address, size, MEMORY_READ | MEMORY_WRITE));
    make_regions(address);
    check("memory_unmap", limen_memory_unmap(HANDLE_SELF, address, size));
}

void load_copies(void)
{
    static uint8_t buffer[MEMORY_COPY_MAX];
    handle_t process = {(uint32_t)check("process_create", limen_process_create(4096))};
    uint32_t address = map_somewhere(process, 2 * MEMORY_COPY_MAX);

    check("memory_write",
          limen_memory_write(process, address + 7, buffer, sizeof(buffer)));
    check("memory_read", limen_memory_read(process, address + 5, buffer, sizeof(buffer)));
    check("handle_close", limen_handle_close(process));
    memset(buffer, 0, sizeof(buffer));
    check("console_write",
          limen_console_write(limen_inherited(AT_LIMEN_ERROR), buffer, sizeof(buffer)));
}
