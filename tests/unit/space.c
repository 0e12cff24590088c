/* SPDX-License-Identifier: MIT */
/*
 * Address spaces on fake page tables, against a plain array of pages: what is mapped and
 * how, what a fault finds, that contents stay with their pages, that a call that fails
 * changes nothing, and that every frame comes back.
 */
#include "space.h"

#include <limen/abi.h>

#include "arch.h"
#include "error.h"
#include "object.h"
#include "unit.h"

#define START 0x40000000u /* of the window in which everything happens */
#define PAGES 128u
#define END (START + PAGES * PAGE_SIZE)
#define TABLE_PAGES 16u /* what a fake page table maps */
#define TABLES (PAGES / TABLE_PAGES)
#define FRAMES 512u
#define ROUNDS 40000
#define DEVICE 0x10000000u /* a memory object's physical address */
#define DEVICE_PAGES 24u

static struct quota quota;
static struct space space;
static struct memory device;

/* The model: what a page is, and the mark that its content should begin with. */
static struct page {
    bool mapped;
    uint32_t protection;
    bool is_device;
    uint32_t offset; /* is_device */
    uint32_t mark;   /* 0: never written */
} pages[PAGES];

/* --- Fake page tables --- */

static struct {
    bool present;
    phys_t frame;
    uint32_t protection;
} entries[PAGES];
static phys_t tables[TABLES];
static uint32_t table_used[TABLES];

static bool none(phys_t frame)
{
    return frame.address == PHYS_NONE.address;
}

static uint32_t page_of(uint32_t address)
{
    assert_true(address >= START && address < END);
    return (address - START) / PAGE_SIZE;
}

phys_t arch_directory_create(struct quota *payer)
{
    return quota_take(payer, FRAME_LOW);
}

void arch_directory_destroy(struct space *which)
{
    quota_give(which->quota, which->directory);
}

bool arch_map(struct space *which, uint32_t address, phys_t frame, uint32_t protection)
{
    uint32_t page = page_of(address);
    uint32_t table = page / TABLE_PAGES;

    assert_false(entries[page].present);
    if (table_used[table] == 0) {
        tables[table] = quota_take(which->quota, FRAME_LOW);
        if (none(tables[table]))
            return false;
    }
    table_used[table]++;
    entries[page].present = true;
    entries[page].frame = frame;
    entries[page].protection = protection;
    return true;
}

phys_t arch_unmap(struct space *which, uint32_t address)
{
    uint32_t page = page_of(address);
    uint32_t table = page / TABLE_PAGES;

    if (!entries[page].present)
        return PHYS_NONE;
    entries[page].present = false;
    if (--table_used[table] == 0)
        quota_give(which->quota, tables[table]);
    return entries[page].frame;
}

void arch_protect(struct space *which, uint32_t address, uint32_t protection)
{
    entries[page_of(address)].protection = protection;
}

phys_t arch_lookup(struct space *which, uint32_t address, uint32_t *protection)
{
    uint32_t page = page_of(address);

    *protection = entries[page].protection;
    return entries[page].present ? entries[page].frame : PHYS_NONE;
}

uint32_t arch_next_table(struct space *which, uint32_t address, uint32_t end)
{
    if (address < START)
        address = START;
    while (address < end && address < END) {
        uint32_t table = page_of(address) / TABLE_PAGES;
        if (table_used[table] > 0)
            break;
        address = START + (table + 1) * TABLE_PAGES * PAGE_SIZE;
    }
    return address < end && address < END ? address : end;
}

void arch_page_zero(phys_t frame)
{
    memset(frame_bytes(frame), 0, PAGE_SIZE);
}

/* No object here may come to its end. */
void object_destroy(struct object *object)
{
    fail_msg("an object of type %u was dropped too often", object->type);
}

static int begin(void **state)
{
    frames_begin(FRAMES, FRAMES);
    memset(entries, 0, sizeof(entries));
    memset(table_used, 0, sizeof(table_used));
    memset(pages, 0, sizeof(pages));
    device = (struct memory){
        .object = {.type = OBJECT_MEMORY, .refs = 1},
        .base = PHYS(DEVICE),
        .size = DEVICE_PAGES * PAGE_SIZE,
    };
    quota_init(&quota, NULL, FRAMES);
    return (int)space_init(&space, &quota);
}

