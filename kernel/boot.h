/* SPDX-License-Identifier: MIT */
/* What start-up hands from one step to the next. */
#ifndef KERNEL_BOOT_H
#define KERNEL_BOOT_H

#include "archive.h"
#include "multiboot.h"

/* Finds room for page tables and frame records, and makes all other memory available. */
void boot_memory_init(const struct multiboot *boot);

/* Makes init out of the archive's file `init`, with all authority and all memory, and
 * starts it. */
void boot_start_init(const struct multiboot *boot, const struct archive *archive);

#endif
