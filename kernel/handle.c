/* SPDX-License-Identifier: MIT */
/* Handle tables: see handle.h. Every operation but the last is O(1). */
#include "handle.h"

#include <limen/layout.h>

#include "arch.h"
#include "assert.h"
#include "error.h"
#include "memory.h"

#define SLOT_MASK ((1u << HANDLE_SLOT_BITS) - 1)
#define DIRECTORY_ENTRIES (PAGE_SIZE / sizeof(struct handle_slot *))

static_assert(sizeof(struct handle_slot) <= 8 || sizeof(void *) > 4, "two words");
static_assert(HANDLE_NO_SLOT > SLOT_MASK, "no slot is none of the slots");

static struct handle_slot *slot_at(struct handle_table *table, uint32_t index)
{
    if (index < table->first_count)
        return &table->first[index];
    index -= table->first_count;
    return &table
                ->directory[index / HANDLE_SLOTS_PER_PAGE][index % HANDLE_SLOTS_PER_PAGE];
}

static void append_free(struct handle_table *table, uint32_t index)
{
    slot_at(table, index)->next = HANDLE_NO_SLOT;
    if (table->free_head == HANDLE_NO_SLOT)
        table->free_head = index;
    else
        slot_at(table, table->free_tail)->next = index;
    table->free_tail = index;
}

static void add_slots(struct handle_table *table, uint32_t count)
{
    uint32_t first = table->count;

    table->count += count;
    for (uint32_t i = first; i < table->count; i++) {
        *slot_at(table, i) = (struct handle_slot){.generation = 1};
        append_free(table, i);
    }
}

void handle_table_init(struct handle_table *table, struct quota *quota,
                       struct handle_slot *first, uint32_t first_count)
{
    *table = (struct handle_table){
        .first = first,
        .first_count = first_count,
        .free_head = HANDLE_NO_SLOT,
        .free_tail = HANDLE_NO_SLOT,
        .quota = quota,
    };
    add_slots(table, first_count);
}

static void *take_page(struct handle_table *table)
{
    phys_t frame = quota_take(table->quota, FRAME_LOW);

    return frame.address == PHYS_NONE.address ? NULL : arch_direct(frame);
}

/* Adds a page of slots; false if there is no memory, or no more slots can be named. */
static bool grow(struct handle_table *table)
{
    uint32_t page = (table->count - table->first_count) / HANDLE_SLOTS_PER_PAGE;

    if (page >= DIRECTORY_ENTRIES || table->count + HANDLE_SLOTS_PER_PAGE > SLOT_MASK)
        return false;
    if (!table->directory) {
        table->directory = take_page(table);
        if (!table->directory)
            return false;
    }
    table->directory[page] = take_page(table);
    if (!table->directory[page])
        return false;
    add_slots(table, HANDLE_SLOTS_PER_PAGE);
    return true;
}

long handle_add(struct handle_table *table, struct object *object)
{
    if (table->free_head == HANDLE_NO_SLOT && !grow(table))
        return -ENOMEM;
    uint32_t index = table->free_head;
    struct handle_slot *slot = slot_at(table, index);

    table->free_head = slot->next;
    slot->object = object;
    object_hold(object);
    table->used++;
    return (long)((uint32_t)slot->generation << HANDLE_SLOT_BITS | index);
}

static struct handle_slot *find_slot(struct handle_table *table, handle_t handle)
{
    uint32_t index = handle.value & SLOT_MASK;

    if (index >= table->count)
        return NULL;
    struct handle_slot *slot = slot_at(table, index);
    if (!slot->object || slot->generation != handle.value >> HANDLE_SLOT_BITS)
        return NULL;
    return slot;
}

struct object *handle_find(struct handle_table *table, handle_t handle,
                           enum object_type type)
{
    struct handle_slot *slot = find_slot(table, handle);

    if (!slot || (type != OBJECT_ANY && slot->object->type != type))
        return NULL;
    return slot->object;
}

struct object *handle_take(struct handle_table *table, handle_t handle)
{
    struct handle_slot *slot = find_slot(table, handle);

    if (!slot)
        return NULL;
    struct object *object = slot->object;
    slot->object = NULL;
    slot->generation =
        slot->generation == HANDLE_GENERATION_MAX ? 1 : slot->generation + 1;
    append_free(table, handle.value & SLOT_MASK);
    table->used--;
    return object;
}

void handle_table_destroy(struct handle_table *table)
{
    uint32_t count = table->count;
    struct handle_slot **directory = table->directory;

    for (uint32_t i = 0; i < count; i++) {
        struct handle_slot *slot = slot_at(table, i);
        struct object *object = slot->object;
        slot->object = NULL;
        if (object)
            object_drop(object);
    }
    table->used = 0;
    table->free_head = HANDLE_NO_SLOT;
    table->count = 0;
    table->directory = NULL;
    if (!directory)
        return;
    for (uint32_t page = 0; page < DIRECTORY_ENTRIES; page++) {
        if (page * HANDLE_SLOTS_PER_PAGE + table->first_count >= count)
            break;
        quota_give(table->quota, arch_direct_phys(directory[page]));
    }
    quota_give(table->quota, arch_direct_phys(directory));
}
