/* SPDX-License-Identifier: MIT */
/*
 * The spawn library: what it refuses, that a damaged ELF file or archive is never more
 * than an error, quotas, gifts, and that a child leaves nothing behind.
 */
#include <elf.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "libc-child.h"

#include <limen/archive.h>
#include <limen/syscall.h>

#define SMALL_QUOTA 64
#define ROUNDS 20
#define MILLISECOND 1000000ull
#define HEADER_BYTES 256                /* of the file: its header and program headers */

static struct archive_member self;      /* this program's own file */

static uint32_t frames_free(void)
{
    struct system_info info = {0};
    limen_system_info(&info);
    return info.frames_free;
}

/* --- What is refused --- */

static void refuses(const char *what, const struct limen_spawn *how, int error)
{
    struct limen_child child;
    int got = limen_spawn(&child, how);
    if (!tap_ok(got == error && child.problem, "%s is refused: %s", what,
                got < 0 ? child.problem : "it was started"))
        tap_note("answer %d, wanted %d", got, error);
    if (got == 0)
        limen_child_close(&child);
}

static void check_refusals(void)
{
    static const uint8_t text[] = "#!/bin/sh\nexit 0\n";
    static char long_word[SPAWN_ARGUMENTS_MAX];
    char *long_argv[] = {long_word, NULL};
    memset(long_word, 'x', sizeof long_word - 1);

    refuses("a name that is not there", &(struct limen_spawn){.path = "nothing"},
            -ENOENT);
    refuses("a text file",
            &(struct limen_spawn){.image = text, .image_size = sizeof text}, -ENOEXEC);
    refuses("too long an argument", &(struct limen_spawn){.argv = long_argv}, -E2BIG);
    refuses("a huge stack", &(struct limen_spawn){.stack_size = 0x80000000}, -EINVAL);
    refuses("a quota larger than one's own", &(struct limen_spawn){.pages = 0x40000000},
            -ENOMEM);
    struct limen_gift bad = {
        .key = 0x4321, .handle = {0x12345678}, .rights = RIGHTS_SAME};
    struct limen_gift many[SPAWN_GIFTS_MAX + 1] = {{0, {0}, 0}};
    refuses("a gift of no handle", &(struct limen_spawn){.gifts = &bad, .gift_count = 1},
            -EBADF);
    refuses("too many gifts",
            &(struct limen_spawn){.gifts = many, .gift_count = SPAWN_GIFTS_MAX + 1},
            -E2BIG);
    refuses("a quota of one page", &(struct limen_spawn){.pages = 1}, -EINVAL);
    refuses("a quota too small for the program",
            &(struct limen_spawn){.pages = PROCESS_MIN_PAGES}, -ENOMEM);
}

/* --- Damaged files --- */

/* A copy of this program's file, to be damaged; null: no memory. */
static uint8_t *copy_self(void)
{
    uint8_t *copy = malloc(self.size);
    if (copy)
        memcpy(copy, self.bytes, self.size);
    return copy;
}

