/* SPDX-License-Identifier: MIT */
/*
 * The handle table against a model: a handle names its object until it is closed and
 * nothing afterwards, however slots are used again; holds and frames come out even.
 */
#include "handle.h"

#include "error.h"
#include "unit.h"

#define FRAMES 64
#define FIRST_SLOTS 8
#define OBJECTS 16
#define HELD 3000
#define ROUNDS 60000

static struct quota quota;
static struct handle_table table;
static struct handle_slot first_slots[FIRST_SLOTS];
static struct object objects[OBJECTS];

struct entry {
    handle_t handle; /* 0: none */
    struct object *object;
};
static struct entry entries[HELD];
static handle_t stale[HELD];

/* In place of object.c, which would need all that can be destroyed. */
void object_init(struct object *object, enum object_type type)
{
    *object = (struct object){.type = type, .refs = 1};
}

void object_destroy(struct object *object)
{
    fail_msg("an object of type %u was dropped too often", object->type);
}

static int begin(void **state)
{
    frames_begin(FRAMES, FRAMES);
    quota_init(&quota, NULL, FRAMES);
    handle_table_init(&table, &quota, first_slots, FIRST_SLOTS);
    memset(entries, 0, sizeof(entries));
    memset(stale, 0, sizeof(stale));
    for (int i = 0; i < OBJECTS; i++)
        object_init(&objects[i], i % 2 ? OBJECT_THREAD : OBJECT_PROCESS);
    return 0;
}

/* Destroys the table and sees that nothing is held any more. */
static int end(void **state)
{
    while (!handle_table_clear(&table))
        ;
    for (int i = 0; i < OBJECTS; i++)
        assert_int_equal(objects[i].refs, 1);
    assert_int_equal(quota.used, 0);
    assert_int_equal(frame_free(), FRAMES);
    frames_end();
    return 0;
}

static handle_t add(struct object *object)
{
    long value = handle_add(&table, object, RIGHTS_ALL);

    assert_true(value >= 65536);
    assert_true(value <= INT32_MAX);
    return (handle_t){(uint32_t)value};
}

static void a_handle_names_its_object(void **state)
{
    handle_t process = add(&objects[0]);
    handle_t thread = add(&objects[1]);

    assert_ptr_equal(handle_find(&table, process, OBJECT_PROCESS, 0), &objects[0]);
    assert_ptr_equal(handle_find(&table, process, OBJECT_ANY, 0), &objects[0]);
    assert_null(handle_find(&table, process, OBJECT_THREAD, 0));
    assert_ptr_equal(handle_find(&table, thread, OBJECT_THREAD, 0), &objects[1]);
    assert_int_equal(objects[0].refs, 2);
}

static void what_was_never_given_names_nothing(void **state)
{
    handle_t handle = add(&objects[0]);
    const uint32_t never[] = {
        0,
        1,
        65535,
        0x7fffffff,
        0x80000000,
        0xffffffff,
        handle.value ^ 0x80000000,
        handle.value + 1,
        handle.value + (1u << HANDLE_SLOT_BITS),
        handle.value - 1,
    };

    for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
        assert_null(handle_find(&table, (handle_t){never[i]}, OBJECT_ANY, 0));
        assert_null(handle_take(&table, (handle_t){never[i]}));
    }
}

static void a_closed_handle_is_stale(void **state)
{
    handle_t handle = add(&objects[0]);

    assert_ptr_equal(handle_take(&table, handle), &objects[0]);
    object_drop(&objects[0]);
    assert_null(handle_find(&table, handle, OBJECT_ANY, 0));
    assert_null(handle_take(&table, handle));
}

static handle_t add_with(struct object *object, uint32_t rights)
{
    long value = handle_add(&table, object, rights);

    assert_true(value >= 65536);
    return (handle_t){(uint32_t)value};
}

/* What a process's or thread's handle can have. */
#define RIGHTS_HAD (RIGHTS_ALL & ~(RIGHT_SEND | RIGHT_RECEIVE | RIGHT_MINT))

/* The next set of them. */
static uint32_t next_rights(uint32_t rights)
{
    return (rights | ~RIGHTS_HAD) + 1;
}

