/* SPDX-License-Identifier: MIT */
/*
 * The boot loader's information: what is refused and why, which memory comes out of a
 * map, and that no information, however broken, leads to an answer that breaks the rules.
 */
#include "multiboot.h"

#include <stdlib.h>

#include "assert.h"
#include "physical.h"
#include "unit.h"

#define MAGIC 0x2badb002u
#define BASE 0x9000u            /* where the information stands */
#define MIB 0x100000u
#define KERNEL_START MIB
#define KERNEL_END (2 * MIB)
#define ENTRIES_MAX 8

struct entry {
    uint32_t size;
    uint64_t base, length;
    uint32_t type;
} __attribute__((packed));

/* All that a loader tells, in the order in which it stands in memory. */
struct told {
    uint32_t flags, lower, upper, device, command, module_count, modules, symbols[4];
    uint32_t map_length, map;
    uint32_t module_start, module_end, module_command, reserved;
    struct entry entries[ENTRIES_MAX];
    char text[2 * BOOT_COMMAND_MAX];
} __attribute__((packed));

static struct told told;
static struct multiboot boot;

static void set_entry(uint32_t index, uint64_t base, uint64_t length, uint32_t type)
{
    told.entries[index] = (struct entry){sizeof(struct entry) - 4, base, length, type};
}

static void set_map(uint32_t entries)
{
    told.map_length = entries * sizeof(struct entry);
}

/* What an honest loader tells on a machine with 64 MiB. */
static int begin(void **state)
{
    told = (struct told){
        .flags = 1u << 2 | 1u << 3 | 1u << 6,
        .command = BASE + offsetof(struct told, text),
        .module_count = 1,
        .modules = BASE + offsetof(struct told, module_start),
        .map = BASE + offsetof(struct told, entries),
        .module_start = 3 * MIB,
        .module_end = 3 * MIB + 5000,
        .text = "kernel gate=auto -- test",
    };
    set_entry(0, 0, 0x9fc00, 1);
    set_entry(1, 0x9fc00, 0x400, 2);
    set_entry(2, 0xf0000, 0x10000, 2);
    set_entry(3, MIB, 63 * MIB, 1);
    set_entry(4, 0xfffc0000, 0x40000, 2);
    set_map(5);
    physical.start = BASE;
    physical.size = sizeof(told);
    physical.bytes = (const uint8_t *)&told;
    return 0;
}

static const char *parse(void)
{
    return multiboot_parse(&boot, physical_read, MAGIC, BASE, KERNEL_START, KERNEL_END);
}

static void expect_refusal(const char *word)
{
    const char *wrong = parse();

    if (!wrong || !strstr(wrong, word))
        fail_msg("expected `%s`, got: %s", word, wrong ? wrong : "no refusal");
}

static void an_honest_loader_is_believed(void **state)
{
    assert_null(parse());
    assert_string_equal(boot.command, "kernel gate=auto -- test");
    assert_int_equal(boot.module_start, 3 * MIB);
    assert_int_equal(boot.module_end, 3 * MIB + 5000);
}

static void another_loader_is_refused(void **state)
{
    const uint32_t others[] = {0, 0x1badb002, 0x36d76289, UINT32_MAX};

    for (size_t i = 0; i < array_count(others); i++)
        assert_non_null(multiboot_parse(&boot, physical_read, others[i], BASE,
                                        KERNEL_START, KERNEL_END));
}

static void a_missing_map_is_refused(void **state)
{
    told.flags &= ~(1u << 6);
    expect_refusal("memory map");
    begin(state);
    set_map(0);
    expect_refusal("memory map");
}

static void a_broken_map_is_refused(void **state)
{
    for (uint32_t cut = 1; cut < sizeof(struct entry); cut++) {
        begin(state);
        told.map_length -= cut;
        expect_refusal("cut off");
    }
    const uint32_t sizes[] = {0, 1, 19, 0x7fffffff, 0x80000000, 0xfffffffc, 0xffffffff};
    for (size_t i = 0; i < array_count(sizes); i++) {
        begin(state);
        told.entries[1].size = sizes[i];
        expect_refusal("cut off");
    }
    begin(state);
    told.map_length = UINT32_MAX - BASE;
    expect_refusal("cut off");
    begin(state);
    told.map = 0xfffffff0;
    expect_refusal("cut off");
}

static void overlapping_and_unsorted_regions_are_refused(void **state)
{
    set_entry(1, 0x9fbff, 0x401, 2);
    expect_refusal("overlap");
    begin(state);
    set_entry(4, 63 * MIB, 2 * MIB, 1);
    expect_refusal("overlap");
    begin(state);
    struct entry entry = told.entries[0];
    told.entries[0] = told.entries[3];
    told.entries[3] = entry;
    expect_refusal("order");
    begin(state);
    set_entry(4, UINT64_MAX - 10, 12, 2);
    expect_refusal("wraps");
}

static void entries_may_be_longer_than_we_know(void **state)
{
    set_map(2);
    set_entry(0, MIB, 63 * MIB, 1);
    told.entries[0].size += sizeof(struct entry);
    assert_null(parse());
}