static int end(void **state)
{
    space_destroy(&space);
    assert_int_equal(quota.used, 0);
    assert_int_equal(frame_free(), FRAMES);
    assert_int_equal(device.object.refs, 1);
    frames_end();
    return 0;
}

/* --- What must hold at any time --- */

static void check_entry(uint32_t page)
{
    const struct page *model = &pages[page];

    if (!entries[page].present)
        return;
    assert_true(model->mapped);
    assert_int_equal(entries[page].protection, model->protection);
    if (model->is_device)
        assert_int_equal(entries[page].frame.address, DEVICE + model->offset);
    else
        assert_int_equal(*(uint32_t *)frame_bytes(entries[page].frame), model->mark);
}

static void check_region(uint32_t page)
{
    const struct page *model = &pages[page];
    uint32_t address = START + page * PAGE_SIZE;
    const struct region *region = region_find(&space.regions, address);

    assert_int_equal(region != NULL, model->mapped);
    if (!region)
        return;
    assert_int_equal(region->protection, model->protection);
    assert_ptr_equal(region->memory, model->is_device ? &device : NULL);
    if (model->is_device)
        assert_int_equal(region->offset + address - region->start, model->offset);
    struct region *before = region_ending(&space.regions, region->start);
    assert_false(before && region_continues(before, region));
}

static void check_space(void)
{
    for (uint32_t page = 0; page < PAGES; page++) {
        check_entry(page);
        check_region(page);
    }
}

/* --- Random calls, on the space and on the model --- */

static bool model_free(uint32_t first, uint32_t count)
{
    for (uint32_t i = first; i < first + count; i++)
        if (pages[i].mapped)
            return false;
    return true;
}

static bool model_full(uint32_t first, uint32_t count)
{
    for (uint32_t i = first; i < first + count; i++)
        if (!pages[i].mapped)
            return false;
    return true;
}

static bool model_has_device(uint32_t first, uint32_t count)
{
    for (uint32_t i = first; i < first + count; i++)
        if (pages[i].is_device)
            return true;
    return false;
}

static void model_map(uint32_t first, uint32_t count, uint32_t protection, bool is_device,
                      uint32_t offset)
{
    for (uint32_t i = 0; i < count; i++)
        pages[first + i] = (struct page){
            .mapped = true,
            .protection = protection,
            .is_device = is_device,
            .offset = is_device ? offset + i * PAGE_SIZE : 0,
        };
}

static uint32_t random_protection(void)
{
    static const uint32_t some[] = {0, MEMORY_READ, MEMORY_READ | MEMORY_WRITE,
                                    MEMORY_READ | MEMORY_EXECUTE};

    return some[random_below(array_count(some))];
}

static void random_map(uint32_t first, uint32_t count)
{
    bool is_device = random_below(4) == 0;
    uint32_t protection = is_device ? MEMORY_READ : random_protection();
    uint32_t offset = is_device ? random_below(DEVICE_PAGES) * PAGE_SIZE : 0;
    uint32_t replace = random_below(2) ? MEMORY_REPLACE : 0;
    uint32_t address = START + first * PAGE_SIZE;
    uint32_t flags = protection | MEMORY_FIXED | replace;
    long result = space_map(&space, &address, count * PAGE_SIZE, flags,
                            is_device ? MEMORY_READ : MEMORY_PROTECTION,
                            is_device ? &device : NULL, offset);

    if (is_device && offset / PAGE_SIZE + count > DEVICE_PAGES) {
        assert_int_equal(result, -EINVAL);
    } else if (!replace && !model_free(first, count)) {
        assert_int_equal(result, -EEXIST);
    } else if (result != -ENOMEM) {
        assert_int_equal(result, 0);
        assert_int_equal(address, START + first * PAGE_SIZE);
        model_map(first, count, protection, is_device, offset);
    }
}

static void random_unmap(uint32_t first, uint32_t count)
{
    long result = space_unmap(&space, START + first * PAGE_SIZE, count * PAGE_SIZE);

    if (result == -ENOMEM)
        return;
    assert_int_equal(result, 0);
    memset(pages + first, 0, count * sizeof(pages[0]));
}

