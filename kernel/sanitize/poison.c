/* SPDX-License-Identifier: MIT */
/* The pattern in what is free: see kernel/poison.h. */
#include "poison.h"

#include <limen/layout.h>

#include "arch.h"
#include "assert.h"
#include "memory.h"

#define PATTERN 0xfd
#define PATTERN_WORD 0xfdfdfdfdu
#define PIECE_WORDS 64u
#define FRAMES (1u << (32 - PAGE_SHIFT))

/* A bit for each frame that was freed: what never was in use holds what the boot loader
 * left there. */
static uint32_t freed[FRAMES / 32];

void poison_fill(void *memory, uint32_t size)
{
    memset(memory, PATTERN, size);
}

void poison_check(const void *memory, uint32_t size)
{
    const unsigned char *bytes = memory;

    for (uint32_t i = 0; i < size; i++) {
        if (bytes[i] != PATTERN)
            panic("written to while it was free: %08x, byte %u of %u is %02x",
                  (uint32_t)memory, i, size, bytes[i]);
    }
}

void poison_frame(phys_t frame)
{
    uint32_t index = frame.address >> PAGE_SHIFT;
    uint32_t piece[PIECE_WORDS];

    freed[index / 32] |= 1u << index % 32;
    poison_fill(piece, sizeof(piece));
    for (uint32_t at = 0; at < PAGE_SIZE; at += sizeof(piece))
        arch_page_write(frame, at, piece, sizeof(piece));
}

void poison_check_frame(phys_t frame)
{
    uint32_t index = frame.address >> PAGE_SHIFT;
    uint32_t piece[PIECE_WORDS];

    if (!(freed[index / 32] & 1u << index % 32))
        return;
    for (uint32_t at = 0; at < PAGE_SIZE; at += sizeof(piece)) {
        arch_page_read(frame, at, piece, sizeof(piece));
        for (uint32_t i = 0; i < PIECE_WORDS; i++) {
            if (piece[i] != PATTERN_WORD)
                panic("frame %08x was written to while it was free: %08x at %u",
                      frame.address, piece[i], at + i * 4);
        }
    }
}