static void bad_modules_are_refused(void **state)
{
    const struct {
        uint32_t start, end;
    } rows[] = {
        {3 * MIB, 3 * MIB},                     /* empty */
        {3 * MIB, 3 * MIB - 1},                 /* backwards */
        {3 * MIB + 1, 4 * MIB},                 /* not on a page */
        {KERNEL_START, KERNEL_START + 1},       /* the kernel's first byte */
        {KERNEL_END - 4096, KERNEL_END + 4096}, /* its end */
        {MIB - 4096, MIB + 1},                  /* into it from below */
        {0x90000, 3 * MIB},                     /* around it */
        {63 * MIB, 64 * MIB + 1},               /* out of memory */
        {64 * MIB, 65 * MIB},
        {0xf0000, 0xf1000},                     /* reserved */
        {0xfffff000, 0xffffffff},
    };

    for (size_t i = 0; i < array_count(rows); i++) {
        begin(state);
        told.module_start = rows[i].start;
        told.module_end = rows[i].end;
        if (!parse())
            fail_msg("row %zu", i);
    }
}

static void modules_that_touch_the_kernel_are_no_harm(void **state)
{
    told.module_start = KERNEL_END;
    told.module_end = 64 * MIB;
    assert_null(parse());
    told.module_start = 0x1000;
    told.module_end = 0x9f000;
    assert_null(parse());
}

static void there_must_be_one_module(void **state)
{
    told.module_count = 0;
    expect_refusal("module");
    told.module_count = 2;
    expect_refusal("module");
    told.module_count = UINT32_MAX;
    expect_refusal("module");
    told.module_count = 1;
    told.flags &= ~(1u << 3);
    expect_refusal("module");
}

static void the_command_line_may_fill_its_field(void **state)
{
    memset(told.text, 'x', sizeof(told.text));
    told.text[BOOT_COMMAND_MAX - 1] = '\0';
    assert_null(parse());
    assert_int_equal(strlen(boot.command), BOOT_COMMAND_MAX - 1);
    told.text[BOOT_COMMAND_MAX - 1] = 'x';
    expect_refusal("command line");
    told.flags &= ~(1u << 2);
    assert_null(parse());
    assert_string_equal(boot.command, "");
}

/* The available memory that comes out, as text. */
static const char *ranges(void)
{
    static char text[512];
    uint32_t cursor = 0;
    uint32_t start, end;
    size_t length = 0;

    text[0] = '\0';
    while (multiboot_next(&boot, &cursor, &start, &end))
        length += (size_t)snprintf(text + length, sizeof(text) - length, "%x-%x ", start,
                                   end);
    return text;
}

static void whole_pages_of_memory_come_out(void **state)
{
    assert_null(parse());
    assert_string_equal(ranges(), "0-9f000 100000-4000000 ");
    set_entry(0, 0x800, 0x9f000, 1);    /* neither end on a page */
    assert_null(parse());
    assert_string_equal(ranges(), "1000-9f000 100000-4000000 ");
    set_entry(0, 0x800, 0x7ff, 1);      /* no whole page */
    assert_null(parse());
    assert_string_equal(ranges(), "100000-4000000 ");
}

static void memory_above_4_gib_does_not_come_out(void **state)
{
    set_entry(4, 0xc0000000, 0x80000000, 1);
    set_entry(5, 0x200000000, 0x100000000, 1);
    set_map(6);
    assert_null(parse());
    assert_string_equal(ranges(), "0-9f000 100000-4000000 c0000000-fffff000 ");
    set_entry(4, 0x100000000, 0x100000000, 1);
    assert_null(parse());
    assert_string_equal(ranges(), "0-9f000 100000-4000000 ");
}

/* What holds for every information that was not refused. */
static void check_rules(void)
{
    uint32_t cursor = 0;
    uint32_t start, end;
    uint32_t last = 0;
    bool found = false;

    assert_true(strlen(boot.command) < BOOT_COMMAND_MAX);
    assert_true(boot.module_start < boot.module_end);
    assert_true(boot.module_end <= KERNEL_START || boot.module_start >= KERNEL_END);
    while (multiboot_next(&boot, &cursor, &start, &end)) {
        assert_true(start >= last && start < end);
        assert_int_equal(start % PAGE_SIZE + end % PAGE_SIZE, 0);
        found |= start <= boot.module_start && boot.module_end <= end;
        last = end;
    }
    assert_true(found);
}

static void spoilt_information_is_refused_or_keeps_the_rules(void **state)
{
    uint32_t believed = 0;

    random_begin();
    for (int round = 0; round < 200000; round++) {
        begin(state);
        for (uint32_t i = random_below(6); i-- > 0;) {
            uint32_t at = random_below(offsetof(struct told, text) + 8);
            ((uint8_t *)&told)[at] ^= (uint8_t)(1u << random_below(8));
        }
        if (parse())
            continue;
        believed++;
        check_rules();
    }
    assert_true(believed > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_honest_loader_is_believed, begin),
        cmocka_unit_test_setup(another_loader_is_refused, begin),
        cmocka_unit_test_setup(a_missing_map_is_refused, begin),
        cmocka_unit_test_setup(a_broken_map_is_refused, begin),
        cmocka_unit_test_setup(overlapping_and_unsorted_regions_are_refused, begin),
        cmocka_unit_test_setup(entries_may_be_longer_than_we_know, begin),
        cmocka_unit_test_setup(bad_modules_are_refused, begin),
        cmocka_unit_test_setup(modules_that_touch_the_kernel_are_no_harm, begin),
        cmocka_unit_test_setup(there_must_be_one_module, begin),
        cmocka_unit_test_setup(the_command_line_may_fill_its_field, begin),
        cmocka_unit_test_setup(whole_pages_of_memory_come_out, begin),
        cmocka_unit_test_setup(memory_above_4_gib_does_not_come_out, begin),
        cmocka_unit_test_setup(spoilt_information_is_refused_or_keeps_the_rules, begin),
    };
    return cmocka_run_group_tests_name("multiboot", tests, NULL, NULL);
}
