/* SPDX-License-Identifier: MIT */
/* Crosses by int 0x81, with a pattern in the registers that it keeps whatever is asked.
 */
#ifndef TESTS_INT81_H
#define TESTS_INT81_H

#include <stdbool.h>
#include <stdint.h>

/* What is asked, then what came back. */
struct int81 {
    uint32_t eax, ebx, ecx, edx;
};

/* False: esi, edi or ebp was not kept. */
static inline bool int81_cross(struct int81 *registers)
{
    uint32_t S = 0x51525354, D = 0x61626364;
    uint8_t kept = 0;
    __asm__ volatile("pushl %%ebp\n\t"
                     "movl $0x71727374, %%ebp\n\t"
                     "int $0x81\n\t"
                     "cmpl $0x71727374, %%ebp\n\t"
                     "popl %%ebp\n\t"
                     "sete %[kept]"
                     : "+a"(registers->eax), "+b"(registers->ebx), "+c"(registers->ecx),
                       "+d"(registers->edx), "+S"(S), "+D"(D), [kept] "+m"(kept)
                     :
                     : "memory", "cc");
    return kept && S == 0x51525354 && D == 0x61626364;
}

#endif