static void random_protect(uint32_t first, uint32_t count)
{
    uint32_t protection = random_protection();
    long result =
        space_protect(&space, START + first * PAGE_SIZE, count * PAGE_SIZE, protection);

    bool too_much = model_has_device(first, count) && protection & ~MEMORY_READ;

    if (result == -ENOMEM)
        return;
    if (result == -EPERM) {
        assert_true(too_much);
    } else if (result == -EFAULT) {
        assert_false(model_full(first, count));
    } else {
        assert_int_equal(result, 0);
        assert_true(model_full(first, count) && !too_much);
        for (uint32_t i = first; i < first + count; i++)
            pages[i].protection = protection;
    }
}

static void random_touch(uint32_t page, uint32_t round)
{
    struct page *model = &pages[page];
    bool write = random_below(2);
    uint32_t address = START + page * PAGE_SIZE + random_below(PAGE_SIZE);
    bool allowed = model->mapped && model->protection &&
                   (!write || model->protection & MEMORY_WRITE);
    enum fault_result result = space_fault(&space, address, write);

    if (!allowed) {
        assert_int_equal(result, FAULT_BAD_ADDRESS);
    } else if (result != FAULT_NO_MEMORY) {
        assert_int_equal(result, FAULT_RESOLVED);
        assert_true(entries[page].present);
        check_entry(page);
        if (write && !model->is_device) {
            model->mark = round + 1;
            *(uint32_t *)frame_bytes(entries[page].frame) = model->mark;
        }
    }
}

static void random_call(uint32_t round)
{
    uint32_t first = random_below(PAGES);
    uint32_t count = 1 + random_below(random_below(4) ? 8 : PAGES);

    if (count > PAGES - first)
        count = PAGES - first;
    switch (random_below(6)) {
    case 0:
        random_map(first, count);
        break;
    case 1:
        random_unmap(first, count);
        break;
    case 2:
        random_protect(first, count);
        break;
    default:
        random_touch(first, round);
    }
}

static void random_calls_agree_with_an_array_of_pages(void **state)
{
    random_begin();
    for (uint32_t round = 0; round < ROUNDS; round++) {
        random_call(round);
        if (round % 8 == 0)
            check_space();
    }
}

/* Takes all the room in the quota's slab pages but `left` objects. */
static void take_slab_room(void *objects[], uint32_t *count, uint32_t left)
{
    void *object;

    quota.limit = quota.used;
    while ((object = slab_take(&quota, SLAB_SMALL)))
        objects[(*count)++] = object;
    while (left-- > 0 && *count > 0)
        slab_give(&quota, objects[--*count]);
}

static void calls_that_find_no_memory_change_nothing(void **state)
{
    static void *objects[FRAMES * 64];
    uint32_t count = 0;

    random_begin();
    for (uint32_t round = 0; round < ROUNDS; round++) {
        take_slab_room(objects, &count, random_below(3));
        quota.limit = quota.used + (random_below(3) ? 0 : random_below(3));
        random_call(round);
        if (round % 8 == 0)
            check_space();
    }
    while (count > 0)
        slab_give(&quota, objects[--count]);
}

/* --- Single behaviours --- */

static uint32_t map_pages(uint32_t address, uint32_t count, uint32_t flags)
{
    assert_int_equal(
        space_map(&space, &address, count * PAGE_SIZE, flags, MEMORY_PROTECTION, NULL, 0),
        0);
    return address;
}

static void memory_without_an_address_does_not_overlap(void **state)
{
    uint32_t first = map_pages(0, 4, MEMORY_READ | MEMORY_WRITE);
    uint32_t second = map_pages(0, 4, MEMORY_READ);

    assert_int_equal(first, START);
    assert_int_equal(second, START + 4 * PAGE_SIZE);
    assert_int_equal(map_pages(first, 1, MEMORY_READ), START + 8 * PAGE_SIZE);
}

