/* SPDX-License-Identifier: MIT */
/*
 * The readers of what others wrote, on the host, where AddressSanitizer watches every
 * byte: ELF files, tar archives and command lines, right ones and thousands of damaged
 * ones. host.mk says where an ELF program of Limen (TEST_PROGRAM) and the boot archive
 * (TEST_ARCHIVE) are.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <limen/archive.h>
#include <limen/elf_file.h>
#include <limen/tap.h>

#include "../../user/init/init.h"

#define ROUNDS 20000
#define DAMAGE_MAX 8            /* bytes changed in one round */

static uint32_t seed = 12345;
static volatile uint8_t sink;           /* what was read, so that it is */

static uint32_t random_below(uint32_t limit)
{
    seed = seed * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)seed * limit >> 32);
}

struct file {
    uint8_t *bytes;
    uint32_t size;
};

/* A whole file, in a block of just its size, so that the sanitizer sees its end. */
static struct file read_file(const char *path)
{
    FILE *stream = fopen(path, "rb");
    struct file file = {0};
    if (!stream)
        return file;
    fseek(stream, 0, SEEK_END);
    file.size = (uint32_t)ftell(stream);
    rewind(stream);
    file.bytes = malloc(file.size);
    if (fread(file.bytes, 1, file.size, stream) != file.size)
        file.size = 0;
    fclose(stream);
    return file;
}

/* The file cut off at a random place and with some random bytes among its first
 * `area`. */
static struct file damaged(const struct file *file, uint32_t area)
{
    struct file copy = {.size = random_below(4) ? file->size : random_below(file->size)};
    copy.bytes = malloc(copy.size + !copy.size);
    memcpy(copy.bytes, file->bytes, copy.size);
    uint32_t changes = 1 + random_below(DAMAGE_MAX);
    while (changes-- && copy.size > 0) {
        uint32_t at = random_below(area < copy.size ? area : copy.size);
        copy.bytes[at] = random_below(2)
                             ? (uint8_t)random_below(256)
                             : (uint8_t)(copy.bytes[at] ^ 1u << random_below(8));
    }
    return copy;
}

/* --- ELF --- */

