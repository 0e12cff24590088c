/* SPDX-License-Identifier: MIT */
/*
 * Sparse arrays of frames against a plain array; no node outlives its last frame, and a
 * change for which there is no memory changes nothing.
 */
#include "page_tree.h"

#include "unit.h"

#define FRAMES 512
#define PLACES 600
#define ROUNDS 40000

static struct page_tree tree;
static struct quota quota;
static struct {
    uint32_t index;
    uint32_t frame; /* its address, or 0 */
} places[PLACES];

static int begin(void **state)
{
    frames_begin(FRAMES, FRAMES);
    quota_init(&quota, NULL, FRAMES);
    tree = (struct page_tree){0};
    return 0;
}

static int end(void **state)
{
    frames_end();
    return 0;
}

static bool set(uint32_t index, uint32_t frame)
{
    return page_tree_set(&tree, &quota, index, PHYS(frame));
}

static void an_empty_tree_has_nothing(void **state)
{
    assert_true(page_tree_find(&tree, 0).address == PHYS_NONE.address);
    assert_true(page_tree_find(&tree, PAGE_TREE_PAGES - 1).address == PHYS_NONE.address);
    assert_int_equal(page_tree_next(&tree, 0), PAGE_TREE_PAGES);
    expect_panic(page_tree_take(&tree, &quota, 5));
}

static void the_first_and_the_last_page(void **state)
{
    assert_true(set(0, 0x1000) && set(PAGE_TREE_PAGES - 1, 0xfffff000));
    assert_int_equal(page_tree_find(&tree, 0).address, 0x1000);
    assert_int_equal(page_tree_find(&tree, PAGE_TREE_PAGES - 1).address, 0xfffff000);
    assert_int_equal(page_tree_next(&tree, 1), PAGE_TREE_PAGES - 1);
    assert_true(set(0, 0x2000));
    assert_int_equal(page_tree_take(&tree, &quota, 0).address, 0x2000);
    assert_int_equal(page_tree_next(&tree, 0), PAGE_TREE_PAGES - 1);
    assert_int_equal(page_tree_take(&tree, &quota, PAGE_TREE_PAGES - 1).address,
                     0xfffff000);
    assert_int_equal(quota.used, 0);
    expect_panic(set(PAGE_TREE_PAGES, 0x1000));
}

static void make_places(void)
{
    for (uint32_t i = 0; i < PLACES; i++) {
        uint32_t last = i ? places[i - 1].index : 0;
        uint32_t gap = random_below(4) ? 1 + random_below(4) : 1 + random_below(6000);
        places[i].index = last + gap;
        places[i].frame = 0;
    }
    assert_true(places[PLACES - 1].index < PAGE_TREE_PAGES);
}

static void check_place(uint32_t i)
{
    uint32_t next = i;
    uint32_t wanted = places[i].frame ? places[i].frame : PHYS_NONE.address;

    assert_int_equal(page_tree_find(&tree, places[i].index).address, wanted);
    while (next < PLACES && !places[next].frame)
        next++;
    uint32_t from = places[i].index;
    if (i > 0)
        from -= random_below(from - places[i - 1].index);
    assert_int_equal(page_tree_next(&tree, from),
                     next < PLACES ? places[next].index : PAGE_TREE_PAGES);
}

static void random_change(uint32_t i, bool may_fail)
{
    uint32_t frame = 0x1000 * (1 + random_below(0xffffe));
    uint32_t used = quota.used;

    if (places[i].frame && random_below(2)) {
        assert_int_equal(page_tree_take(&tree, &quota, places[i].index).address,
                         places[i].frame);
        places[i].frame = 0;
    } else if (set(places[i].index, frame)) {
        places[i].frame = frame;
    } else {
        assert_true(may_fail);
        assert_int_equal(quota.used, used);
    }
}

static void random_changes_agree_with_an_array(void **state)
{
    random_begin();
    make_places();
    for (uint32_t round = 0; round < ROUNDS; round++) {
        bool tight = random_below(4) == 0;
        quota.limit = tight ? quota.used : FRAMES;
        random_change(random_below(PLACES), tight);
        check_place(random_below(PLACES));
    }
    for (uint32_t i = 0; i < PLACES; i++) {
        check_place(i);
        if (places[i].frame)
            page_tree_take(&tree, &quota, places[i].index);
        places[i].frame = 0;
    }
    assert_null(tree.root);
    assert_int_equal(quota.used, 0);
    assert_int_equal(frame_free(), FRAMES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_empty_tree_has_nothing, begin, end),
        cmocka_unit_test_setup_teardown(the_first_and_the_last_page, begin, end),
        cmocka_unit_test_setup_teardown(random_changes_agree_with_an_array, begin, end),
    };
    return cmocka_run_group_tests_name("page_tree", tests, NULL, NULL);
}
