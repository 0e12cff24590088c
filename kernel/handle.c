/* SPDX-License-Identifier: MIT */
/* Handle tables: see handle.h. Every operation on a handle is O(1). */
#include "handle.h"

#include <limen/layout.h>

#include "arch.h"
#include "assert.h"
#include "error.h"
#include "memory.h"

#define SLOT_MASK ((1u << HANDLE_SLOT_BITS) - 1)
#define GENERATION(tag) ((tag) >> HANDLE_SLOT_BITS & HANDLE_GENERATION_MAX)
#define SLOTS_A_PIECE 16u
#define DIRECTORY_ENTRIES (PAGE_SIZE / sizeof(struct handle_slot *))

static_assert(sizeof(struct handle_slot) <= 8 || sizeof(void *) > 4, "two words");
static_assert((HANDLE_GENERATION_MAX << HANDLE_SLOT_BITS | SLOT_MASK) == HANDLE_FREE - 1,
              "a tag has no other bits");
static_assert(RIGHTS_ALL <= SLOT_MASK, "the rights have room");

/* The rights that mean something for the object. */
static uint32_t meaningful(const struct object *object)
{
    if (object->type == OBJECT_REPLY_PORT) /* which never leaves its process */
        return RIGHT_DUPLICATE | RIGHT_READ | RIGHT_WRITE | RIGHT_CONTROL;
    return RIGHTS_ALL & ~(object->type == OBJECT_ENDPOINT ? 0 : RIGHT_SEND) &
           ~(object->type == OBJECT_PORT ? 0 : RIGHT_RECEIVE | RIGHT_MINT);
}

/* What a slot's next handle has, of a handle that goes, or was not copied. */
static uint32_t next_generation(const struct handle_slot *slot)
{
    uint32_t generation = GENERATION(slot->tag);

    return generation == HANDLE_GENERATION_MAX ? 1 : generation + 1;
}

/* Makes the slot's tag that of a free slot, the last one. */
static inline void append_free(struct handle_table *table, uint32_t index,
                               uint32_t generation)
{
    *handle_slot_at(table, index) = (struct handle_slot){
        .next = HANDLE_NO_SLOT,
        .tag = HANDLE_FREE | generation << HANDLE_SLOT_BITS | SLOT_MASK,
    };
    if (table->free_head == HANDLE_NO_SLOT)
        table->free_head = index;
    else
        handle_slot_at(table, table->free_tail)->next = index;
    table->free_tail = index;
}

/* Adds slots that are free, but in no list: they are used up in their order, before any
 * that is freed from now on. */
static void add_slots(struct handle_table *table, struct handle_slot *slots,
                      uint32_t count)
{
    assert(table->fresh == table->count && table->free_head == HANDLE_NO_SLOT);
    for (uint32_t i = 0; i < count; i++)
        slots[i] = (struct handle_slot){
            .next = HANDLE_NO_SLOT,
            .tag = HANDLE_FREE | 1u << HANDLE_SLOT_BITS | SLOT_MASK,
        };
    table->count += count;
}

void handle_table_init(struct handle_table *table, struct quota *quota,
                       struct handle_slot *first, uint32_t first_count)
{
    *table = (struct handle_table){
        .home = first + first_count - HANDLE_SLOTS_PER_PAGE,
        .absent = HANDLE_SLOTS_PER_PAGE - first_count,
        .directory = &table->home,
        .free_head = HANDLE_NO_SLOT,
        .free_tail = HANDLE_NO_SLOT,
        .quota = quota,
    };
    add_slots(table, first, first_count);
}

static void *take_page(struct handle_table *table)
{
    phys_t frame = quota_take(table->quota, FRAME_LOW);

    return frame.address == PHYS_NONE.address ? NULL : arch_direct(frame);
}

/* Takes the memory of a page of slots, and of the directory if it is the first. */
static bool take_slots_page(struct handle_table *table, uint32_t page)
{
    if (table->directory == &table->home) {
        struct handle_slot **directory = take_page(table);
        if (!directory)
            return false;
        directory[0] = table->home;
        table->directory = directory;
    }
    table->directory[page] = take_page(table);
    return table->directory[page];
}

/* Adds a page of slots; false if there is no memory, or no more slots can be named. */
static bool grow(struct handle_table *table)
{
    uint32_t page = (table->count + table->absent) / HANDLE_SLOTS_PER_PAGE;

    if (page == 0 || page >= DIRECTORY_ENTRIES ||
        table->count + HANDLE_SLOTS_PER_PAGE > SLOT_MASK)
        return false;
    if (!take_slots_page(table, page))
        return false;
    add_slots(table, table->directory[page], HANDLE_SLOTS_PER_PAGE);
    return true;
}

