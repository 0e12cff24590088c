/* SPDX-License-Identifier: MIT */
/*
 * The shim's clocks on the host, with a threshold page where the real one would be: the
 * 96-bit product against one of 128 bits, the page's sequence, and Linux's forms of time.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <limen/gate.h>
#include <limen/tap.h>

#include "../shim/shim.h"

#define ROUNDS 100000
#define SECOND 1000000000ull

static struct threshold_page *page;
static uint64_t ticks;                  /* what the time stamp counter shows */
static uint64_t kernel_time[2];         /* by enum clock_id */
static uint64_t slept_until;
static int readings;                    /* of the counter */
static bool interrupts;                 /* a signal comes before any wait */

/* --- In place of processor and kernel --- */

uint64_t limen_tsc(void)
{
    /* The kernel corrects the clock between the first reading of it and the second. */
    if (++readings == 1 && page->sequence == 6) {
        page->base_ns += SECOND;
        page->sequence = 8;
    }
    return ticks;
}

long limen_clock_get(uint32_t clock, uint64_t *time)
{
    *time = kernel_time[clock];
    return 0;
}

long limen_clock_sleep(const uint64_t *deadline)
{
    slept_until = *deadline;
    return 0;
}

/* --- In place of the rest of the shim --- */

static uint64_t interrupted_until;

bool shim_wait_begin(void)
{
    return !interrupts;
}

bool shim_wait_again(long result)
{
    (void)result;
    return false;
}

uint64_t shim_deadline(uint64_t span)
{
    uint64_t from = shim_now();
    return span > UINT64_MAX - from ? UINT64_MAX : from + span;
}

long shim_interrupted(uint64_t deadline)
{
    interrupted_until = deadline;
    return -RESTART_UNHANDLED;
}

/* --- Tests --- */

static uint64_t seed = 1;

static uint64_t random_word(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static void check_product(void)
{
    int wrong = 0;
    page->clock_usable = 1;
    for (int i = 0; i < ROUNDS; i++) {
        page->scale = (uint32_t)random_word();
        page->scale_shift = (uint32_t)(random_word() % 33);
        page->base_tsc = random_word() >> 8;
        page->base_ns = random_word() >> 4;
        uint64_t span = random_word() >> (random_word() % 60);
        ticks = page->base_tsc + span;
        unsigned __int128 product = (unsigned __int128)span * page->scale;
        wrong += shim_now() != page->base_ns + (uint64_t)(product >> page->scale_shift);
    }
    tap_is(wrong, 0, "%d products are exact", ROUNDS);
}

static void check_page(void)
{
    *page = (struct threshold_page){
        .clock_usable = 1,
        .sequence = 6,
        .scale = 1,
        .base_ns = 7 * SECOND,
        .wall_offset = 100 * SECOND,
    };
    ticks = 500;
    readings = 0;
    tap_is((long long)shim_now(), (long long)(8 * SECOND + 500),
           "a torn reading is made again");
    tap_is(readings, 2, "once");
    struct time64 time;
    tap_is(shim_clock_gettime64(CLOCK_REALTIME, &time), 0, "the wall clock");
    tap_ok(time.seconds == 108 && time.nanoseconds == 500, "is an offset away");

    page->clock_usable = 0;
    kernel_time[CLOCK_ID_MONOTONIC] = 5;
    kernel_time[CLOCK_ID_WALL] = 6 * SECOND;
    tap_is((long long)shim_now(), 5, "without a usable clock the kernel is asked");
    tap_is(shim_time(NULL), 6, "for the wall clock, too");
}

static void sleeps(const char *name, int clock, int flags, struct time64 time,
                   long answer, uint64_t until)
{
    slept_until = 0;
    long got = shim_clock_nanosleep_time64(clock, flags, &time, NULL);
    if (!tap_ok(got == answer && slept_until == until, "%s", name))
        tap_note("answer %ld, slept until %llu", got, (unsigned long long)slept_until);
}

static void check_sleep(void)
{
    kernel_time[CLOCK_ID_MONOTONIC] = 10 * SECOND;
    kernel_time[CLOCK_ID_WALL] = 1000 * SECOND;
    sleeps("for a span", CLOCK_MONOTONIC, 0, (struct time64){2, 5, 0}, 0,
           12 * SECOND + 5);
    sleeps("until a moment", CLOCK_MONOTONIC, TIMER_ABSTIME, (struct time64){11, 0, 0}, 0,
           11 * SECOND);
    sleeps("until a wall time", CLOCK_REALTIME, TIMER_ABSTIME,
           (struct time64){1003, 0, 0}, 0, 13 * SECOND);
    sleeps("until the past", CLOCK_REALTIME, TIMER_ABSTIME, (struct time64){3, 0, 0}, 0,
           10 * SECOND);
    sleeps("for ever", CLOCK_MONOTONIC, 0, (struct time64){INT64_MAX, 0, 0}, 0,
           UINT64_MAX);
    sleeps("negative seconds", CLOCK_MONOTONIC, 0, (struct time64){-1, 0, 0}, -EINVAL, 0);
    sleeps("too many nanoseconds", CLOCK_MONOTONIC, 0, (struct time64){0, 1000000000, 0},
           -EINVAL, 0);
    sleeps("a clock that there is not", 99, 0, (struct time64){1, 0, 0}, -EINVAL, 0);
    sleeps("flags that there are not", CLOCK_MONOTONIC, 6, (struct time64){1, 0, 0},
           -EINVAL, 0);
}

static void check_interrupted(void)
{
    struct time64 span = {2, 5, 0}, left = {0};
    struct time32 left32 = {7, 7};
    interrupts = true;
    tap_is(shim_clock_nanosleep_time64(CLOCK_MONOTONIC, 0, &span, &left),
           -RESTART_UNHANDLED, "a signal ends a sleep");
    tap_ok(left.seconds == 2 && left.nanoseconds == 5, "which tells what was left");
    tap_is((long long)interrupted_until, (long long)(12 * SECOND + 5),
           "and may be begun again");
    shim_clock_nanosleep_time32(CLOCK_MONOTONIC, TIMER_ABSTIME,
                                &(struct time32){11, 0}, &left32);
    tap_ok(left32.seconds == 7 && left32.fraction == 7,
           "of one until a moment nothing is left");
    interrupts = false;
}

int main(void)
{
    page = mmap((void *)THRESHOLD_ADDRESS, PAGE_SIZE, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (page != (void *)THRESHOLD_ADDRESS) {
        printf("1..0 # SKIP no page at the threshold's address\n");
        return 0;
    }
    tap_plan(20);
    check_product();
    check_page();
    check_sleep();
    check_interrupted();
    return tap_done();
}
