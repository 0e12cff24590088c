/* SPDX-License-Identifier: MIT */
/* The kernel's command line: its own words end at `--`, the last of a key counts. */
#include "command.h"

#include "unit.h"

static const char *const gates[] = {"auto", "int80", "sysenter", NULL};

static int choice(const char *line)
{
    return command_choice(line, "gate", gates, 7);
}

static void a_value_is_found(void **state)
{
    const char *value;

    assert_int_equal(command_find("limen.elf gate=int80 log=info", "gate", &value), 5);
    assert_memory_equal(value, "int80", 5);
    assert_int_equal(command_find("gate=", "gate", &value), 0);
    assert_int_equal(command_find("  gate=a=b  ", "gate", &value), 3);
}

static void only_whole_keys_count(void **state)
{
    const char *value;

    assert_int_equal(command_find("", "gate", &value), -1);
    assert_int_equal(command_find("gate", "gate", &value), -1);
    assert_int_equal(command_find("gates=1 agate=1 gat=1 x", "gate", &value), -1);
    assert_int_equal(command_find("-- gate=int80", "gate", &value), -1);
    assert_int_equal(command_find("--- gate=int80", "gate", &value), 5);
    assert_int_equal(command_find("-- x", "gate", &value), -1);
}

static void choices_are_whole_words(void **state)
{
    assert_int_equal(choice("gate=auto"), 0);
    assert_int_equal(choice("x gate=sysenter -- gate=auto"), 2);
    assert_int_equal(choice("nothing here"), 7);
    assert_int_equal(choice("gate=int8"), -1);
    assert_int_equal(choice("gate=int800"), -1);
    assert_int_equal(choice("gate="), -1);
}

static void the_last_one_counts(void **state)
{
    assert_int_equal(choice("gate=auto gate=int80"), 1);
    assert_int_equal(choice("gate=int80 gate=door"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_is_found),
        cmocka_unit_test(only_whole_keys_count),
        cmocka_unit_test(choices_are_whole_words),
        cmocka_unit_test(the_last_one_counts),
    };
    return cmocka_run_group_tests_name("command", tests, NULL, NULL);
}
