/* SPDX-License-Identifier: MIT */
/*
 * Clocks and sleep. Where the kernel says that the time stamp counter serves, the time
 * comes out of the threshold page without a crossing; else from the kernel. Everything
 * inside is nanoseconds in 64 bits; Linux's forms are made at the edges.
 */
#include "shim.h"

#include <time.h>

#include <limen/gate.h>

/* value * scale >> shift, through 96 bits; shift is at most 32. */
static uint64_t scaled(uint64_t value, uint32_t scale, uint32_t shift)
{
    uint64_t low = (uint64_t)(uint32_t)value * scale;
    uint64_t high = (value >> 32) * scale;
    return (low >> shift) + (high << (32 - shift));
}

/* Monotonic time from the threshold page; false: the clock cannot be used so. */
static bool page_now(uint64_t *now, uint64_t *wall_offset)
{
    const volatile struct threshold_page *page = (const void *)THRESHOLD_ADDRESS;
    uint32_t sequence;
    do {
        sequence = page->sequence;
        if (!page->clock_usable)
            return false;
        uint64_t ticks = limen_tsc() - page->base_tsc;
        *now = page->base_ns + scaled(ticks, page->scale, page->scale_shift);
        *wall_offset = page->wall_offset;
    } while ((sequence & 1) || page->sequence != sequence);
    return true;
}

static uint64_t kernel_now(uint32_t clock)
{
    uint64_t now = 0;
    limen_clock_get(clock, &now);
    return now;
}

uint64_t shim_now(void)
{
    uint64_t now, offset;
    return page_now(&now, &offset) ? now : kernel_now(CLOCK_ID_MONOTONIC);
}

static uint64_t wall_now(void)
{
    uint64_t now, offset;
    return page_now(&now, &offset) ? now + offset : kernel_now(CLOCK_ID_WALL);
}

bool shim_clock_now(int clock, uint64_t *now)
{
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
        *now = wall_now();
        return true;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
        *now = shim_now();
        return true;
    default:
        return false;
    }
}

struct time64 shim_to_time64(uint64_t ns)
{
    return (struct time64){
        .seconds = (int64_t)(ns / NS_PER_SECOND),
        .nanoseconds = (int32_t)(ns % NS_PER_SECOND),
    };
}

struct time32 shim_to_time32(uint64_t ns)
{
    return (struct time32){
        .seconds = (int32_t)(ns / NS_PER_SECOND),
        .fraction = (int32_t)(ns % NS_PER_SECOND),
    };
}

bool shim_from_time(int64_t seconds, int32_t nanoseconds, uint64_t *ns)
{
    if (seconds < 0 || nanoseconds < 0 || nanoseconds >= (int32_t)NS_PER_SECOND)
        return false;
    if ((uint64_t)seconds >= UINT64_MAX / NS_PER_SECOND)
        *ns = UINT64_MAX;
    else
        *ns = (uint64_t)seconds * NS_PER_SECOND + (uint32_t)nanoseconds;
    return true;
}

long shim_clock_gettime64(int clock, struct time64 *time)
{
    uint64_t now;
    if (!shim_clock_now(clock, &now))
        return -EINVAL;
    *time = shim_to_time64(now);
    return 0;
}

long shim_clock_gettime32(int clock, struct time32 *time)
{
    uint64_t now;
    if (!shim_clock_now(clock, &now))
        return -EINVAL;
    *time = shim_to_time32(now);
    return 0;
}

long shim_clock_getres_time64(int clock, struct time64 *time)
{
    uint64_t now;
    if (!shim_clock_now(clock, &now))
        return -EINVAL;
    if (time)
        *time = (struct time64){.nanoseconds = 1};
    return 0;
}

long shim_clock_getres_time32(int clock, struct time32 *time)
{
    uint64_t now;
    if (!shim_clock_now(clock, &now))
        return -EINVAL;
    if (time)
        *time = (struct time32){.fraction = 1};
    return 0;
}

long shim_gettimeofday_time32(struct time32 *time, [[maybe_unused]] void *zone)
{
    if (time) {
        *time = shim_to_time32(wall_now());
        time->fraction /= 1000;
    }
    return 0;
}

long shim_time(int32_t *seconds)
{
    int32_t now = (int32_t)(wall_now() / NS_PER_SECOND);
    if (seconds)
        *seconds = now;
    return now;
}

/* Sleeps for a span, or until a moment of a clock. *left is what of a span was left when
 * a signal came. */
static long sleep_on(int clock, int flags, uint64_t ns, uint64_t *left)
{
    uint64_t now;
    if ((flags & ~TIMER_ABSTIME) || !shim_clock_now(clock, &now))
        return -EINVAL;
    uint64_t span = ns;
    if (flags & TIMER_ABSTIME)
        span = ns > now ? ns - now : 0;

    uint64_t deadline = shim_deadline(span);
    long result = SHIM_WAIT(limen_clock_sleep(&deadline));
    if (result != -EINTR)
        return result;
    now = shim_now();
    *left = deadline > now ? deadline - now : 0;
    return shim_interrupted(deadline);
}

/* Tells what was left, where that is asked for. */
static long tell_left32(long result, int flags, uint64_t left, struct time32 *time)
{
    if (result == -RESTART_UNHANDLED && time && !(flags & TIMER_ABSTIME))
        *time = shim_to_time32(left);
    return result;
}

long shim_nanosleep(const struct time32 *time, struct time32 *left)
{
    return shim_clock_nanosleep_time32(CLOCK_MONOTONIC, 0, time, left);
}

long shim_clock_nanosleep_time32(int clock, int flags, const struct time32 *time,
                                 struct time32 *left)
{
    uint64_t ns, rest = 0;
    if (!shim_from_time(time->seconds, time->fraction, &ns))
        return -EINVAL;
    long result = sleep_on(clock, flags, ns, &rest);
    return tell_left32(result, flags, rest, left);
}

long shim_clock_nanosleep_time64(int clock, int flags, const struct time64 *time,
                                 struct time64 *left)
{
    uint64_t ns, rest = 0;
    if (!shim_from_time(time->seconds, time->nanoseconds, &ns))
        return -EINVAL;
    long result = sleep_on(clock, flags, ns, &rest);
    if (result == -RESTART_UNHANDLED && left && !(flags & TIMER_ABSTIME))
        *left = shim_to_time64(rest);
    return result;
}
