/* SPDX-License-Identifier: MIT */
/*
 * Fake physical memory for what reads it: one block of bytes at an address of the test's
 * choice. Everything else reads as 0xff, as on a PC.
 */
#ifndef TESTS_UNIT_PHYSICAL_H
#define TESTS_UNIT_PHYSICAL_H

#include <stdint.h>
#include <string.h>

static struct {
    uint32_t start, size;
    const uint8_t *bytes;
} physical;

static inline void physical_read(uint32_t address, void *to, uint32_t size)
{
    uint8_t *out = to;

    for (uint32_t i = 0; i < size; i++) {
        uint32_t offset = address + i - physical.start;
        out[i] = offset < physical.size ? physical.bytes[offset] : 0xff;
    }
}

#endif
