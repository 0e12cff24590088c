/* SPDX-License-Identifier: MIT */
/*
 * The boot archive: a tar file in ustar format, mapped read-only. Its headers are judged
 * as if a stranger had written them: what does not add up ends the archive.
 */
#ifndef LIMEN_ARCHIVE_H
#define LIMEN_ARCHIVE_H

#include <stdbool.h>
#include <stdint.h>

#define ARCHIVE_NAME_MAX 256            /* prefix, '/', name and the final 0 */

struct archive {
    const uint8_t *bytes;               /* borrowed for as long as the archive is used */
    uint32_t size;
};

struct archive_member {
    char name[ARCHIVE_NAME_MAX];
    const uint8_t *bytes;               /* borrowed from the archive */
    uint32_t size;
};

/* Takes the next regular file at *offset (0 at first) and moves *offset past it; false:
 * there is none, or the archive is damaged from here on. */
bool archive_next(const struct archive *archive, uint32_t *offset,
                  struct archive_member *member);

/* Finds a regular file by name; false: there is none. */
bool archive_find(const struct archive *archive, const char *name,
                  struct archive_member *member);

/* Maps the archive whose handle start-up gave to this process, once; false: it has
 * none. */
bool limen_archive(struct archive *archive);

#endif
