/* SPDX-License-Identifier: MIT */
/*
 * The log: what the formatter prints, that nothing is written past a buffer, and that the
 * ring gives back exactly its last bytes, under the addresses that they had.
 */
#include "log.h"

#include <stdlib.h>

#include <limen/abi.h>

#include "error.h"
#include "interrupt.h"
#include "unit.h"

#define RING_SIZE 32768u

static uint64_t now;     /* what arch_clock answers */
static char shown[4096]; /* what came to the console since it was cleared */
static uint32_t shown_size;
static bool bound;    /* whether somebody listens to IRQ_LOG */
static uint32_t told; /* how often */

uint64_t arch_clock(void);
uint64_t arch_clock(void)
{
    return now;
}

void arch_console_write(const char *bytes, uint32_t size);
void arch_console_write(const char *bytes, uint32_t size)
{
    assert_true(shown_size + size < sizeof(shown));
    memcpy(shown + shown_size, bytes, size);
    shown_size += size;
    shown[shown_size] = '\0';
}

bool interrupt_bound(uint32_t irq)
{
    assert_int_equal(irq, IRQ_LOG);
    return bound;
}

void interrupt_raise(uint32_t irq)
{
    assert_int_equal(irq, IRQ_LOG);
    told++;
}

static int begin(void **state)
{
    now = 0;
    bound = false;
    told = 0;
    shown_size = 0;
    shown[0] = '\0';
    log_set_level(LOG_INFO);
    return 0;
}

/* Formats into a buffer of exactly `size` bytes, so that the sanitizer sees a byte too
 * many. */
static uint32_t format(char **text, uint32_t size, const char *form, ...)
{
    va_list args;

    *text = malloc(size);
    va_start(args, form);
    uint32_t length = format_list(*text, size, form, args);
    va_end(args);
    assert_int_equal(strlen(*text), length);
    return length;
}

#define expect_format(expected, ...)         \
    do {                                     \
        char *made;                          \
        format(&made, 64, __VA_ARGS__);      \
        assert_string_equal(made, expected); \
        free(made);                          \
    } while (0)

static void numbers_and_strings_are_formatted(void **state)
{
    expect_format("plain", "plain");
    expect_format("a b c", "%s %c c", "a", 'b');
    expect_format("-5 0 2147483647 -2147483648", "%d %d %d %d", -5, 0, INT32_MAX,
                  INT32_MIN);
    expect_format("4294967295 ff 0", "%u %x %x", UINT32_MAX, 255, 0);
    expect_format("18446744073709551615", "%llu", (unsigned long long)UINT64_MAX);
    expect_format("-9223372036854775808", "%lld", (long long)INT64_MIN);
    expect_format("100%", "100%%");
}

static void fields_are_padded(void **state)
{
    expect_format("[   7][007][7  ]", "[%4u][%03u][%-3u]", 7, 7, 7);
    expect_format("[  ab][ab  ]", "[%4s][%-4s]", "ab", "ab");
    expect_format("c0100000", "%08x", 0xc0100000u);
    expect_format("[  -7][12345]", "[%4d][%2u]", -7, 12345);
}

static void a_small_buffer_cuts(void **state)
{
    for (uint32_t size = 1; size < 16; size++) {
        char *text;
        uint32_t length = format(&text, size, "%s=%04x", "value", 0xabcd);
        assert_int_equal(length, size - 1 < 10 ? size - 1 : 10);
        assert_memory_equal(text, "value=abcd", length);
        free(text);
    }
}

static void a_line_has_its_time(void **state)
{
    now = 12345678901234;
    log_info("up %u", 1);
    assert_string_equal(shown, "[12345.678901] up 1\n");
    shown_size = 0;
    now = 1500000;
    log_info("up");
    assert_string_equal(shown, "[    0.001500] up\n");
}