/* Every set of rights against every set asked for. */
static void a_handle_has_its_rights_and_no_others(void **state)
{
    for (uint32_t has = 0; has <= RIGHTS_HAD;
         has = (next_rights(has) & RIGHTS_HAD) ?: ~0u) {
        handle_t handle = add_with(&objects[0], has);
        assert_int_equal(handle_rights(handle_slot(&table, handle, 0)), has);
        for (uint32_t asked = 0; asked <= RIGHTS_ALL; asked++) {
            struct object *found;
            bool right = !(asked & ~has);
            long result = handle_look(&table, handle, OBJECT_PROCESS, asked, &found);
            assert_int_equal(result, right ? 0 : -EPERM);
            assert_ptr_equal(found, right ? &objects[0] : NULL);
            assert_int_equal(handle_look(&table, handle, OBJECT_THREAD, asked, &found),
                             -EBADF);
        }
        object_drop(handle_take(&table, handle));
    }
}

/* Each slot's rights are its own, also after its neighbours have been freed and used. */
static void rights_stay_with_their_handle(void **state)
{
    enum {
        COUNT = 2000
    };
    static handle_t handles[COUNT];

    for (uint32_t i = 0; i < COUNT; i++)
        handles[i] = add_with(&objects[0], i & RIGHTS_ALL);
    for (uint32_t i = 0; i < COUNT; i += 2)
        object_drop(handle_take(&table, handles[i]));
    for (uint32_t i = 0; i < COUNT; i += 2)
        handles[i] = add_with(&objects[1], ~i & RIGHTS_ALL);
    for (uint32_t i = 0; i < COUNT; i++) {
        uint32_t has = (i % 2 ? i : ~i) & RIGHTS_HAD;
        assert_int_equal(handle_rights(handle_slot(&table, handles[i], 0)), has);
        for (uint32_t bit = 1; bit <= RIGHTS_ALL; bit <<= 1)
            assert_int_equal(handle_slot(&table, handles[i], bit) != NULL,
                             (has & bit) != 0);
    }
}

static void a_free_slot_fits_nothing(void **state)
{
    handle_t handle = add_with(&objects[0], 0);
    struct object *found;
    uint32_t slot = handle.value & ((1u << HANDLE_SLOT_BITS) - 1);

    object_drop(handle_take(&table, handle));
    for (uint32_t generation = 0; generation < 1u << 14; generation++) {
        handle_t forged = {generation << HANDLE_SLOT_BITS | slot};
        assert_null(handle_slot(&table, forged, 0));
        assert_int_equal(handle_look(&table, forged, OBJECT_ANY, RIGHTS_ALL, &found),
                         -EBADF);
    }
}

/* One generation of a slot is good; of 16,384 values no other is. */
static void only_one_generation_fits(void **state)
{
    handle_t handle = add_with(&objects[0], RIGHTS_ALL);
    uint32_t slot = handle.value & ((1u << HANDLE_SLOT_BITS) - 1);

    for (uint32_t generation = 0; generation < 1u << 14; generation++) {
        handle_t forged = {generation << HANDLE_SLOT_BITS | slot};
        assert_int_equal(handle_slot(&table, forged, RIGHTS_HAD) != NULL,
                         forged.value == handle.value);
    }
}

static void rights_only_shrink(void **state)
{
    for (uint32_t has = 0; has <= RIGHTS_HAD;
         has = (next_rights(has) & RIGHTS_HAD) ?: ~0u) {
        handle_t handle = add_with(&objects[0], has);
        struct handle_slot *slot = handle_slot(&table, handle, 0);
        for (uint32_t asked = 0; asked <= RIGHTS_ALL; asked++)
            assert_int_equal(handle_narrow(slot, asked),
                             asked & ~has & RIGHTS_HAD ? -EPERM : (long)(asked & has));
        for (uint32_t bit = RIGHTS_ALL + 1; bit; bit <<= 1)
            assert_int_equal(handle_narrow(slot, bit | has),
                             (bit | has) == RIGHTS_SAME ? (long)has : -EINVAL);
        assert_int_equal(handle_narrow(slot, RIGHTS_SAME), has);
        assert_int_equal(handle_narrow(slot, 0xffffffff), -EINVAL);
        object_drop(handle_take(&table, handle));
    }
}

/* A slot's generations come round after 8191 uses, and each use must wait for all other
 * slots: no value may come back within that many closings. */
