/* SPDX-License-Identifier: MIT */
/*
 * The wall clock at boot, read from a fake real-time clock in every mode that the chip
 * has, compared with the host C library's calendar.
 */
#include "i386/i386.h"
#include "unit.h"

#include <time.h>

static uint8_t chip_in(uint16_t port);
static void chip_out(uint16_t port, uint8_t value);

#define in8 chip_in
#define out8 chip_out
#include "../../kernel/i386/rtc.c"

static struct {
    struct tm date;
    uint8_t mode;               /* status B */
    uint8_t index;
    uint32_t updating;          /* reads of status A that still show an update */
    uint32_t seconds_missed;    /* so many seconds pass between the first reads */
} chip;

static uint8_t encode(int value)
{
    return (uint8_t)(chip.mode & BINARY ? value : value / 10 * 16 + value % 10);
}

static uint8_t encode_hour(int hour)
{
    if (chip.mode & HOURS_24)
        return encode(hour);
    return encode(hour % 12 ? hour % 12 : 12) | (hour >= 12 ? HOUR_PM : 0);
}

static uint8_t chip_in(uint16_t port)
{
    assert_int_equal(port, CMOS_DATA);
    switch (chip.index) {
    case 0: {
        int second = chip.date.tm_sec;
        if (chip.seconds_missed > 0) {
            chip.seconds_missed--;
            chip.date.tm_sec++;
        }
        return encode(second);
    }
    case 2:
        return encode(chip.date.tm_min);
    case 4:
        return encode_hour(chip.date.tm_hour);
    case 7:
        return encode(chip.date.tm_mday);
    case 8:
        return encode(chip.date.tm_mon + 1);
    case 9:
        return encode(chip.date.tm_year % 100);
    case STATUS_A:
        return chip.updating ? (uint8_t)(chip.updating--, UPDATING) : 0;
    case STATUS_B:
        return chip.mode;
    }
    fail_msg("register %u", chip.index);
    return 0;
}

static void chip_out(uint16_t port, uint8_t value)
{
    assert_int_equal(port, CMOS_INDEX);
    chip.index = value & 0x7f;
}

static const uint8_t modes[] = {0, BINARY, HOURS_24, BINARY | HOURS_24};

static void expect_time(time_t time)
{
    gmtime_r(&time, &chip.date);
    for (size_t i = 0; i < array_count(modes); i++) {
        chip.mode = modes[i];
        uint64_t got = rtc_read();
        if (got != (uint64_t)time * 1000000000)
            fail_msg("%lld s in mode %u: %llu ns", (long long)time, chip.mode,
                     (unsigned long long)got);
    }
}

static void every_hour_of_the_day_is_read(void **state)
{
    for (int hour = 0; hour < 24; hour++)
        expect_time(1700000000 / 86400 * 86400 + hour * 3600 + 59 * 60 + 58);
}

/* 2000 was a leap year. A two-digit year from 70 on is of the last century. */
static void every_day_from_1970_to_2069_is_read(void **state)
{
    for (time_t day = 0; day < 36524; day++)
        expect_time(day * 86400 + 43210);
}

static void an_update_is_waited_for(void **state)
{
    chip.updating = 50;
    expect_time(1700000000);
    assert_int_equal(chip.updating, 0);
}

static void a_clock_that_never_ends_its_update_is_read_all_the_same(void **state)
{
    chip.updating = UINT32_MAX;
    expect_time(1700000000);
    chip.updating = 0;
}

static void a_second_that_passes_while_reading_is_seen(void **state)
{
    time_t time = 1700000000 / 60 * 60 + 10;

    gmtime_r(&time, &chip.date);
    chip.mode = HOURS_24;
    chip.seconds_missed = 3;
    assert_int_equal(rtc_read(), (uint64_t)(time + 3) * 1000000000);
}

static void a_month_that_is_none_gives_no_time(void **state)
{
    chip.mode = BINARY | HOURS_24;
    for (int month = -1; month <= 254; month++) {
        chip.date = (struct tm){.tm_year = 124, .tm_mon = month, .tm_mday = 1};
        uint64_t got = rtc_read();
        assert_true((got != 0) == (month >= 0 && month < 12));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_hour_of_the_day_is_read),
        cmocka_unit_test(every_day_from_1970_to_2069_is_read),
        cmocka_unit_test(an_update_is_waited_for),
        cmocka_unit_test(a_clock_that_never_ends_its_update_is_read_all_the_same),
        cmocka_unit_test(a_second_that_passes_while_reading_is_seen),
        cmocka_unit_test(a_month_that_is_none_gives_no_time),
    };
    return cmocka_run_group_tests_name("rtc", tests, NULL, NULL);
}
