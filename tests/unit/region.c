/* SPDX-License-Identifier: MIT */
/*
 * The region map against a plain array of pages: what is mapped where, what comes next,
 * where there is room, after any insertions, removals, splits and extensions.
 */
#include "region.h"

#include <limen/abi.h>

#include "assert.h"
#include "unit.h"

#define PAGES 256
#define ROUNDS 30000
#define LIMIT (PAGES * PAGE_SIZE)

static struct region_map map;
static struct region regions[PAGES];
static struct region *pages[PAGES]; /* the model: which region holds the page */

static struct region *new_region(uint32_t first, uint32_t count)
{
    for (uint32_t i = 0; i < PAGES; i++) {
        if (regions[i].end == 0) {
            regions[i] = (struct region){
                .start = first * PAGE_SIZE,
                .end = (first + count) * PAGE_SIZE,
                .protection = MEMORY_READ,
            };
            return &regions[i];
        }
    }
    fail_msg("too many regions");
    return NULL;
}

static void mark(uint32_t first, uint32_t count, struct region *region)
{
    for (uint32_t i = first; i < first + count; i++)
        pages[i] = region;
}

static bool all_free(uint32_t first, uint32_t count)
{
    for (uint32_t i = first; i < first + count; i++)
        if (i >= PAGES || pages[i])
            return false;
    return true;
}

static struct region *add(uint32_t first, uint32_t count)
{
    struct region *region = new_region(first, count);

    region_insert(&map, region);
    mark(first, count, region);
    return region;
}

static void take(struct region *region)
{
    region_remove(&map, region);
    mark(region->start / PAGE_SIZE, (region->end - region->start) / PAGE_SIZE, NULL);
    *region = (struct region){0};
}

static int begin(void **state)
{
    region_map_init(&map);
    memset(regions, 0, sizeof(regions));
    memset(pages, 0, sizeof(pages));
    return 0;
}

/* The model's answer to region_gap, the slow way. */
static uint32_t model_gap(uint32_t from, uint32_t count, uint32_t limit)
{
    for (uint32_t first = from; first + count <= limit; first++)
        if (all_free(first, count))
            return first * PAGE_SIZE;
    return 0;
}

static struct region *model_next(uint32_t page)
{
    while (page < PAGES && !pages[page])
        page++;
    return page < PAGES ? pages[page] : NULL;
}

static void check_lookups(uint32_t page)
{
    uint32_t address = page * PAGE_SIZE;
    uint32_t inside = address + random_below(PAGE_SIZE);
    struct region *ending = page > 0 ? pages[page - 1] : NULL;

    assert_ptr_equal(region_find(&map, address), pages[page]);
    assert_ptr_equal(region_find(&map, inside), pages[page]);
    assert_ptr_equal(region_next(&map, inside), model_next(page));
    if (ending && ending->end != address)
        ending = NULL;
    assert_ptr_equal(region_ending(&map, address), ending);
}

static void check_gaps(void)
{
    uint32_t from = 1 + random_below(PAGES - 1);
    uint32_t count = 1 + random_below(12);
    uint32_t limit = from + random_below(PAGES - from + 1);

    assert_int_equal(
        region_gap(&map, from * PAGE_SIZE, count * PAGE_SIZE, limit * PAGE_SIZE),
        model_gap(from, count, limit));
}

static void random_change(void)
{
    uint32_t first = 1 + random_below(PAGES - 1);
    uint32_t count = 1 + random_below(8);
    struct region *region = pages[first];

    if (!region) {
        if (all_free(first, count) && first + count <= PAGES)
            add(first, count);
        return;
    }
    uint32_t end = region->end / PAGE_SIZE;
    uint32_t choice = random_below(3);
    if (choice == 0) {
        take(region);
    } else if (choice == 1 && first * PAGE_SIZE != region->start) {
        struct region *rest = new_region(first, 1);
        region_split(&map, region, first * PAGE_SIZE, rest);
        mark(first, end - first, rest);
    } else if (choice == 2 && end + count <= PAGES && all_free(end, count)) {
        region_extend(&map, region, (end + count) * PAGE_SIZE);
        mark(end, count, region);
    }
}

static void random_changes_agree_with_an_array(void **state)
{
    random_begin();
    for (uint32_t round = 0; round < ROUNDS; round++) {
        random_change();
        check_lookups(random_below(PAGES));
        check_gaps();
        uint32_t count = 0;
        for (uint32_t i = 0; i < PAGES; i++)
            count += regions[i].end != 0;
        assert_int_equal(map.count, count);
    }
}