static void bad_arguments_are_refused(void **state)
{
    const struct {
        uint32_t address, size, flags;
    } rows[] = {
        {START, 0, MEMORY_READ},
        {START, 1, MEMORY_READ},
        {START + 1, PAGE_SIZE, MEMORY_READ},
        {START + 1, PAGE_SIZE, MEMORY_READ | MEMORY_FIXED},
        {0, PAGE_SIZE, MEMORY_READ | MEMORY_FIXED},
        {USER_END, PAGE_SIZE, MEMORY_READ | MEMORY_FIXED},
        {KERNEL_BASE, PAGE_SIZE, MEMORY_READ | MEMORY_FIXED},
        {0xfffff000, PAGE_SIZE, MEMORY_READ | MEMORY_FIXED},
        {0xfffff000, 0x2000, MEMORY_READ | MEMORY_FIXED},
        {START, 0xfffff000, MEMORY_READ | MEMORY_FIXED},
        {START, USER_END - START + PAGE_SIZE, MEMORY_READ | MEMORY_FIXED},
        {START, PAGE_SIZE, MEMORY_READ | MEMORY_REPLACE},
        {START, PAGE_SIZE, MEMORY_READ | 1u << 5},
        {START, PAGE_SIZE, 1u << 31},
    };

    for (size_t i = 0; i < array_count(rows); i++) {
        uint32_t address = rows[i].address;
        long result = space_map(&space, &address, rows[i].size, rows[i].flags,
                                MEMORY_PROTECTION, NULL, 0);
        if (result != -EINVAL)
            fail_msg("row %zu: %ld", i, result);
        if (rows[i].flags & MEMORY_FIXED)
            assert_int_equal(space_unmap(&space, rows[i].address, rows[i].size), -EINVAL);
    }
    assert_int_equal(space_protect(&space, START, PAGE_SIZE, MEMORY_FIXED), -EINVAL);
    assert_int_equal(space.regions.count, 0);
}

static void a_memory_object_gives_no_more_than_it_allows(void **state)
{
    uint32_t address = START;

    const struct {
        uint32_t size, flags, offset;
        long result;
    } rows[] = {
        {PAGE_SIZE, MEMORY_READ | MEMORY_WRITE, 0, -EPERM},
        {PAGE_SIZE, MEMORY_EXECUTE, 0, -EPERM},
        {PAGE_SIZE, MEMORY_READ, 1, -EINVAL},
        {PAGE_SIZE, MEMORY_READ, DEVICE_PAGES * PAGE_SIZE, -EINVAL},
        {PAGE_SIZE, MEMORY_READ, 0xfffff000, -EINVAL},
        {DEVICE_PAGES * PAGE_SIZE + PAGE_SIZE, MEMORY_READ, 0, -EINVAL},
    };

    for (size_t i = 0; i < array_count(rows); i++)
        assert_int_equal(space_map(&space, &address, rows[i].size, rows[i].flags,
                                   MEMORY_READ, &device, rows[i].offset),
                         rows[i].result);
    assert_int_equal(device.object.refs, 1);
    /* Fresh pages have no offset. */
    assert_int_equal(space_map(&space, &address, PAGE_SIZE, MEMORY_READ,
                               MEMORY_PROTECTION, NULL, PAGE_SIZE),
                     -EINVAL);
}

static void every_hole_in_a_full_space_is_found(void **state)
{
    uint32_t address = map_pages(USER_START, (USER_END - USER_START) / PAGE_SIZE,
                                 MEMORY_READ | MEMORY_FIXED);

    assert_int_equal(address, USER_START);
    address = 0;
    assert_int_equal(
        space_map(&space, &address, PAGE_SIZE, MEMORY_READ, MEMORY_PROTECTION, NULL, 0),
        -ENOMEM);
    assert_int_equal(space_unmap(&space, START + 5 * PAGE_SIZE, PAGE_SIZE), 0);
    assert_int_equal(map_pages(0, 1, MEMORY_READ), START + 5 * PAGE_SIZE);
    assert_int_equal(space.regions.count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        TEST(random_calls_agree_with_an_array_of_pages),
        TEST(calls_that_find_no_memory_change_nothing),
        TEST(memory_without_an_address_does_not_overlap),
        TEST(bad_arguments_are_refused),
        TEST(a_memory_object_gives_no_more_than_it_allows),
        TEST(every_hole_in_a_full_space_is_found),
    };
    return cmocka_run_group_tests_name("space", tests, NULL, NULL);
}
