/* SPDX-License-Identifier: MIT */
/*
 * Time. The PIT's channel 0 is the one-shot timer; channel 2 counts freely (Intel 8254
 * data sheet) and is what the TSC is measured with at boot. Without a TSC channel 2
 * itself is the clock: it wraps every 55 ms, so then the timer never waits longer than
 * that.
 */
#include "arch.h"
#include "cpu.h"
#include "i386.h"
#include "log.h"
#include "schedule.h"
#include "timing_wheel.h"

#define PIT_HZ 1193182u
#define PIT_CHANNEL(n) (uint16_t)(0x40 + (n))
#define PIT_COMMAND 0x43
#define PIT_ONE_SHOT 0x30 /* channel 0, low then high byte, mode 0 */
#define PIT_FREE_RUN 0xb4 /* channel 2, low then high byte, mode 2 */
#define PIT_LATCH_2 0x80
#define SPEAKER 0x61
#define SPEAKER_GATE 0x01
#define SPEAKER_SOUND 0x02

#define NS_PER_SECOND 1000000000u
#define PIT_TICKS_PER_NS (uint32_t)(((uint64_t)PIT_HZ << 32) / NS_PER_SECOND)
#define SHIFT_MOST 31
#define EXPIRE_BATCH 64 /* timers that one interrupt lets expire, or moves, at most */
#define CALIBRATE_TICKS (PIT_HZ / 1000) /* 1 ms */
#define CALIBRATE_TRIES 50
#define TIMER_MAX_NS \
    25000000u /* well below a wrap of channel 2, which may be the clock */

/* Monotonic ns = (ticks - base) * scale >> shift. */
static struct {
    bool running;
    uint64_t base;
    uint32_t scale, shift;
} clock;

static uint64_t pit_ticks; /* of channel 2 since boot, where it is the clock */
static uint16_t pit_last;
static uint64_t armed = UINT64_MAX;
static uint64_t wall_offset;

static uint16_t pit_count(void)
{
    out8(PIT_COMMAND, PIT_LATCH_2);
    uint16_t low = in8(PIT_CHANNEL(2));
    return (uint16_t)(low | in8(PIT_CHANNEL(2)) << 8);
}

/* Ticks of channel 2, which counts down from 65536, since boot. */
uint64_t clock_pit_ticks(void)
{
    uint16_t count = pit_count();

    pit_ticks += (uint16_t)(pit_last - count);
    pit_last = count;
    return pit_ticks;
}

static uint64_t read_ticks(void)
{
    return cpu_features.tsc ? read_tsc() : clock_pit_ticks();
}

/* So many ticks in ns: ticks * scale >> shift, with the product 96 bits wide. */
static inline uint64_t to_ns(uint64_t ticks)
{
    uint32_t low = (uint32_t)ticks, carry = (uint32_t)(ticks >> 32);
    uint32_t high, top;

    __asm__("movl %[low], %[high]\n\t"
            "movl %[carry], %[low]\n\t"
            "mull %[scale]\n\t"
            "xchgl %[low], %[high]\n\t"
            "movl %[carry], %[top]\n\t"
            "mull %[scale]\n\t"
            "addl %[carry], %[high]\n\t"
            "adcl $0, %[top]\n\t"
            "shrdl %%cl, %[high], %[low]\n\t"
            "shrdl %%cl, %[top], %[high]"
            : [low] "+a"(low), [carry] "+d"(carry), [high] "=&r"(high), [top] "=&r"(top)
            : [scale] "m"(clock.scale), "c"(clock.shift));
    return (uint64_t)high << 32 | low;
}

/* The upper half of the product. */
static inline uint32_t multiply_high(uint32_t value, uint32_t factor)
{
    uint32_t high;

    __asm__("mull %[factor]" : "+a"(value), "=d"(high) : [factor] "rm"(factor));
    return high;
}

/* The clock runs at `ticks` per `ns`: the finest scale that is one word. */
static void set_scale(uint64_t ns, uint64_t ticks)
{
    clock.shift = SHIFT_MOST;
    while (clock.shift > 0 && (ns << clock.shift) / ticks > UINT32_MAX)
        clock.shift--;
    clock.scale = (uint32_t)((ns << clock.shift) / ticks);
}