/* Takes the slot that has been free longest; NULL if there is no memory for more. */
static struct handle_slot *take_slot(struct handle_table *table, uint32_t *index)
{
    if (table->fresh == table->count && table->free_head == HANDLE_NO_SLOT &&
        !grow(table))
        return NULL;
    bool fresh = table->fresh < table->count;
    *index = fresh ? table->fresh++ : table->free_head;
    struct handle_slot *slot = handle_slot_at(table, *index);
    if (!fresh)
        table->free_head = (uint32_t)slot->next;
    return slot;
}

long handle_add(struct handle_table *table, struct object *object, uint32_t rights)
{
    uint32_t index;
    struct handle_slot *slot = take_slot(table, &index);

    if (!slot)
        return -ENOMEM;
    uint32_t generation = GENERATION(slot->tag);
    *slot = (struct handle_slot){
        .object = object,
        .tag = generation << HANDLE_SLOT_BITS |
               (RIGHTS_ALL & ~(rights & meaningful(object))),
    };
    object_hold(object);
    table->used++;
    return (long)(generation << HANDLE_SLOT_BITS | index);
}

long handle_look(struct handle_table *table, handle_t handle, enum object_type type,
                 uint32_t rights, struct object **object)
{
    *object = handle_find(table, handle, type, rights);
    if (likely(*object))
        return 0;
    return handle_error(table, handle, type);
}

long handle_error(struct handle_table *table, handle_t handle, enum object_type type)
{
    return handle_find(table, handle, type, 0) ? -EPERM : -EBADF;
}

long handle_narrow(const struct handle_slot *slot, uint32_t rights)
{
    if (rights == RIGHTS_SAME)
        return (long)handle_rights(slot);
    if (rights & ~RIGHTS_ALL)
        return -EINVAL;
    uint32_t has = handle_rights(slot);

    return rights & ~has & meaningful(slot->object) ? -EPERM : (long)(rights & has);
}

struct object *handle_take(struct handle_table *table, handle_t handle)
{
    struct handle_slot *slot = handle_slot(table, handle, 0);

    if (!slot)
        return NULL;
    struct object *object = slot->object;
    append_free(table, handle.value & SLOT_MASK, next_generation(slot));
    table->used--;
    return object;
}

/* The page that begins with the slot; 0: none that was taken. */
static uint32_t page_begun(const struct handle_table *table, uint32_t index)
{
    index += table->absent;
    return index % HANDLE_SLOTS_PER_PAGE ? 0 : index / HANDLE_SLOTS_PER_PAGE;
}

bool handle_table_clear(struct handle_table *table)
{
    for (uint32_t i = 0; i < SLOTS_A_PIECE && table->count > 0; i++) {
        /* What goes may free other slots, which then go themselves. */
        table->free_head = HANDLE_NO_SLOT;
        uint32_t index = table->count - 1;
        struct handle_slot slot = *handle_slot_at(table, index);
        uint32_t page = page_begun(table, index);
        table->count = index;
        table->fresh = index;
        if (page)
            quota_give(table->quota, arch_direct_phys(table->directory[page]));
        if (slot.tag & HANDLE_FREE)
            continue;
        table->used--;
        object_drop(slot.object);
    }
    if (table->count > 0)
        return false;
    if (table->directory != &table->home)
        quota_give(table->quota, arch_direct_phys(table->directory));
    table->directory = &table->home;
    return true;
}

/* Puts a copy of a slot behind the others of the table, for which there is room. */
static void copy_slot(struct handle_table *to, const struct handle_slot *slot)
{
    static const uint32_t needed = RIGHT_DUPLICATE | RIGHT_TRANSFER;
    uint32_t index = to->count++;

    to->fresh = to->count;
    if (!(slot->tag & (HANDLE_FREE | needed))) {
        *handle_slot_at(to, index) = *slot;
        object_hold(slot->object);
        to->used++;
    } else {
        append_free(to, index, next_generation(slot));
    }
}

long handle_table_copy(struct handle_table *to, struct handle_table *from, uint32_t *slot)
{
    assert(to->absent == from->absent);
    if (*slot == 0) {
        to->count = 0;
        to->fresh = 0;
        to->free_head = HANDLE_NO_SLOT;
    }
    for (uint32_t i = 0; i < SLOTS_A_PIECE && *slot < from->count; i++) {
        uint32_t page = page_begun(to, *slot);
        if (page && !take_slots_page(to, page))
            return -ENOMEM;
        copy_slot(to, handle_slot_at(from, *slot));
        ++*slot;
    }
    return *slot < from->count ? AGAIN : 0;
}
