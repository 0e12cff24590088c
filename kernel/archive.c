/* SPDX-License-Identifier: MIT */
/* The boot archive: see archive.h. Every header is judged by its checksum before it is
 * used. */
#include "archive.h"

#include "memory.h"

#define BLOCK 512u

struct header {
    char name[100], mode[8], uid[8], gid[8], size[12], time[12], checksum[8], type,
        link[100];
    char magic[6], version[2], user[32], group[32], major[8], minor[8], prefix[155],
        pad[12];
};

static_assert(sizeof(struct header) == BLOCK, "a header is one block");

enum step {
    STEP_FILE,
    STEP_END,
    STEP_CUT,
    STEP_BAD,
};

/* An octal number that ends with a space or 0, or fills its field; UINT32_MAX if it is
 * none. */
static uint32_t octal(const char *text, uint32_t size)
{
    uint32_t value = 0;
    uint32_t i = 0;

    for (; i < size && text[i] >= '0' && text[i] <= '7'; i++) {
        if (value > UINT32_MAX >> 4)
            return UINT32_MAX;
        value = value * 8 + (uint32_t)(text[i] - '0');
    }
    return i > 0 && (i == size || text[i] == ' ' || !text[i]) ? value : UINT32_MAX;
}

/* The sum of a header's bytes, its checksum field taken as spaces. */
static uint32_t sum_of(const struct header *header)
{
    const unsigned char *bytes = (const unsigned char *)header;
    uint32_t sum = 0;

    for (uint32_t i = 0; i < BLOCK; i++)
        sum += bytes[i];
    for (uint32_t i = 0; i < sizeof(header->checksum); i++)
        sum += ' ' - (unsigned char)header->checksum[i];
    return sum;
}

static bool is_empty(const struct header *header)
{
    const char *bytes = (const char *)header;

    for (uint32_t i = 0; i < BLOCK; i++) {
        if (bytes[i])
            return false;
    }
    return true;
}

/* Reads the header at the offset; *size is that of its data. */
static enum step read_header(const struct archive *archive, uint32_t at,
                             struct header *header, uint32_t *size)
{
    if (at > archive->size || archive->size - at < BLOCK)
        return STEP_CUT;
    archive->read(archive->start + at, header, BLOCK);
    if (is_empty(header))
        return STEP_END;
    if (memcmp(header->magic, "ustar", 5) != 0 ||
        octal(header->checksum, sizeof(header->checksum)) != sum_of(header))
        return STEP_BAD;
    *size = octal(header->size, sizeof(header->size));
    if (*size == UINT32_MAX)
        return STEP_BAD;
    return *size <= archive->size - at - BLOCK ? STEP_FILE : STEP_CUT;
}

static uint32_t next_header(uint32_t at, uint32_t size)
{
    return at + BLOCK + (size + BLOCK - 1) / BLOCK * BLOCK;
}

const char *archive_check(const struct archive *archive)
{
    struct header header;
    uint32_t size;

    for (uint32_t at = 0;; at = next_header(at, size)) {
        switch (read_header(archive, at, &header, &size)) {
        case STEP_END:
            return NULL;
        case STEP_CUT:
            return "the boot archive is cut off";
        case STEP_BAD:
            return "the boot archive is no ustar archive, or damaged";
        case STEP_FILE:
            break;
        }
    }
}

static bool is_named(const struct header *header, const char *name)
{
    return (header->type == '0' || !header->type) && !header->prefix[0] &&
           strlen(name) < sizeof(header->name) &&
           strncmp(header->name, name, sizeof(header->name)) == 0;
}

bool archive_find(const struct archive *archive, const char *name, uint32_t *address,
                  uint32_t *size)
{
    struct header header;

    for (uint32_t at = 0; read_header(archive, at, &header, size) == STEP_FILE;
         at = next_header(at, *size)) {
        if (is_named(&header, name)) {
            *address = archive->start + at + BLOCK;
            return true;
        }
    }
    return false;
}
