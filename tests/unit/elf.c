/* SPDX-License-Identifier: MIT */
/* Executables: good ones pass, and what passes keeps within its file and user memory. */
#include "elf.h"

#include <limen/layout.h>

#include "unit.h"

#define FILE_SIZE 20000u

static struct elf_header header;
static struct elf_segment segment;

static int begin(void **state)
{
    header = (struct elf_header){
        .ident = "\177ELF\1\1\1",
        .type = 2,
        .machine = 3,
        .version = 1,
        .entry = 0x08048000,
        .phoff = sizeof(header),
        .ehsize = sizeof(header),
        .phentsize = sizeof(segment),
        .phnum = 3,
    };
    segment = (struct elf_segment){
        .type = ELF_LOAD,
        .offset = 4096,
        .vaddr = 0x08048000,
        .filesz = 1000,
        .memsz = 5000,
    };
    return 0;
}

static void a_good_file_passes(void **state)
{
    assert_null(elf_check_header(&header, FILE_SIZE));
    assert_null(elf_check_segment(&segment, FILE_SIZE));
}

static void other_files_are_refused(void **state)
{
    for (int i = 0; i < 7; i++) {
        begin(state);
        header.ident[i] ^= 3;
        assert_non_null(elf_check_header(&header, FILE_SIZE));
    }
    begin(state);
    header.type = 3;            /* position-independent */
    assert_non_null(elf_check_header(&header, FILE_SIZE));
    begin(state);
    header.machine = 62;        /* x86-64 */
    assert_non_null(elf_check_header(&header, FILE_SIZE));
    begin(state);
    header.phentsize = 56;
    assert_non_null(elf_check_header(&header, FILE_SIZE));
    begin(state);
    header.phnum = 0;
    assert_non_null(elf_check_header(&header, FILE_SIZE));
}

static void short_files_are_refused(void **state)
{
    uint32_t needed = header.phoff + header.phnum * sizeof(segment);

    for (uint32_t size = 0; size < needed; size++)
        assert_non_null(elf_check_header(&header, size));
    assert_null(elf_check_header(&header, needed));
}

static void entries_outside_of_user_memory_are_refused(void **state)
{
    const uint32_t entries[] = {0, USER_START - 1, USER_END, KERNEL_BASE, UINT32_MAX};

    for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
        header.entry = entries[i];
        assert_non_null(elf_check_header(&header, FILE_SIZE));
    }
    header.entry = USER_START;
    assert_null(elf_check_header(&header, FILE_SIZE));
    header.entry = USER_END - 1;
    assert_null(elf_check_header(&header, FILE_SIZE));
}

static void a_segment_may_fill_user_memory(void **state)
{
    segment.vaddr = USER_START;
    segment.memsz = USER_END - USER_START;
    assert_null(elf_check_segment(&segment, FILE_SIZE));
    segment.memsz++;
    assert_non_null(elf_check_segment(&segment, FILE_SIZE));
}

static void whatever_passes_keeps_its_bounds(void **state)
{
    uint32_t passed = 0;

    random_begin();
    for (int round = 0; round < 1000000; round++) {
        begin(state);
        uint32_t *fields[] = {&segment.offset, &segment.vaddr, &segment.filesz,
                              &segment.memsz};
        for (uint32_t i = 0; i < 4; i++)
            if (random_below(3) == 0)
                *fields[i] = random_below(UINT32_MAX) >> random_below(32);
        if (elf_check_segment(&segment, FILE_SIZE))
            continue;
        passed++;
        uint64_t end = (uint64_t)segment.vaddr + segment.memsz;
        assert_true((uint64_t)segment.offset + segment.filesz <= FILE_SIZE);
        assert_true(segment.filesz <= segment.memsz);
        if (segment.memsz > 0)
            assert_true(segment.vaddr >= USER_START && end <= USER_END);
    }
    assert_true(passed > 1000);
}

static void any_program_header_table_lies_in_the_file(void **state)
{
    random_begin();
    for (int round = 0; round < 1000000; round++) {
        begin(state);
        header.phoff = random_below(UINT32_MAX) >> random_below(32);
        header.phnum = (uint16_t)random_below(65536);
        if (elf_check_header(&header, FILE_SIZE))
            continue;
        assert_true((uint64_t)header.phoff + header.phnum * sizeof(segment) <= FILE_SIZE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_good_file_passes, begin),
        cmocka_unit_test_setup(other_files_are_refused, begin),
        cmocka_unit_test_setup(short_files_are_refused, begin),
        cmocka_unit_test_setup(entries_outside_of_user_memory_are_refused, begin),
        cmocka_unit_test_setup(a_segment_may_fill_user_memory, begin),
        cmocka_unit_test_setup(whatever_passes_keeps_its_bounds, begin),
        cmocka_unit_test_setup(any_program_header_table_lies_in_the_file, begin),
    };
    return cmocka_run_group_tests_name("elf", tests, NULL, NULL);
}
