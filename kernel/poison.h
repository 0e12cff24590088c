/* SPDX-License-Identifier: MIT */
/*
 * In the build SANITIZE=1: what is free is filled with a pattern, which must still be
 * there when it is taken again. As a pointer the pattern leads to where nothing is
 * mapped. In every other build these do nothing.
 */
#ifndef KERNEL_POISON_H
#define KERNEL_POISON_H

#include "frame.h"

#ifdef LIMEN_POISON
void poison_fill(void *memory, uint32_t size);
void poison_check(const void *memory, uint32_t size);
void poison_frame(phys_t frame);
void poison_check_frame(phys_t frame);
#else
static inline void poison_fill(void *memory, uint32_t size)
{
}

static inline void poison_check(const void *memory, uint32_t size)
{
}

static inline void poison_frame(phys_t frame)
{
}

static inline void poison_check_frame(phys_t frame)
{
}
#endif

#endif
