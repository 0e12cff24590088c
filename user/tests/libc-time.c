/* SPDX-License-Identifier: MIT */
/*
 * Clocks and sleep through the C library, and the threshold page's part in it: where the
 * kernel says that its clock is usable, the time costs no crossing.
 */
#include <errno.h>
#include <stdint.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <limen/syscall.h>
#include <limen/tap.h>

#define MS 1000000ull
#define SECOND 1000000000ull
#define READINGS 1000

/* 2020-01-01 and 2100-01-01: a clock outside of them was not set by anybody. */
#define EARLIEST 1577836800
#define LATEST 4102444800ll

static uint64_t now(clockid_t clock)
{
    struct timespec time = {0, 0};
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec;
}

static uint64_t kernel_now(uint32_t clock)
{
    uint64_t time = 0;
    limen_clock_get(clock, &time);
    return time;
}

static uint64_t crossings(void)
{
    struct system_info info = {0};
    limen_system_info(&info);
    uint64_t sum = 0;
    for (int gate = 0; gate < GATE_COUNT; gate++)
        sum += info.crossings[gate];
    return sum;
}

static void check_clocks(void)
{
    uint64_t before = kernel_now(CLOCK_ID_MONOTONIC);
    uint64_t middle = now(CLOCK_MONOTONIC);
    uint64_t after = kernel_now(CLOCK_ID_MONOTONIC);
    if (!tap_ok(before <= middle && middle <= after, "library and kernel tell one time"))
        tap_note("%llu %llu %llu", before, middle, after);

    bool rises = true;
    uint64_t last = now(CLOCK_MONOTONIC);
    for (int i = 0; i < READINGS; i++) {
        uint64_t next = now(CLOCK_MONOTONIC);
        rises = rises && next >= last;
        last = next;
    }
    tap_ok(rises, "monotonic time never goes back");

    time_t wall = time(NULL);
    tap_ok(wall > EARLIEST && wall < LATEST, "the wall clock is set");
    before = kernel_now(CLOCK_ID_WALL) / SECOND;
    tap_ok(before - (uint64_t)wall <= 1, "and is the kernel's");
    struct timeval value;
    tap_is(gettimeofday(&value, NULL), 0, "gettimeofday");
    tap_ok(value.tv_sec - wall <= 1 && value.tv_usec >= 0 && value.tv_usec < 1000000,
           "tells the same");
    struct timespec resolution;
    tap_is(clock_getres(CLOCK_MONOTONIC, &resolution), 0, "clock_getres");
    tap_is(clock_gettime(99, &resolution), -1, "a clock that there is not");
    tap_is(errno, EINVAL, "answers EINVAL");
}

static void check_crossings(void)
{
    const volatile struct threshold_page *page = (const void *)THRESHOLD_ADDRESS;
    if (!page->clock_usable) {
        tap_skip(1, "the kernel's clock is not in the threshold page");
        return;
    }
    uint64_t before = crossings();
    for (int i = 0; i < READINGS; i++)
        now(CLOCK_MONOTONIC);
    uint64_t after = crossings();
    tap_ok(after - before < READINGS / 2, "%d readings without a crossing each",
           READINGS);
}

/* Sleeps by what clock_nanosleep is given; checks that it was not too short. */
static void sleeps(const char *name, clockid_t clock, int flags, uint64_t span)
{
    uint64_t start = now(CLOCK_MONOTONIC);
    uint64_t time = flags & TIMER_ABSTIME ? now(clock) + span : span;
    struct timespec wanted = {(time_t)(time / SECOND), (long)(time % SECOND)};
    int error = clock_nanosleep(clock, flags, &wanted, NULL);
    uint64_t slept = now(CLOCK_MONOTONIC) - start;
    /* A reading of the clock stands between `start` and the moment that an absolute sleep
     * counts from, so that it can only seem longer. */
    if (!tap_ok(error == 0 && slept >= span, "%s sleeps for %llu ms", name, span / MS))
        tap_note("error %d, %llu ns", error, (unsigned long long)slept);
}

static void check_sleep(void)
{
    sleeps("relative", CLOCK_MONOTONIC, 0, 20 * MS);
    sleeps("until a moment", CLOCK_MONOTONIC, TIMER_ABSTIME, 20 * MS);
    sleeps("until a wall time", CLOCK_REALTIME, TIMER_ABSTIME, 20 * MS);
    sleeps("for nothing", CLOCK_MONOTONIC, 0, 0);

    uint64_t start = now(CLOCK_MONOTONIC);
    tap_is(usleep(5000), 0, "usleep");
    tap_ok(now(CLOCK_MONOTONIC) - start >= 5 * MS, "is long enough");
    struct timespec past = {0, 1};
    tap_is(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &past, NULL), 0,
           "a moment long past");
    struct timespec wrong = {0, 1000000000};
    tap_is(nanosleep(&wrong, NULL), -1, "too many nanoseconds");
    tap_is(errno, EINVAL, "answer EINVAL");
}

int main(void)
{
    tap_plan(21);
    check_clocks();
    check_crossings();
    check_sleep();
    struct tm *parts = gmtime(&(time_t){951782400});
    tap_ok(parts && parts->tm_mon == 1 && parts->tm_mday == 29, "2000-02-29 is a day");
    tap_ok(clock() == (clock_t)-1, "clock, which nobody serves, says so");
    return tap_done();
}
