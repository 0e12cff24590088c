/* SPDX-License-Identifier: MIT */
/*
 * The range check of user pointers against arithmetic that cannot overflow: no range that
 * touches the kernel passes, every other one does.
 */
#include <limen/abi.h>

#include "unit.h"
#include "user_copy.h"

static const uint32_t edges[] = {
    0,           1,           2,          USER_START - 1,  USER_START, USER_END - 1,
    USER_END,    KERNEL_BASE - 4096, KERNEL_BASE - 2, KERNEL_BASE - 1, KERNEL_BASE,
    KERNEL_BASE + 1, 0x7fffffff, 0x80000000, 0xfffff000, 0xfffffffe, 0xffffffff,
};

#define EDGES (sizeof(edges) / sizeof(edges[0]))

static void expect_right(uint32_t address, uint32_t size)
{
    bool below = (uint64_t)address + size <= KERNEL_BASE;

    if (user_range_ok((struct user_ptr){address}, size) != below)
        fail_msg("%#x + %#x", address, size);
}

static void every_edge_with_every_size(void **state)
{
    for (size_t i = 0; i < EDGES; i++)
        for (size_t j = 0; j < EDGES; j++)
            expect_right(edges[i], edges[j]);
}

static void random_ranges(void **state)
{
    random_begin();
    for (int round = 0; round < 1000000; round++) {
        uint32_t address = random_below(UINT32_MAX);
        uint32_t size = random_below(UINT32_MAX) >> random_below(32);
        expect_right(address, size);
        expect_right(KERNEL_BASE - size + random_below(3) - 1, size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_edge_with_every_size),
        cmocka_unit_test(random_ranges),
    };
    return cmocka_run_group_tests_name("user_range", tests, NULL, NULL);
}
