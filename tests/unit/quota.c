/* SPDX-License-Identifier: MIT */
/*
 * Quotas and slabs: no object overlaps another, each is zeroed and aligned, every frame
 * is charged to its quota and comes back with its last object.
 */
#include "quota.h"

#include <stdlib.h>

#include "arch.h"
#include "unit.h"

#define FRAMES 64
#define OBJECTS 1200
#define ROUNDS 30000
#define SMALL_BYTES 64 /* what slab_take(SLAB_SMALL) promises to regions */

struct held {
    void *object;
    enum slab_size size;
    unsigned char mark;
};

static struct quota quotas[2];
static struct held held[OBJECTS];

static int begin(void **state)
{
    frames_begin(FRAMES, FRAMES);
    quota_init(&quotas[0], NULL, 40);
    quota_init(&quotas[1], NULL, 40);
    memset(held, 0, sizeof(held));
    return 0;
}

static int end(void **state)
{
    frames_end();
    return 0;
}

static void charges_stop_at_the_limit(void **state)
{
    assert_true(quota_charge(&quotas[0], 39));
    assert_false(quota_charge(&quotas[0], 2));
    assert_true(quota_charge(&quotas[0], 1));
    assert_false(quota_charge(&quotas[0], 1));
    assert_false(quota_charge(&quotas[0], UINT32_MAX));
    quota_uncharge(&quotas[0], 40);
    assert_int_equal(quotas[0].used, 0);
    expect_panic(quota_uncharge(&quotas[0], 1));
}

static void a_frame_is_charged_and_given_back(void **state)
{
    phys_t frame = quota_take(&quotas[0], FRAME_ANY);

    assert_int_equal(quotas[0].used, 1);
    assert_int_equal(frame_free(), FRAMES - 1);
    quota_give(&quotas[0], frame);
    assert_int_equal(quotas[0].used, 0);
    assert_int_equal(frame_free(), FRAMES);
}

static void a_machine_without_frames_charges_nothing(void **state)
{
    quota_init(&quotas[0], NULL, FRAMES + 1);
    for (int i = 0; i < FRAMES; i++)
        assert_true(quota_take(&quotas[0], FRAME_ANY).address != PHYS_NONE.address);
    assert_true(quota_take(&quotas[0], FRAME_ANY).address == PHYS_NONE.address);
    assert_int_equal(quotas[0].used, FRAMES);
}

static void *fill_quota(struct quota *quota, enum slab_size size)
{
    void *last = NULL;

    for (void *object; (object = slab_take(quota, size));)
        last = object;
    return last;
}

static void slabs_stop_at_the_quota(void **state)
{
    assert_non_null(fill_quota(&quotas[0], SLAB_SMALL));
    assert_int_equal(quotas[0].used, 40);
    assert_non_null(slab_take(&quotas[1], SLAB_SMALL));
    assert_int_equal(quotas[1].used, 1);
}

static void freed_memory_can_be_used_again_at_the_limit(void **state)
{
    void *last = fill_quota(&quotas[0], SLAB_FPU);

    slab_give(&quotas[0], last);
    assert_ptr_equal(slab_take(&quotas[0], SLAB_FPU), last);
    assert_null(slab_take(&quotas[0], SLAB_FPU));
}

static void quotas_share_no_slab_page(void **state)
{
    void *a = slab_take(&quotas[0], SLAB_SMALL);
    void *b = slab_take(&quotas[1], SLAB_SMALL);

    assert_true((uintptr_t)a / 4096 != (uintptr_t)b / 4096);
    slab_give(&quotas[0], a);
    slab_give(&quotas[1], b);
    assert_int_equal(frame_free(), FRAMES);
}

static void take_object(struct held *slot, struct quota *quota)
{
    slot->size = random_below(SLAB_SIZES);
    slot->object = slab_take(quota, slot->size);
    if (!slot->object)
        return;
    unsigned char *bytes = slot->object;
    assert_int_equal((uintptr_t)bytes % (slot->size == SLAB_THREAD ? 8 : 16), 0);
    for (int i = 0; i < SMALL_BYTES; i++)
        assert_int_equal(bytes[i], 0);
    slot->mark = (unsigned char)(1 + random_below(255));
    memset(bytes, slot->mark, SMALL_BYTES);
}

static void give_object(struct held *slot, struct quota *quota)
{
    const unsigned char *bytes = slot->object;

    for (int i = 0; i < SMALL_BYTES; i++)
        assert_int_equal(bytes[i], slot->mark);
    slab_give(quota, slot->object);
    slot->object = NULL;
}

static void random_objects_never_overlap(void **state)
{
    random_begin();
    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint32_t index = random_below(OBJECTS);
        struct quota *quota = &quotas[index % 2];
        if (held[index].object)
            give_object(&held[index], quota);
        else
            take_object(&held[index], quota);
        assert_int_equal(frame_free(), FRAMES - quotas[0].used - quotas[1].used);
    }
    for (uint32_t i = 0; i < OBJECTS; i++)
        if (held[i].object)
            give_object(&held[i], &quotas[i % 2]);
    assert_int_equal(frame_free(), FRAMES);
    assert_int_equal(quotas[0].used + quotas[1].used, 0);
}

/* --- Orphans --- */

/* A quota in a frame of its own, cut out of the parent's, as a process's is. */
static struct quota *new_home(struct quota *parent, uint32_t limit)
{
    assert_true(quota_charge(parent, limit));
    struct quota *quota = arch_direct(frame_take(FRAME_LOW));
    quota_init(quota, parent, limit);
    assert_true(quota_charge(quota, 1));
    return quota;
}

