/* SPDX-License-Identifier: MIT */
/*
 * The frame allocator against a model: no frame is handed out twice, every hold counts,
 * the numbers of free frames are right, low frames stay for those who need them.
 */
#include "frame.h"

#include <limen/layout.h>

#include "unit.h"

#define COUNT 200
#define LOW 80
#define ROUNDS 50000

static struct frame records[COUNT + 8];
static uint32_t holds[COUNT];

static int begin(void **state)
{
    frame_init(records, COUNT, LOW);
    memset(holds, 0, sizeof(holds));
    return 0;
}

static bool none(phys_t frame)
{
    return frame.address == PHYS_NONE.address;
}

static uint32_t index_of(phys_t frame)
{
    assert_int_equal(frame.address % PAGE_SIZE, 0);
    assert_true(frame.address / PAGE_SIZE < COUNT);
    return frame.address / PAGE_SIZE;
}

static phys_t frame_at(uint32_t index)
{
    return PHYS(index * PAGE_SIZE);
}

static uint32_t free_between(uint32_t first, uint32_t end)
{
    uint32_t count = 0;

    for (uint32_t i = first; i < end; i++)
        count += holds[i] == 0;
    return count;
}

static void random_take(void)
{
    enum frame_kind kind = random_below(2) ? FRAME_ANY : FRAME_LOW;
    uint32_t low = free_between(0, LOW);
    uint32_t high = free_between(LOW, COUNT);
    phys_t frame = frame_take(kind);

    if (none(frame)) {
        assert_int_equal(kind == FRAME_LOW ? low : low + high, 0);
        return;
    }
    uint32_t index = index_of(frame);
    assert_int_equal(holds[index], 0);
    assert_true(kind == FRAME_ANY || index < LOW);
    assert_true(kind == FRAME_LOW || index >= LOW || high == 0);
    holds[index] = 1;
}

static void random_holds_and_drops_count(void **state)
{
    random_begin();
    frame_add(0, COUNT);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint32_t index = random_below(COUNT);
        uint32_t choice = random_below(4);
        if (choice < 2) {
            random_take();
        } else if (holds[index] && choice == 2 && holds[index] < 5) {
            frame_hold(frame_at(index));
            holds[index]++;
        } else if (holds[index]) {
            frame_drop(frame_at(index));
            holds[index]--;
        }
        assert_int_equal(frame_free(), free_between(0, COUNT));
        assert_int_equal(frame_total(), COUNT);
    }
}

static void every_frame_can_be_taken_once(void **state)
{
    frame_add(0, COUNT);
    for (uint32_t i = 0; i < COUNT; i++) {
        uint32_t index = index_of(frame_take(FRAME_ANY));
        assert_int_equal(holds[index]++, 0);
    }
    assert_true(none(frame_take(FRAME_ANY)));
    assert_true(none(frame_take(FRAME_LOW)));
    assert_int_equal(frame_free(), 0);
}

static void low_requests_never_get_high_frames(void **state)
{
    frame_add(LOW, COUNT);
    assert_true(none(frame_take(FRAME_LOW)));
    assert_false(none(frame_take(FRAME_ANY)));
}

static void unmanaged_frames_are_left_alone(void **state)
{
    frame_add(10, 20);
    assert_int_equal(frame_total(), 10);
    frame_hold(frame_at(5));
    frame_drop(frame_at(5));
    frame_drop(frame_at(5));
    frame_hold(PHYS(0xfee00000));
    frame_drop(PHYS(0xfee00000));
    frame_drop(frame_at(COUNT));
    assert_int_equal(frame_free(), 10);
    for (int i = 0; i < 10; i++) {
        uint32_t index = index_of(frame_take(FRAME_ANY));
        assert_true(index >= 10 && index < 20);
    }
}

static void a_frame_is_its_address_in_any_part(void **state)
{
    frame_add(0, COUNT);
    phys_t frame = frame_take(FRAME_LOW);
    frame_hold(PHYS(frame.address + 0xabc));
    assert_int_equal(frame_record(frame)->refs, 2);
}

static void dropping_a_free_frame_is_a_kernel_bug(void **state)
{
    frame_add(0, COUNT);
    phys_t frame = frame_take(FRAME_ANY);
    frame_drop(frame);
    expect_panic(frame_drop(frame));
    expect_panic(frame_hold(frame));
}

static void adding_frames_twice_is_a_kernel_bug(void **state)
{
    frame_add(0, 10);
    expect_panic(frame_add(9, 12));
    expect_panic(frame_add(COUNT - 1, COUNT + 1));
    expect_panic(frame_add(30, 29));
}

static void unmanaged_frames_have_no_record(void **state)
{
    expect_panic(frame_record(frame_at(3)));
}

/* RAM [10, 50) and [90, 120), of which [20, 30) is nobody's to take. */
static void ram_is_told_from_the_rest(void **state)
{
    frame_note_ram(10, 50);
    frame_note_ram(90, 120);
    frame_add(10, 20);
    frame_add(30, 50);
    frame_add(90, 120);
    phys_t taken = frame_take(FRAME_ANY);
    for (uint32_t i = 0; i < COUNT + 8; i++) {
        bool ram = (i >= 10 && i < 50) || (i >= 90 && i < 120);
        assert_int_equal(frame_is_ram(frame_at(i)), ram);
        assert_int_equal(frame_any_ram(frame_at(i), PAGE_SIZE), ram);
    }
    frame_drop(taken);
    for (uint32_t first = 0; first < COUNT + 8; first++) {
        for (uint32_t end = first + 1; end < COUNT + 8; end++) {
            bool ram = (first < 50 && end > 10) || (first < 120 && end > 90);
            assert_int_equal(frame_any_ram(frame_at(first), (end - first) * PAGE_SIZE),
                             ram);
        }
    }
    assert_int_equal(frame_total(), 60);
}

static void there_is_no_ram_at_the_end_of_memory(void **state)
{
    frame_note_ram(0, COUNT);
    assert_false(frame_is_ram(PHYS(0xfffff000)));
    assert_false(frame_any_ram(PHYS(0xfffff000), PAGE_SIZE));
    assert_false(frame_any_ram(frame_at(COUNT), 0u - COUNT * PAGE_SIZE));
    assert_true(frame_any_ram(frame_at(COUNT - 1), PAGE_SIZE - COUNT * PAGE_SIZE));
    assert_true(frame_any_ram(frame_at(0), 0xfffff000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(ram_is_told_from_the_rest, begin),
        cmocka_unit_test_setup(there_is_no_ram_at_the_end_of_memory, begin),
        cmocka_unit_test_setup(random_holds_and_drops_count, begin),
        cmocka_unit_test_setup(every_frame_can_be_taken_once, begin),
        cmocka_unit_test_setup(low_requests_never_get_high_frames, begin),
        cmocka_unit_test_setup(unmanaged_frames_are_left_alone, begin),
        cmocka_unit_test_setup(a_frame_is_its_address_in_any_part, begin),
        cmocka_unit_test_setup(dropping_a_free_frame_is_a_kernel_bug, begin),
        cmocka_unit_test_setup(adding_frames_twice_is_a_kernel_bug, begin),
        cmocka_unit_test_setup(unmanaged_frames_have_no_record, begin),
    };
    return cmocka_run_group_tests_name("frame", tests, NULL, NULL);
}