static void values_come_back_late(void **state)
{
    handle_t first = add(&objects[0]);

    object_drop(handle_take(&table, first));
    for (uint32_t i = 1; i < HANDLE_GENERATION_MAX * FIRST_SLOTS; i++) {
        handle_t next = add(&objects[0]);
        assert_int_not_equal(next.value, first.value);
        object_drop(handle_take(&table, next));
    }
}

static void the_table_grows_until_the_quota_ends(void **state)
{
    uint32_t count = 0;
    long value;

    while ((value = handle_add(&table, &objects[0], RIGHTS_ALL)) >= 0)
        count++;
    assert_int_equal(value, -ENOMEM);
    assert_int_equal(quota.used, FRAMES);
    assert_int_equal(table.used, count);
    assert_int_equal(count, FIRST_SLOTS + (FRAMES - 1) * HANDLE_SLOTS_PER_PAGE);
    assert_int_equal(objects[0].refs, count + 1);
}

static void a_quota_of_one_frame_leaves_nothing_half_made(void **state)
{
    quota.limit = 1;
    for (int i = 0; i < FIRST_SLOTS; i++)
        add(&objects[0]);
    assert_int_equal(handle_add(&table, &objects[0], RIGHTS_ALL), -ENOMEM);
    assert_int_equal(handle_add(&table, &objects[0], RIGHTS_ALL), -ENOMEM);
    quota.limit = 2;
    add(&objects[0]);
}

static void a_destroyed_table_takes_nothing(void **state)
{
    handle_t handle = add(&objects[0]);

    quota.limit = 0;
    while (!handle_table_clear(&table))
        ;
    assert_null(handle_find(&table, handle, OBJECT_ANY, 0));
    assert_int_equal(handle_add(&table, &objects[0], RIGHTS_ALL), -ENOMEM);
}

static void random_open(struct entry *entry)
{
    struct object *object = &objects[random_below(OBJECTS)];
    long value = handle_add(&table, object, RIGHTS_ALL);

    if (value < 0)
        return;
    for (uint32_t i = 0; i < HELD; i++)
        assert_int_not_equal(entries[i].handle.value, value);
    *entry = (struct entry){{(uint32_t)value}, object};
}

static void random_close(struct entry *entry, uint32_t index)
{
    assert_ptr_equal(handle_take(&table, entry->handle), entry->object);
    object_drop(entry->object);
    stale[index] = entry->handle;
    *entry = (struct entry){0};
}

static void random_use_agrees_with_a_model(void **state)
{
    uint32_t used = 0;

    random_begin();
    quota.limit = 6;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint32_t index = random_below(HELD);
        struct entry *entry = &entries[index];
        if (entry->handle.value) {
            random_close(entry, index);
            used--;
        } else {
            random_open(entry);
            used += entry->handle.value != 0;
        }
        assert_int_equal(table.used, used);
        index = random_below(HELD);
        assert_ptr_equal(handle_find(&table, entries[index].handle, OBJECT_ANY, 0),
                         entries[index].object);
        if (round < HANDLE_GENERATION_MAX)
            assert_null(handle_find(&table, stale[index], OBJECT_ANY, 0));
    }
}

/* --- Copies of tables --- */

static struct handle_table copy;
static struct handle_slot copy_slots[FIRST_SLOTS];

static long copy_table(void)
{
    uint32_t slot = 0;
    long result;

    handle_table_init(&copy, &quota, copy_slots, FIRST_SLOTS);
    while ((result = handle_table_copy(&copy, &table, &slot)) == AGAIN)
        ;
    return result;
}

static void clear_copy(void)
{
    while (!handle_table_clear(&copy))
        ;
}

static void a_copy_has_the_same_values_and_rights(void **state)
{
    random_begin();
    for (uint32_t round = 0; round < 2 * HELD; round++) {
        uint32_t index = random_below(HELD);
        if (entries[index].handle.value)
            random_close(&entries[index], index);
        else
            random_open(&entries[index]);
    }
    uint32_t used = quota.used;
    assert_int_equal(copy_table(), 0);
    assert_int_equal(quota.used, 2 * used);
    assert_int_equal(copy.used, table.used);
    for (uint32_t i = 0; i < HELD; i++) {
        assert_ptr_equal(handle_find(&copy, entries[i].handle, OBJECT_ANY, 0),
                         entries[i].object);
        assert_null(handle_find(&copy, stale[i], OBJECT_ANY, 0));
    }
    handle_t next = {(uint32_t)handle_add(&copy, &objects[0], RIGHTS_ALL)};
    assert_null(handle_find(&table, next, OBJECT_ANY, 0));
    clear_copy();
    assert_int_equal(quota.used, used);
}

