/* SPDX-License-Identifier: MIT */
/*
 * Reads the ustar format: headers of 512 bytes, each followed by its file's bytes in
 * whole blocks. Pure functions of the archive's bytes.
 */
#include <limen/archive.h>

#include <string.h>

#define BLOCK 512u
#define TYPE_FILE '0'
#define TYPE_FILE_OLD '\0'

struct header {
    char name[100];
    char mode[8], owner[8], group[8];
    char size[12];
    char time[12];
    char checksum[8];
    char type;
    char link[100];
    char magic[6];
    char version[2];
    char owner_name[32], group_name[32];
    char major[8], minor[8];
    char prefix[155];
    char padding[12];
};

_Static_assert(sizeof(struct header) == BLOCK, "a header is one block");

/* Digits to base eight up to a space, a 0 or the end; false: none, others, or too
 * many. */
static bool parse_octal(const char *text, uint32_t length, uint32_t *value)
{
    uint32_t at = 0;
    *value = 0;
    while (at < length && text[at] == ' ')
        at++;
    uint32_t first = at;
    for (; at < length && text[at] >= '0' && text[at] <= '7'; at++) {
        if (*value > UINT32_MAX >> 3)
            return false;
        *value = *value << 3 | (uint32_t)(text[at] - '0');
    }
    return at > first && (at == length || text[at] == ' ' || text[at] == '\0');
}

/* The sum of the header's bytes, its checksum field taken as spaces. */
static bool checksum_holds(const struct header *header)
{
    const uint8_t *bytes = (const uint8_t *)header;
    uint32_t sum = sizeof header->checksum * ' ';
    for (uint32_t i = 0; i < BLOCK; i++)
        sum += bytes[i];
    for (uint32_t i = 0; i < sizeof header->checksum; i++)
        sum -= (uint8_t)header->checksum[i];

    uint32_t wanted;
    return parse_octal(header->checksum, sizeof header->checksum, &wanted)
           && wanted == sum;
}

static void copy_name(const struct header *header, char name[ARCHIVE_NAME_MAX])
{
    uint32_t length = (uint32_t)strnlen(header->prefix, sizeof header->prefix);
    memcpy(name, header->prefix, length);
    if (length)
        name[length++] = '/';
    uint32_t rest = (uint32_t)strnlen(header->name, sizeof header->name);
    memcpy(name + length, header->name, rest);
    name[length + rest] = '\0';
}

bool archive_next(const struct archive *archive, uint32_t *offset,
                  struct archive_member *member)
{
    while (*offset <= archive->size && archive->size - *offset >= BLOCK) {
        struct header header;
        memcpy(&header, archive->bytes + *offset, BLOCK);
        uint32_t size;
        uint32_t room = archive->size - *offset - BLOCK;
        if (memcmp(header.magic, "ustar", 5) || !checksum_holds(&header)
            || !parse_octal(header.size, sizeof header.size, &size) || size > room)
            return false;

        const uint8_t *bytes = archive->bytes + *offset + BLOCK;
        uint32_t blocks = (size + BLOCK - 1) / BLOCK;
        *offset += BLOCK;
        *offset += blocks > room / BLOCK ? room : blocks * BLOCK;
        if (header.type != TYPE_FILE && header.type != TYPE_FILE_OLD)
            continue;
        copy_name(&header, member->name);
        member->bytes = bytes;
        member->size = size;
        return true;
    }
    return false;
}

bool archive_find(const struct archive *archive, const char *name,
                  struct archive_member *member)
{
    uint32_t offset = 0;
    while (archive_next(archive, &offset, member))
        if (!strcmp(member->name, name))
            return true;
    return false;
}