/* Waits for the next change of the PIT's counter and reads the TSC right behind it. */
static uint64_t tsc_at_tick(uint16_t *count)
{
    uint16_t before = pit_count();

    while ((*count = pit_count()) == before)
        continue;
    return read_tsc();
}

/* What the two counters counted at the same time. */
struct rate {
    uint32_t pit;
    uint64_t tsc;
};

/* From a moment on, which becomes the end. */
static struct rate measure(uint16_t *count, uint64_t *tsc)
{
    uint16_t start = *count;
    uint64_t first = *tsc;

    do
        *tsc = tsc_at_tick(count);
    while ((uint16_t)(start - *count) < CALIBRATE_TICKS);
    return (struct rate){(uint16_t)(start - *count), *tsc - first};
}

/* Within 1/256. */
static bool alike(struct rate a, struct rate b)
{
    uint64_t left = a.tsc * b.pit;
    uint64_t right = b.tsc * a.pit;

    return (left > right ? left - right : right - left) <= left >> 8;
}

/* Something else may run between two readings: the firmware, or an emulator's host. So
 * two measures, one behind the other, must agree. */
static void calibrate(void)
{
    uint16_t count;
    uint64_t tsc = tsc_at_tick(&count);
    struct rate before, now = measure(&count, &tsc);
    uint32_t tries = 0;

    do {
        before = now;
        now = measure(&count, &tsc);
    } while (!alike(before, now) && ++tries < CALIBRATE_TRIES);
    set_scale((uint64_t)(before.pit + now.pit) * NS_PER_SECOND / PIT_HZ,
              before.tsc + now.tsc);
}

__attribute__((cold)) void clock_init(void)
{
    out8(SPEAKER, (uint8_t)((in8(SPEAKER) & ~SPEAKER_SOUND) | SPEAKER_GATE));
    out8(PIT_COMMAND, PIT_FREE_RUN);
    out8(PIT_CHANNEL(2), 0);
    out8(PIT_CHANNEL(2), 0);
    out8(PIT_COMMAND,
         PIT_ONE_SHOT); /* waits for a count: no interrupt until one is set */
    pit_last = pit_count();
    if (cpu_features.tsc)
        calibrate();
    else
        set_scale(NS_PER_SECOND, PIT_HZ);
    clock.base = read_ticks();
    clock.running = true;
    wall_offset = rtc_read();
    pic_enable(IRQ_TIMER);
    arch_timer_set_at(UINT64_MAX, arch_clock());
}

static inline uint64_t read_clock(void)
{
    return to_ns(read_ticks() - clock.base);
}

uint64_t arch_clock(void)
{
    return clock.running ? read_clock() : 0;
}

uint64_t clock_ns(uint64_t ticks)
{
    return to_ns(ticks);
}

uint64_t arch_wall_offset(void)
{
    return wall_offset;
}

/* Lets the timer fire at the deadline, and then only. In mode 0 a new count begins anew,
 * without a new command. */
static inline void set_timer(uint64_t deadline, uint64_t now)
{
    uint64_t wait = deadline - now;

    armed = deadline;
    if (unlikely(wait >> 32 || (uint32_t)wait > TIMER_MAX_NS)) {
        if (deadline == UINT64_MAX && cpu_features.tsc)
            return;
        wait = deadline > now ? TIMER_MAX_NS : 0;
        armed = now + wait;
    }
    uint32_t count = multiply_high((uint32_t)wait, PIT_TICKS_PER_NS) + 1;
    out8(PIT_CHANNEL(0), (uint8_t)count);
    out8(PIT_CHANNEL(0), (uint8_t)(count >> 8));
}

void arch_timer_set_at(uint64_t deadline, uint64_t now)
{
    if (deadline < armed || (armed == UINT64_MAX && !cpu_features.tsc))
        set_timer(deadline, now);
}

void clock_interrupt(void)
{
    out8(PIC_MASTER, PIC_END);
    uint64_t now = read_clock();
    uint64_t next = wheel_run(now, EXPIRE_BATCH);
    if (likely(!cpu()->slice_armed))
        set_timer(next, now);
    else
        set_timer(schedule_tick(now, next), now);
}

__attribute__((cold)) void clock_fill_threshold(struct threshold_page *page)
{
    page->clock_usable = cpu_features.tsc;
    page->scale = clock.scale;
    page->scale_shift = clock.shift;
    page->base_tsc = clock.base;
    page->base_ns = 0;
    page->wall_offset = wall_offset;
}
