/* SPDX-License-Identifier: MIT */
/*
 * What the compiler calls to divide 64-bit numbers. Its own library does not know that
 * the kernel's functions take their first three words in registers (-mregparm=3).
 */
#include <stdint.h>

uint64_t __udivmoddi4(uint64_t dividend, uint64_t divisor, uint64_t *rest);
uint64_t __udivdi3(uint64_t dividend, uint64_t divisor);
uint64_t __umoddi3(uint64_t dividend, uint64_t divisor);

/* One digit of a long division: high:low / divisor, where high < divisor. */
static uint32_t divide_digit(uint32_t *high, uint32_t low, uint32_t divisor)
{
    uint32_t quotient;

    __asm__("divl %3" : "=a"(quotient), "+d"(*high) : "0"(low), "rm"(divisor) : "cc");
    return quotient;
}

static uint64_t divide_by_word(uint64_t dividend, uint32_t divisor, uint64_t *rest)
{
    uint32_t left = 0;
    uint32_t high = divide_digit(&left, (uint32_t)(dividend >> 32), divisor);
    uint32_t low = divide_digit(&left, (uint32_t)dividend, divisor);

    *rest = left;
    return (uint64_t)high << 32 | low;
}

uint64_t __udivmoddi4(uint64_t dividend, uint64_t divisor, uint64_t *rest)
{
    uint32_t quotient = 0;

    if (divisor >> 32 == 0)
        return divide_by_word(dividend, (uint32_t)divisor, rest);
    for (uint32_t bit = 32; bit-- > 0;) {
        if (dividend >> bit < divisor)
            continue;
        dividend -= divisor << bit;
        quotient |= 1u << bit;
    }
    *rest = dividend;
    return quotient;
}

uint64_t __udivdi3(uint64_t dividend, uint64_t divisor)
{
    uint64_t rest;

    return __udivmoddi4(dividend, divisor, &rest);
}

uint64_t __umoddi3(uint64_t dividend, uint64_t divisor)
{
    uint64_t rest;

    (void)__udivmoddi4(dividend, divisor, &rest);
    return rest;
}
