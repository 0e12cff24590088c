/* SPDX-License-Identifier: MIT */
/* The boot archive: POSIX ustar (IEEE Std 1003.1, pax), read where it lies in physical
 * memory. */
#ifndef KERNEL_ARCHIVE_H
#define KERNEL_ARCHIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "multiboot.h"

struct archive {
    phys_reader *read;
    uint32_t start, size;
};

/* Walks the whole archive; NULL, or what is wrong with it. */
const char *archive_check(const struct archive *archive);

/* Finds a regular file; its physical address and size. False: there is none of that name.
 */
bool archive_find(const struct archive *archive, const char *name, uint32_t *address,
                  uint32_t *size);

#endif