static void an_empty_map_is_all_gap(void **state)
{
    assert_null(region_find(&map, USER_START));
    assert_null(region_next(&map, 0));
    assert_null(region_ending(&map, USER_START));
    assert_int_equal(region_gap(&map, USER_START, PAGE_SIZE, USER_END), USER_START);
    assert_int_equal(region_gap(&map, USER_START, USER_END - USER_START, USER_END),
                     USER_START);
    assert_int_equal(region_gap(&map, USER_START, USER_END, USER_END), 0);
}

static void sizes_that_wrap_find_no_gap(void **state)
{
    add(1, 4);
    assert_int_equal(region_gap(&map, USER_START, 0xfffff000u, USER_END), 0);
    assert_int_equal(region_gap(&map, USER_END, PAGE_SIZE, USER_END), 0);
    assert_int_equal(region_gap(&map, 0xfffff000u, PAGE_SIZE, USER_END), 0);
}

static void a_gap_is_found_below_a_region_at_the_very_end(void **state)
{
    struct region last = {.start = USER_END - PAGE_SIZE, .end = USER_END};

    region_insert(&map, &last);
    uint32_t room = USER_END - PAGE_SIZE - USER_START;
    assert_int_equal(region_gap(&map, USER_START, room, USER_END), USER_START);
    assert_int_equal(region_gap(&map, USER_START, room + PAGE_SIZE, USER_END), 0);
}

static void a_search_may_begin_inside_a_region(void **state)
{
    add(4, 8);
    add(14, 2);
    assert_int_equal(region_gap(&map, 6 * PAGE_SIZE, 2 * PAGE_SIZE, LIMIT),
                     12 * PAGE_SIZE);
    assert_int_equal(region_gap(&map, 6 * PAGE_SIZE, 3 * PAGE_SIZE, LIMIT),
                     16 * PAGE_SIZE);
}

static void a_split_keeps_the_offsets(void **state)
{
    struct region *region = add(10, 6);
    struct region rest;

    region->offset = 3 * PAGE_SIZE;
    region_split(&map, region, 12 * PAGE_SIZE, &rest);
    assert_int_equal(region->end, 12 * PAGE_SIZE);
    assert_int_equal(region->offset, 3 * PAGE_SIZE);
    assert_int_equal(rest.start, 12 * PAGE_SIZE);
    assert_int_equal(rest.end, 16 * PAGE_SIZE);
    assert_int_equal(rest.offset, 5 * PAGE_SIZE);
    assert_true(region_continues(region, &rest));
    region_remove(&map, &rest);
}

static void only_alike_neighbours_continue(void **state)
{
    struct memory *memory = (struct memory *)&map;
    struct region a = {.start = 0x1000, .end = 0x3000, .protection = MEMORY_READ};
    struct region b = {.start = 0x3000, .end = 0x4000, .protection = MEMORY_READ};

    assert_true(region_continues(&a, &b));
    b.offset = 0x5000;
    assert_true(region_continues(&a, &b)); /* zero-filled pages know no offset */
    b.protection |= MEMORY_WRITE;
    assert_false(region_continues(&a, &b));
    b.protection = a.protection;
    b.allowed = MEMORY_READ;
    assert_false(region_continues(&a, &b));
    b.allowed = a.allowed;
    b.memory = memory;
    assert_false(region_continues(&a, &b));
    a.memory = memory;
    assert_false(region_continues(&a, &b));
    a.offset = 0x3000;
    assert_true(region_continues(&a, &b));
    b.start += PAGE_SIZE;
    b.end += PAGE_SIZE;
    assert_false(region_continues(&a, &b));
}

static void an_empty_region_is_a_kernel_bug(void **state)
{
    struct region empty = {.start = 0x1000, .end = 0x1000};

    expect_panic(region_insert(&map, &empty));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(random_changes_agree_with_an_array, begin),
        cmocka_unit_test_setup(an_empty_map_is_all_gap, begin),
        cmocka_unit_test_setup(sizes_that_wrap_find_no_gap, begin),
        cmocka_unit_test_setup(a_gap_is_found_below_a_region_at_the_very_end, begin),
        cmocka_unit_test_setup(a_search_may_begin_inside_a_region, begin),
        cmocka_unit_test_setup(a_split_keeps_the_offsets, begin),
        cmocka_unit_test_setup(only_alike_neighbours_continue, begin),
        cmocka_unit_test_setup(an_empty_region_is_a_kernel_bug, begin),
    };
    return cmocka_run_group_tests_name("region", tests, NULL, NULL);
}
