/* SPDX-License-Identifier: MIT */
/*
 * Page frames: which are free, and how often each one in use is held.
 *
 * Frames come in two kinds: low ones, which the kernel sees in its direct map and uses
 * for its own objects and page tables, and high ones above it, which only hold user
 * pages. User pages take high frames first. Every frame that is RAM has one record; all
 * others (holes, device memory, the kernel's image) are unmanaged: holding and dropping
 * them does nothing.
 */
#ifndef KERNEL_FRAME_H
#define KERNEL_FRAME_H

#include <stdbool.h>
#include <stdint.h>

/* A physical address. */
typedef struct {
    uint32_t address;
} phys_t;

#define PHYS(a) ((phys_t){(a)})
#define PHYS_NONE PHYS(0xffffffffu)

struct frame {
    uint32_t refs; /* 0: free */
    uint32_t link; /* free: index of the next free frame; page table: entries in use;
                      unmanaged: whether it is RAM */
};

enum frame_kind {
    FRAME_LOW,
    FRAME_ANY,
};

/* Begins with no frame managed. `frames` has room for indices [0, count); those below
 * low_count are low. */
void frame_init(struct frame *frames, uint32_t count, uint32_t low_count);

/* Makes the frames with indices [first, end) free. They must be unmanaged. */
void frame_add(uint32_t first, uint32_t end);

/* Notes that the frames with indices [first, end) are RAM, though they may stay
 * unmanaged: the kernel's image and tables. Comes before frame_add. */
void frame_note_ram(uint32_t first, uint32_t end);

/* Whether the frame is RAM; all else is devices' and the BIOS's. */
bool frame_is_ram(phys_t frame);

/* Whether any of [base, base + size), in whole pages and not empty, is RAM. */
bool frame_any_ram(phys_t base, uint32_t size);

/* Takes a frame, held once; PHYS_NONE if there is none. Its content is undefined. */
[[nodiscard]] phys_t frame_take(enum frame_kind kind);

void frame_hold(phys_t frame);

/* Gives up one hold; the last one frees the frame. */
void frame_drop(phys_t frame);

/* Whether it is held more than once. */
bool frame_shared(phys_t frame);

/* The record of a managed frame. */
struct frame *frame_record(phys_t frame);

uint32_t frame_total(void);
uint32_t frame_free(void);

#endif
