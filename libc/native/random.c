/* SPDX-License-Identifier: MIT */
/*
 * Random bytes, from the processor's generator or not at all, and the weaker seed that
 * every program gets.
 */
#include <limen/gate.h>

#include <string.h>

#include <limen/syscall.h>

#define CPUID_RDRAND (1u << 30)         /* leaf 1, ecx */
#define RDRAND_TRIES 10                 /* what Intel's manual advises */

/* Odd constants with bits in all places; multiplying by them spreads a number's low
 * bits. */
#define SPREAD_1 0x9e3779b97f4a7c15ull
#define SPREAD_2 0xbf58476d1ce4e5b9ull

bool limen_rdrand(uint32_t *word);      /* gate_stubs.S */

/* One word from RDRAND, which may be empty for a moment. */
static bool random_word(uint32_t *word)
{
    for (int i = 0; i < RDRAND_TRIES; i++)
        if (limen_rdrand(word))
            return true;
    return false;
}

bool limen_random(void *buffer, uint32_t size)
{
    struct processor_facts facts = limen_processor_facts();
    if (!(facts.features_ecx & CPUID_RDRAND))
        return false;

    uint8_t *bytes = buffer;
    for (uint32_t at = 0; at < size;) {
        uint32_t word;
        if (!random_word(&word))
            return false;
        for (int i = 0; i < 4 && at < size; i++, word >>= 8)
            bytes[at++] = (uint8_t)word;
    }
    return true;
}

void limen_seed(uint8_t bytes[SEED_BYTES])
{
    if (limen_random(bytes, SEED_BYTES))
        return;
    uint64_t now[2] = {0, 0};
    limen_clock_get(CLOCK_ID_MONOTONIC, &now[0]);
    limen_clock_get(CLOCK_ID_WALL, &now[1]);
    now[0] = (now[0] + 1) * SPREAD_1;
    now[1] = (now[1] ^ now[0] >> 32) * SPREAD_2;
    memcpy(bytes, now, SEED_BYTES);
}