/* Whether everything that loading relies on holds for a file that was let through. */
static bool is_sound(const struct elf_file *file)
{
    uint64_t last_end = USER_START;
    for (uint32_t i = 0; i < file->segment_count; i++) {
        const struct elf_segment *segment = &file->segment[i];
        uint64_t first = segment->address & ~(PAGE_SIZE - 1u);
        uint64_t end = (uint64_t)segment->address + segment->memory_size;
        if (first < last_end || end > USER_END
            || segment->file_size > segment->memory_size
            || (uint64_t)segment->offset + segment->file_size > file->size)
            return false;
        last_end = (end + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
    }
    return file->segment_count > 0 && file->segment_count <= ELF_SEGMENTS_MAX;
}

/* Puts many values into every byte of the headers, and cuts the file everywhere in
 * them. */
static void check_damage(uint8_t *copy)
{
    static const uint8_t values[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
    struct elf_file file;
    unsigned int let_through = 0, unsound = 0;
    for (uint32_t at = 0; at < HEADER_BYTES; at++) {
        uint8_t before = copy[at];
        for (size_t i = 0; i < sizeof values; i++) {
            copy[at] = values[i];
            if (elf_open(&file, copy, self.size))
                continue;
            let_through++;
            unsound += !is_sound(&file);
        }
        copy[at] = before;
    }
    tap_is(unsound, 0, "a damaged header is refused or harmless");
    tap_note("%u of %zu are harmless", let_through, HEADER_BYTES * sizeof values);

    unsigned int wrong = 0;
    for (uint32_t size = 0; size < HEADER_BYTES; size++)
        wrong += elf_open(&file, copy, size) == NULL;
    tap_is(wrong, 0, "a file cut off in its headers is refused");
    tap_ok(elf_open(&file, copy, self.size / 2) != NULL, "and one cut in half");
    tap_ok(!elf_open(&file, copy, self.size) && is_sound(&file), "the whole one is not");
}

static void check_wrong_kinds(uint8_t *copy)
{
    Elf32_Ehdr *header = (Elf32_Ehdr *)copy;
    Elf32_Ehdr before = *header;
    struct limen_spawn how = {.image = copy, .image_size = self.size};
    header->e_machine = EM_X86_64;
    refuses("a program for another processor", &how, -ENOEXEC);
    *header = before;
    header->e_type = ET_DYN;
    refuses("a position-independent program", &how, -ENOEXEC);
    *header = before;
    header->e_entry = 0xc0000000;
    refuses("an entry point in the kernel", &how, -ENOEXEC);
    *header = before;
}

static void check_symbols(uint8_t *copy)
{
    struct elf_file file;
    uint32_t distance = 0;
    elf_open(&file, copy, self.size);
    const char *name = elf_symbol(&file, (uint32_t)&frames_free + 1, &distance);
    tap_ok(name && !strcmp(name, "frames_free") && distance == 1,
           "a function's name is found");
    tap_ok(!elf_symbol(&file, 0x1000, &distance), "none where there is no function");

    Elf32_Ehdr *header = (Elf32_Ehdr *)copy;
    header->e_shoff = self.size - 1;
    tap_ok(!elf_symbol(&file, (uint32_t)&frames_free, &distance),
           "none in sections outside the file");
}

static void check_archive(void)
{
    uint8_t block[1024] = {0};
    struct archive archive = {.bytes = block, .size = sizeof block};
    struct archive_member member;
    uint32_t offset = 0;
    tap_ok(!archive_next(&archive, &offset, &member), "an archive of zeroes is empty");
    memset(block, 0xff, sizeof block);
    tap_ok(!archive_next(&archive, &offset, &member), "one of ones is, too");

    struct archive whole;
    limen_archive(&whole);
    unsigned int members = 0, outside = 0;
    for (offset = 0; archive_next(&whole, &offset, &member); members++)
        outside += member.bytes < whole.bytes
                   || member.bytes + member.size > whole.bytes + whole.size;
    tap_ok(members > 2 && !outside, "the boot archive's %u files are in it", members);
    whole.size = (uint32_t)(self.bytes - whole.bytes) + self.size - 1;
    tap_ok(!archive_find(&whole, self.name, &member),
           "a file that is cut off is not found");
}

/* --- Children --- */

static void check_leftovers(void)
{
    run_role("return");
    uint32_t before = frames_free();
    for (int i = 0; i < ROUNDS; i++)
        run_role("return");
    tap_is(frames_free(), before, "%d children leave no memory behind", ROUNDS);
    for (int i = 0; i < ROUNDS; i++)
        run_role("fault");
    tap_is(frames_free(), before, "nor do %d that fault", ROUNDS);
}

static void check_kill(void)
{
    char *argv[] = {"child", "sleep", NULL};
    struct limen_spawn how = {.argv = argv, .flags = SPAWN_SILENT};
    struct limen_child child;
    struct process_end end;
    uint64_t deadline = 0;
    tap_is(limen_spawn(&child, &how), 0, "a child that sleeps for ever");
    limen_clock_get(CLOCK_ID_MONOTONIC, &deadline);
    deadline += 100 * MILLISECOND;
    tap_is(limen_child_wait(&child, &end, &deadline), -ETIMEDOUT,
           "does not end by itself");
    limen_child_kill(&child);
    tap_is(limen_child_wait(&child, &end, NULL), 0, "but can be killed");
    tap_is(limen_exit_status(&end), 137, "which shows as 137");
    limen_child_close(&child);
}

static void check_quota(void)
{
    char *argv[] = {"child", "quota", NULL};
    struct limen_spawn how = {
        .argv = argv, .pages = SMALL_QUOTA, .flags = SPAWN_NO_ARCHIVE};
    struct limen_child child;
    struct process_end end = {0};
    tap_is(limen_spawn(&child, &how), 0, "a child with %d pages", SMALL_QUOTA);
    limen_child_wait(&child, &end, NULL);
    limen_child_close(&child);
    tap_is(end.status, SMALL_QUOTA, "has that quota, and no archive");
}

static int play(const char *role)
{
    struct process_info info;
    if (!strcmp(role, "sleep"))
        pause();
    if (!strcmp(role, "fault"))
        __builtin_trap();
    if (!strcmp(role, "quota") && !getauxval(AT_LIMEN_ARCHIVE)
        && !limen_process_info(HANDLE_SELF, &info))
        return (int)info.pages_limit;
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return play(argv[1]);

    struct archive archive;
    tap_plan(33);
    limen_archive(&archive);
    tap_ok(archive_find(&archive, (char *)getauxval(AT_EXECFN), &self),
           "this program's file");
    check_refusals();
    uint8_t *copy = copy_self();
    tap_ok(copy != NULL, "a copy of it");
    check_damage(copy);
    check_wrong_kinds(copy);
    check_symbols(copy);
    check_archive();
    check_leftovers();
    check_kill();
    check_quota();
    return tap_done();
}