/* What loading relies on; reads every byte that would be copied. */
static bool is_sound(const struct elf_file *file)
{
    uint64_t last_page_end = USER_START;
    for (uint32_t i = 0; i < file->segment_count; i++) {
        const struct elf_segment *segment = &file->segment[i];
        uint64_t end = (uint64_t)segment->address + segment->memory_size;
        if ((segment->address & ~(PAGE_SIZE - 1u)) < last_page_end || end > USER_END
            || segment->file_size > segment->memory_size)
            return false;
        last_page_end = (end + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
        for (uint32_t at = 0; at < segment->file_size; at++)
            sink ^= file->bytes[segment->offset + at];
    }
    return file->segment_count > 0 && file->entry >= USER_START && file->entry < USER_END;
}

static void check_elf(const struct file *program)
{
    struct elf_file file;
    uint32_t distance;
    const char *problem = elf_open(&file, program->bytes, program->size);
    tap_ok(!problem && is_sound(&file), "a program is accepted");
    const char *name = elf_symbol(&file, file.entry, &distance);
    tap_ok(name && !strcmp(name, "_start") && distance == 0, "its entry is _start");

    unsigned int accepted = 0, unsound = 0;
    for (int i = 0; i < ROUNDS; i++) {
        struct file copy = damaged(program, i % 2 ? 512 : program->size);
        if (!elf_open(&file, copy.bytes, copy.size)) {
            accepted++;
            unsound += !is_sound(&file);
            elf_symbol(&file, file.entry, &distance);
        }
        free(copy.bytes);
    }
    tap_is(unsound, 0, "of %d damaged ones, %u accepted, none is unsound", ROUNDS,
           accepted);

    uint32_t section_headers;
    memcpy(&section_headers, program->bytes + 32, sizeof section_headers);
    for (int i = 0; i < ROUNDS; i++) {
        struct file copy = damaged(program, 52);
        uint32_t rest = program->size - section_headers;
        for (int j = 0; j < DAMAGE_MAX && copy.size == program->size; j++)
            copy.bytes[section_headers + random_below(rest)] = (uint8_t)random_below(256);
        if (!elf_open(&file, copy.bytes, copy.size))
            elf_symbol(&file, file.entry + random_below(4096), &distance);
        free(copy.bytes);
    }
    tap_ok(true, "damaged sections harm nobody");
}

/* --- Archives --- */

/* Walks through it and reads every byte of every member; the number of members. */
static unsigned int walk(const struct archive *archive)
{
    struct archive_member member;
    unsigned int count = 0;
    for (uint32_t offset = 0; archive_next(archive, &offset, &member); count++)
        for (uint32_t i = 0; i < member.size; i++)
            sink ^= member.bytes[i];
    return count;
}

static void check_archive(const struct file *file)
{
    struct archive archive = {file->bytes, file->size};
    struct archive_member member;
    unsigned int members = walk(&archive);
    tap_ok(members > 2, "the boot archive has %u files", members);
    tap_ok(archive_find(&archive, "init", &member) && member.size > 1000,
           "one of them is init");
    tap_ok(!archive_find(&archive, "", &member), "none has no name");

    /* The first member only, so that a round is quick. */
    uint32_t offset = 0;
    archive_next(&archive, &offset, &member);
    struct file first = {file->bytes, offset};
    for (int i = 0; i < ROUNDS; i++) {
        struct file copy = damaged(&first, 512);
        walk(&(struct archive){copy.bytes, copy.size});
        free(copy.bytes);
    }
    tap_ok(true, "%d damaged ones harm nobody", ROUNDS);
}

/* --- Command lines --- */

/* Whether a line splits into just these words. */
static void splits(const char *name, const char *line, const char *wanted)
{
    char *copy = strdup(line);
    char *words[WORDS_MAX + 1];
    const char *problem = NULL;
    char got[200] = "";
    int count = split_line(copy, words, &problem);
    for (int i = 0; i < count; i++) {
        strcat(got, words[i]);
        strcat(got, "|");
    }
    if (!tap_ok(!strcmp(count < 0 ? problem : got, wanted), "split: %s", name))
        tap_note("got <%s>", count < 0 ? problem : got);
    free(copy);
}

static void check_split(void)
{
    splits("nothing", "", "");
    splits("spaces", " \t\r\n ", "");
    splits("plain words", "one  two\tthree \n", "one|two|three|");
    splits("quotes", "'a b' \"c d\" e\\ f", "a b|c d|e f|");
    splits("backslashes", "'\\' \"\\\\ \\\" \\a\" \\'", "\\|\\ \" \\a|'|");
    splits("quotes within a word", "a'b'\"c\"d ''", "abcd||");
    splits("an open quote", "'open", "a quote is not closed");
    splits("an open double quote", "\"open\\\"", "a quote is not closed");
    splits("a backslash at the end", "end\\", "nothing follows the \\ at the end");

    static const char letters[] = "ab '\"\\\t\n";
    char *words[WORDS_MAX + 1];
    const char *problem;
    int too_many = 0;
    for (int i = 0; i < ROUNDS; i++) {
        uint32_t size = random_below(300);
        char *line = malloc(size + 1);
        for (uint32_t j = 0; j < size; j++)
            line[j] = letters[random_below(sizeof letters - 1)];
        line[size] = '\0';
        too_many += split_line(line, words, &problem) > WORDS_MAX;
        free(line);
    }
    tap_is(too_many, 0, "%d random lines have no more words than there is room", ROUNDS);
}

int main(void)
{
    struct file program = read_file(TEST_PROGRAM);
    struct file archive = read_file(TEST_ARCHIVE);
    if (!program.size || !archive.size)
        return 2;
    tap_plan(18);
    check_elf(&program);
    check_archive(&archive);
    check_split();
    free(program.bytes);
    free(archive.bytes);
    return tap_done();
}
