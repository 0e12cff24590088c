/* SPDX-License-Identifier: MIT */
/* The wall clock at boot, from the MC146818 real-time clock (Motorola data sheet). */
#include "i386.h"

#define CMOS_INDEX 0x70
#define CMOS_DATA 0x71
#define STATUS_A 0x0a
#define STATUS_B 0x0b
#define UPDATING 0x80 /* in status A */
#define BINARY 0x04   /* in status B */
#define HOURS_24 0x02
#define HOUR_PM 0x80
#define UPDATE_POLLS \
    100000u /* an update takes 2 ms; a clock that never ends it is broken */

struct date {
    uint8_t second, minute, hour, day, month, year;
};

static uint8_t cmos(uint8_t index)
{
    out8(CMOS_INDEX, index);
    return in8(CMOS_DATA);
}

static struct date read_raw(void)
{
    for (uint32_t i = 0; i < UPDATE_POLLS && cmos(STATUS_A) & UPDATING; i++)
        continue;
    return (struct date){cmos(0), cmos(2), cmos(4), cmos(7), cmos(8), cmos(9)};
}

static bool same(struct date a, struct date b)
{
    return a.second == b.second && a.minute == b.minute && a.hour == b.hour &&
           a.day == b.day && a.month == b.month && a.year == b.year;
}

static uint8_t from_bcd(uint8_t value)
{
    return (uint8_t)((value >> 4) * 10 + (value & 0x0f));
}

/* Days from 1970-01-01 to the date in the proleptic Gregorian calendar; month 1 to 12. */
static uint32_t days_since_1970(uint32_t year, uint32_t month, uint32_t day)
{
    static const uint16_t before[12] = {0,   31,  59,  90,  120, 151,
                                        181, 212, 243, 273, 304, 334};
    uint32_t past = year - 1;
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    uint32_t days =
        past * 365 + past / 4 - past / 100 + past / 400 + before[month - 1] + day - 1;

    return days + (leap && month > 2) - 719162;
}

uint64_t rtc_read(void)
{
    struct date date = read_raw();
    struct date again = read_raw();

    while (!same(date, again)) {
        date = again;
        again = read_raw();
    }
    uint8_t mode = cmos(STATUS_B);
    bool pm = !(mode & HOURS_24) && date.hour & HOUR_PM;
    date.hour &= (uint8_t)~HOUR_PM;
    if (!(mode & BINARY)) {
        uint8_t *fields[] = {&date.second, &date.minute, &date.hour,
                             &date.day,    &date.month,  &date.year};
        for (uint32_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
            *fields[i] = from_bcd(*fields[i]);
    }
    if (!(mode & HOURS_24))
        date.hour = (uint8_t)(date.hour % 12 + (pm ? 12 : 0));
    if (date.month < 1 || date.month > 12)
        return 0;

    /* Two digits: a clock that shows less than 70 is in this century. */
    uint32_t year = date.year < 70 ? 2000u + date.year : 1900u + date.year;
    uint64_t seconds = (uint64_t)days_since_1970(year, date.month, date.day) * 86400 +
                       date.hour * 3600u + date.minute * 60u + date.second;
    return seconds * 1000000000;
}
