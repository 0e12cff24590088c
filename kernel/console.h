/* SPDX-License-Identifier: MIT */
/* Console channels: bytes from devices wait in a ring until somebody reads them. */
#ifndef KERNEL_CONSOLE_H
#define KERNEL_CONSOLE_H

#include <limen/types.h>
#include <stdbool.h>
#include <stdint.h>

void console_init(void);

/* Reads at least one byte, at most `size` (> 0), into the caller's memory; blocks if
 * there is none yet. The number of bytes, or -EFAULT, with nothing lost. */
[[nodiscard]] long console_read(uint32_t channel, struct user_ptr buffer, uint32_t size);

/* Writes what the device takes, at least one byte of `size` (> 0); blocks while it takes
 * none. */
[[nodiscard]] long console_write(uint32_t channel, struct user_ptr buffer, uint32_t size);

/* The channel's device may have bytes; `room`: it takes output again. */
void console_interrupt(uint32_t channel, bool room);

#endif
