/* SPDX-License-Identifier: MIT */
/*
 * The boot archive: files are found where they are, and a spoilt or cut archive is
 * refused, or never leads outside of itself.
 */
#include "archive.h"

#include <stdlib.h>

#include "physical.h"
#include "unit.h"

#define BASE 0x300000u
#define BLOCK 512u
#define SIZE_MAX_TEST (64 * BLOCK)

static uint8_t bytes[SIZE_MAX_TEST];
static uint32_t used;
static struct archive archive;

static void write_octal(uint8_t *to, uint32_t digits, uint32_t value)
{
    char text[16];

    snprintf(text, sizeof(text), "%0*o", (int)digits, value);
    memcpy(to, text, digits);
}

static void write_checksum(uint8_t *header)
{
    uint32_t sum = 0;

    memset(header + 148, ' ', 8);
    for (uint32_t i = 0; i < BLOCK; i++)
        sum += header[i];
    write_octal(header + 148, 6, sum);
    header[154] = '\0';
}

/* Appends a member; answers its header. */
static uint8_t *add(const char *name, char type, uint32_t size)
{
    uint8_t *header = bytes + used;

    memset(header, 0, BLOCK);
    memcpy(header, name, strlen(name));
    write_octal(header + 124, 11, size);
    header[156] = (uint8_t)type;
    memcpy(header + 257, "ustar\00000", 8);
    write_checksum(header);
    for (uint32_t i = 0; i < size; i++)
        header[BLOCK + i] = (uint8_t)(i * 7);
    used += BLOCK + (size + BLOCK - 1) / BLOCK * BLOCK;
    archive.size = used + 2 * BLOCK;
    return header;
}

static int begin(void **state)
{
    memset(bytes, 0, sizeof(bytes));
    used = 0;
    physical.start = BASE;
    physical.size = sizeof(bytes);
    physical.bytes = bytes;
    archive = (struct archive){.read = physical_read, .start = BASE};
    add("init", '0', 700);
    add("programs/", '5', 0);
    add("programs/hello", '0', 512);
    add("empty", '\0', 0);
    return 0;
}

static void expect_file(const char *name, uint32_t offset, uint32_t expected)
{
    uint32_t address, size;

    assert_true(archive_find(&archive, name, &address, &size));
    assert_int_equal(address, BASE + offset);
    assert_int_equal(size, expected);
}

static bool there(const char *name)
{
    uint32_t address, size;

    return archive_find(&archive, name, &address, &size);
}

static void files_are_found(void **state)
{
    assert_null(archive_check(&archive));
    expect_file("init", BLOCK, 700);
    expect_file("programs/hello", 5 * BLOCK, 512);
    expect_file("empty", 7 * BLOCK, 0);
}

static void only_whole_names_of_files_are_found(void **state)
{
    assert_false(there("ini"));
    assert_false(there("init2"));
    assert_false(there(""));
    assert_false(there("programs/"));
    assert_false(there("hello"));
}

static void a_prefix_is_part_of_the_name(void **state)
{
    uint8_t *header = add("deep", '0', 1);

    memcpy(header + 345, "some/where", 10);
    write_checksum(header);
    assert_null(archive_check(&archive));
    assert_false(there("deep"));
}

static void an_archive_cut_anywhere_is_refused(void **state)
{
    for (uint32_t size = 0; size < used + BLOCK; size++) {
        archive.size = size;
        if (!archive_check(&archive))
            fail_msg("%u bytes of %u", size, used);
    }
}

static void an_archive_at_the_end_of_memory_is_cut(void **state)
{
    archive.start = UINT32_MAX - archive.size + 1;
    assert_non_null(archive_check(&archive));
}

static void other_bytes_are_no_archive(void **state)
{
    uint8_t saved[BLOCK];

    memcpy(saved, bytes, BLOCK);
    for (uint32_t i = 0; i < BLOCK; i++) {
        if (i == 155)
            continue;           /* behind the end of the checksum's digits */
        bytes[i] ^= 0x01;
        if (!archive_check(&archive))
            fail_msg("byte %u changed unseen", i);
        memcpy(bytes, saved, BLOCK);
    }
}

static void sizes_that_are_no_numbers_are_refused(void **state)
{
    static const char *const texts[] = {
        "99999999999", "           ", "-0000000001", "0x000000001", "77777777777",
        "40000000000", "\x80\0\0\0\0\0\0\0\0\0\1", "0000000001x",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        memcpy(bytes + 124, texts[i], 11);
        write_checksum(bytes);
        if (!archive_check(&archive))
            fail_msg("%s", texts[i]);
    }
}

/* A header with any size and a right checksum: found only if it lies inside. */
static void no_size_leads_outside(void **state)
{
    random_begin();
    for (int round = 0; round < 20000; round++) {
        uint32_t claimed = random_below(UINT32_MAX) >> random_below(32);
        begin(state);
        write_octal(bytes + 124, 11, claimed);
        write_checksum(bytes);
        const char *wrong = archive_check(&archive);
        uint32_t address, size;
        if (!archive_find(&archive, "init", &address, &size))
            continue;
        assert_true(size <= archive.size - BLOCK);
        if (claimed > archive.size)
            assert_non_null(wrong);
    }
}

static void spoilt_archives_never_lead_outside(void **state)
{
    static const char *const names[] = {"init", "programs/hello", "empty"};

    random_begin();
    for (int round = 0; round < 30000; round++) {
        begin(state);
        uint32_t at = random_below(used / BLOCK) * BLOCK;
        for (uint32_t i = random_below(8); i-- > 0;)
            bytes[at + random_below(BLOCK)] ^= (uint8_t)(1u << random_below(8));
        if (random_below(2))
            write_checksum(bytes + at);
        archive_check(&archive);
        for (size_t i = 0; i < 3; i++) {
            uint32_t address, size;
            if (!archive_find(&archive, names[i], &address, &size))
                continue;
            assert_true(address >= BASE && address - BASE <= archive.size);
            assert_true(size <= archive.size - (address - BASE));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(files_are_found, begin),
        cmocka_unit_test_setup(only_whole_names_of_files_are_found, begin),
        cmocka_unit_test_setup(a_prefix_is_part_of_the_name, begin),
        cmocka_unit_test_setup(an_archive_cut_anywhere_is_refused, begin),
        cmocka_unit_test_setup(an_archive_at_the_end_of_memory_is_cut, begin),
        cmocka_unit_test_setup(other_bytes_are_no_archive, begin),
        cmocka_unit_test_setup(sizes_that_are_no_numbers_are_refused, begin),
        cmocka_unit_test_setup(no_size_leads_outside, begin),
        cmocka_unit_test_setup(spoilt_archives_never_lead_outside, begin),
    };
    return cmocka_run_group_tests_name("archive", tests, NULL, NULL);
}