static void end_home(struct quota *quota)
{
    while (quota_move_child(quota))
        ;
    quota_orphan(quota);
}

static void an_orphan_without_objects_goes_at_once(void **state)
{
    struct quota *child = new_home(&quotas[0], 30);

    end_home(child);
    assert_int_equal(quotas[0].used, 0);
    assert_true(list_empty(&quotas[0].children));
    assert_int_equal(frame_free(), FRAMES);
}

static void an_orphan_keeps_what_it_uses_until_the_last_object(void **state)
{
    struct quota *child = new_home(&quotas[0], 30);
    void *a = slab_take(child, SLAB_THREAD);
    void *b = slab_take(child, SLAB_SMALL);

    end_home(child);
    assert_int_equal(quotas[0].used, 3);
    slab_give(child, b);
    assert_int_equal(quotas[0].used, 2);
    assert_int_equal(frame_free(), FRAMES - 2);
    slab_give(child, a);
    assert_int_equal(quotas[0].used, 0);
    assert_int_equal(frame_free(), FRAMES);
}

static void an_orphans_children_are_its_parents(void **state)
{
    struct quota *child = new_home(&quotas[0], 30);
    struct quota *grandchild = new_home(child, 20);
    struct quota *last = new_home(grandchild, 10);
    void *object = slab_take(last, SLAB_SMALL);
    void *other = slab_take(grandchild, SLAB_SMALL);

    end_home(child);
    assert_int_equal(quotas[0].used, 20);
    assert_ptr_equal(grandchild->parent, &quotas[0]);
    end_home(last);
    assert_int_equal(grandchild->used, 1 + 1 + 2);
    end_home(grandchild);
    assert_int_equal(quotas[0].used, 2 + 2);
    slab_give(grandchild, other);
    assert_int_equal(quotas[0].used, 2);
    slab_give(last, object);
    assert_int_equal(quotas[0].used, 0);
    assert_int_equal(frame_free(), FRAMES);
}

static void an_orphan_that_has_children_is_a_kernel_bug(void **state)
{
    struct quota *child = new_home(&quotas[0], 30);

    new_home(child, 20);
    expect_panic(quota_orphan(child));
}

/* A random tree of quotas, ended in any order, with objects given back in any order. */
enum {
    HOMES = 12
};

static struct {
    struct quota *quota; /* or NULL */
    bool ended;
    void *object;
} homes[HOMES];

static void random_home(uint32_t i)
{
    uint32_t over = random_below(HOMES + 1);
    struct quota *parent = over == HOMES ? &quotas[0] : homes[over].quota;

    if (homes[i].quota && homes[i].object && random_below(2)) {
        slab_give(homes[i].quota, homes[i].object);
        homes[i].object = NULL;
        if (homes[i].ended)
            homes[i].quota = NULL;
    } else if (homes[i].quota && !homes[i].ended) {
        end_home(homes[i].quota);
        homes[i].ended = true;
        if (!homes[i].object)
            homes[i].quota = NULL;
    } else if (!homes[i].quota && parent && !(over < HOMES && homes[over].ended)) {
        uint32_t limit = 3 + random_below(10);
        if (limit > parent->limit - parent->used)
            return;
        homes[i].ended = false;
        homes[i].quota = new_home(parent, limit);
        homes[i].object = random_below(4) ? slab_take(homes[i].quota, SLAB_SMALL) : NULL;
    }
}

static void random_families_leave_nothing_behind(void **state)
{
    random_begin();
    memset(homes, 0, sizeof(homes));
    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint32_t in_use = 0;
        uint32_t charged = quotas[0].used;
        random_home(random_below(HOMES));
        for (uint32_t i = 0; i < HOMES; i++)
            if (homes[i].quota) {
                in_use += 1 + (homes[i].object != NULL);
                assert_false(homes[i].quota->parent->orphan);
                assert_int_equal(homes[i].quota->orphan, homes[i].ended);
            }
        assert_int_equal(frame_free(), FRAMES - in_use);
        assert_true(quotas[0].used >= in_use && charged <= 40);
        if (in_use == 0)
            assert_int_equal(quotas[0].used, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(charges_stop_at_the_limit, begin, end),
        cmocka_unit_test_setup_teardown(a_frame_is_charged_and_given_back, begin, end),
        cmocka_unit_test_setup_teardown(a_machine_without_frames_charges_nothing, begin,
                                        end),
        cmocka_unit_test_setup_teardown(slabs_stop_at_the_quota, begin, end),
        cmocka_unit_test_setup_teardown(freed_memory_can_be_used_again_at_the_limit,
                                        begin, end),
        cmocka_unit_test_setup_teardown(quotas_share_no_slab_page, begin, end),
        cmocka_unit_test_setup_teardown(random_objects_never_overlap, begin, end),
        cmocka_unit_test_setup_teardown(an_orphan_without_objects_goes_at_once, begin,
                                        end),
        cmocka_unit_test_setup_teardown(
            an_orphan_keeps_what_it_uses_until_the_last_object, begin, end),
        cmocka_unit_test_setup_teardown(an_orphans_children_are_its_parents, begin, end),
        cmocka_unit_test_setup_teardown(an_orphan_that_has_children_is_a_kernel_bug,
                                        begin, end),
        cmocka_unit_test_setup_teardown(random_families_leave_nothing_behind, begin, end),
    };
    return cmocka_run_group_tests_name("quota", tests, NULL, NULL);
}