static void a_copy_leaves_out_what_may_not_be_had_twice(void **state)
{
    static const uint32_t rights[] = {
        RIGHTS_ALL & ~RIGHT_DUPLICATE,
        RIGHTS_ALL & ~RIGHT_TRANSFER,
        RIGHT_DUPLICATE | RIGHT_TRANSFER,
        0,
    };

    for (int i = 0; i < 4; i++) {
        handle_t handle = {(uint32_t)handle_add(&table, &objects[0], rights[i])};
        assert_int_equal(copy_table(), 0);
        struct object *found = handle_find(&copy, handle, OBJECT_ANY, 0);
        assert_ptr_equal(found, i == 2 ? &objects[0] : NULL);
        if (found)
            assert_int_equal(handle_rights(handle_slot(&copy, handle, 0)), rights[i]);
        clear_copy();
        object_drop(handle_take(&table, handle));
    }
}

/* Nor does it ever come to mean something else in the copy. */
static void a_value_left_out_is_not_used_for_what_comes_next(void **state)
{
    handle_t kept = {(uint32_t)handle_add(&table, &objects[0], RIGHT_READ)};
    uint32_t index = kept.value & ((1u << HANDLE_SLOT_BITS) - 1);
    handle_t next;

    assert_int_equal(copy_table(), 0);
    do
        next.value = (uint32_t)handle_add(&copy, &objects[1], RIGHTS_ALL);
    while ((next.value & ((1u << HANDLE_SLOT_BITS) - 1)) != index);
    assert_null(handle_find(&copy, kept, OBJECT_ANY, 0));
    clear_copy();
    object_drop(handle_take(&table, kept));
}

static void a_copy_without_memory_can_be_cleared(void **state)
{
    for (uint32_t i = 0; i < 1200; i++)
        add(&objects[i % OBJECTS]);
    for (uint32_t room = 0; room < 4; room++) {
        quota.limit = quota.used + room;
        assert_int_equal(copy_table(), -ENOMEM);
        clear_copy();
        assert_int_equal(quota.used, quota.limit - room);
    }
    quota.limit = FRAMES;
    assert_int_equal(copy_table(), 0);
    clear_copy();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_handle_names_its_object, begin, end),
        cmocka_unit_test_setup_teardown(what_was_never_given_names_nothing, begin, end),
        cmocka_unit_test_setup_teardown(a_closed_handle_is_stale, begin, end),
        cmocka_unit_test_setup_teardown(values_come_back_late, begin, end),
        cmocka_unit_test_setup_teardown(a_handle_has_its_rights_and_no_others, begin,
                                        end),
        cmocka_unit_test_setup_teardown(rights_stay_with_their_handle, begin, end),
        cmocka_unit_test_setup_teardown(a_free_slot_fits_nothing, begin, end),
        cmocka_unit_test_setup_teardown(only_one_generation_fits, begin, end),
        cmocka_unit_test_setup_teardown(rights_only_shrink, begin, end),
        cmocka_unit_test_setup_teardown(the_table_grows_until_the_quota_ends, begin, end),
        cmocka_unit_test_setup_teardown(a_quota_of_one_frame_leaves_nothing_half_made,
                                        begin, end),
        cmocka_unit_test_setup_teardown(a_destroyed_table_takes_nothing, begin, end),
        cmocka_unit_test_setup_teardown(random_use_agrees_with_a_model, begin, end),
        cmocka_unit_test_setup_teardown(a_copy_has_the_same_values_and_rights, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_copy_leaves_out_what_may_not_be_had_twice,
                                        begin, end),
        cmocka_unit_test_setup_teardown(a_value_left_out_is_not_used_for_what_comes_next,
                                        begin, end),
        cmocka_unit_test_setup_teardown(a_copy_without_memory_can_be_cleared, begin, end),
    };
    return cmocka_run_group_tests_name("handle", tests, NULL, NULL);
}
