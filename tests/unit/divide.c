/* SPDX-License-Identifier: MIT */
/* The compiler's 64-bit divisions against the processor's. */
#include "unit.h"

#define ROUNDS 200000

uint64_t __udivmoddi4(uint64_t dividend, uint64_t divisor, uint64_t *rest);
uint64_t __udivdi3(uint64_t dividend, uint64_t divisor);
uint64_t __umoddi3(uint64_t dividend, uint64_t divisor);

static void check(uint64_t dividend, uint64_t divisor)
{
    uint64_t rest = 0;

    assert_int_equal(__udivdi3(dividend, divisor), dividend / divisor);
    assert_int_equal(__umoddi3(dividend, divisor), dividend % divisor);
    assert_int_equal(__udivmoddi4(dividend, divisor, &rest), dividend / divisor);
    assert_int_equal(rest, dividend % divisor);
}

static void test_edges(void **state)
{
    static const uint64_t values[] = {
        0, 1, 2, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 0x100000001,
        0x1fffffffe, 0x7fffffffffffffff, 0x8000000000000000, 0xffffffff00000000,
        0xfffffffffffffffe, 0xffffffffffffffff,
    };

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        for (size_t j = 1; j < sizeof(values) / sizeof(values[0]); j++)
            check(values[i], values[j]);
    }
}

/* Of any length. */
static uint64_t random_number(void)
{
    uint64_t number = 0;

    for (int i = 0; i < 4; i++)
        number = number << 16 | random_below(0x10000);
    return number >> random_below(64);
}

static void test_random(void **state)
{
    random_begin();
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t divisor = random_number();
        if (divisor != 0)
            check(random_number(), divisor);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