static void the_level_decides_what_is_shown(void **state)
{
    log_set_level(LOG_QUIET);
    log_info("info");
    log_debug("debug");
    assert_string_equal(shown, "");
    log_always("always");
    assert_non_null(strstr(shown, "always"));
    log_set_level(LOG_DEBUG);
    log_info("info");
    log_debug("debug");
    assert_non_null(strstr(shown, "info"));
    assert_non_null(strstr(shown, "debug"));
}

static void who_listens_is_told_instead(void **state)
{
    bound = true;
    log_info("info");
    log_user_line("user", 4);
    assert_string_equal(shown, "");
    assert_int_equal(told, 2);
    log_debug("debug");
    log_set_level(LOG_QUIET);
    log_info("kept");
    log_user_line("kept", 4);
    assert_int_equal(told, 2);
    log_always("panic");
    assert_non_null(strstr(shown, "panic"));
    assert_int_equal(told, 2);
    log_set_level(LOG_DEBUG);
    log_debug("debug");
    assert_int_equal(told, 3);
}

static void users_cannot_print_control_bytes(void **state)
{
    log_user_line("a\nb\x1b[2J\x80\0z", 9);
    assert_string_equal(strchr(shown, ']'), "] a?b?[2J??\n");
}

static void the_longest_user_line_fits(void **state)
{
    char line[LOG_LINE_MAX];

    memset(line, 'x', sizeof(line));
    log_user_line(line, sizeof(line));
    assert_int_equal(shown_size, 15 + LOG_LINE_MAX + 1);
}

static void the_ring_gives_its_last_bytes(void **state)
{
    static char model[1u << 20];
    static char got[RING_SIZE];
    uint32_t first = log_end();
    uint32_t at = first;

    random_begin();
    while (at - first < 8 * RING_SIZE) {
        char line[LOG_LINE_MAX];
        uint32_t size = random_below(LOG_LINE_MAX + 1);
        memset(line, 'a' + (int)random_below(26), sizeof(line));
        shown_size = 0;
        log_user_line(line, size);
        memcpy(model + (at - first), shown, shown_size);
        at += shown_size;
        assert_int_equal(log_end(), at);
        assert_true(at - log_start() <= RING_SIZE);
        if (log_start() < first)
            continue;
        uint32_t from = log_start() + random_below(at - log_start() + 1);
        uint32_t want = random_below(RING_SIZE + 1);
        uint32_t there = want < at - from ? want : at - from;
        assert_int_equal(log_read(from, got, want), there);
        assert_memory_equal(got, model + (from - first), there);
    }
}

static void what_is_overwritten_or_to_come_is_out_of_range(void **state)
{
    char byte;

    assert_int_equal(log_read(log_end(), &byte, 1), 0);
    assert_int_equal(log_read(log_end() + 1, &byte, 1), -ERANGE);
    assert_int_equal(log_read(UINT32_MAX, &byte, 1), -ERANGE);
    assert_true(log_start() > 0);
    assert_int_equal(log_read(log_start() - 1, &byte, 1), -ERANGE);
    assert_int_equal(log_read(0, &byte, 1), -ERANGE);
    assert_int_equal(log_read(log_start(), &byte, 1), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(numbers_and_strings_are_formatted, begin),
        cmocka_unit_test_setup(fields_are_padded, begin),
        cmocka_unit_test_setup(a_small_buffer_cuts, begin),
        cmocka_unit_test_setup(a_line_has_its_time, begin),
        cmocka_unit_test_setup(the_level_decides_what_is_shown, begin),
        cmocka_unit_test_setup(who_listens_is_told_instead, begin),
        cmocka_unit_test_setup(users_cannot_print_control_bytes, begin),
        cmocka_unit_test_setup(the_longest_user_line_fits, begin),
        cmocka_unit_test_setup(the_ring_gives_its_last_bytes, begin),
        cmocka_unit_test_setup(what_is_overwritten_or_to_come_is_out_of_range, begin),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
