/* SPDX-License-Identifier: MIT */
/*
 * Timers: timer.h. What the kernel tells is only that it is time to look: how often a
 * timer has expired follows from the clock. So what was on its way when a timer was set
 * anew does no harm. While a timer's signal waits, its message is not sent again: who
 * cannot keep pace with a timer is not kept from everything else by it.
 */
#include "timer.h"

#include "signal.h"

#include <string.h>
#include <sys/time.h>
#include <time.h>

#include <limen/async.h>

/* The clock of the threshold page may be so far behind the kernel's. */
#define CLOCK_SLACK_NS 10000u

#define NS_PER_US 1000u

struct timer {
    struct system_message message;
    struct timer *next;         /* among the free ones */
    bool used;
    bool armed;
    bool parked;                /* not in flight until the signal is taken */
    int32_t id;
    int32_t code;               /* of its signals: SI_… */
    int clock;
    uint64_t due;               /* monotonic */
    uint64_t interval;          /* ns; 0: once */
    struct signal_event event;
    struct signal_entry entry;
    struct signal_queue *queue; /* where the entry is, if queued */
};

#define CHUNK_TIMERS ((PAGE_SIZE - 16) / sizeof(struct timer))

struct chunk {
    struct timer timers[CHUNK_TIMERS];
    struct chunk *next;
};

static_assert(offsetof(struct timer, message) == 0, "a message is found in its timer");
static_assert(sizeof(struct chunk) <= PAGE_SIZE, "a chunk is a page");

static struct chunk *chunks, **last_chunk = &chunks;
static struct timer *free_timers;
static int32_t timer_count;

static struct timer real_timer = {
    .used = true,
    .code = SI_KERNEL,
    .clock = CLOCK_MONOTONIC,
    .event = {.number = SIGALRM, .notify = SIGEV_SIGNAL},
    .entry = {.kept = true},
};

/* --- Messages --- */

static bool sends_signals(const struct timer *timer)
{
    return timer->event.notify != SIGEV_NONE;
}

static bool start(struct timer *timer, handle_t port)
{
    timer->message = (struct system_message){
        .operation = SYSTEM_TIMER,
        .flags = MSG_ASYNC | (timer->interval ? MSG_LIVE : 0),
        .reply_port = port,
        .time = timer->due,
        .period = timer->interval,
    };
    return limen_msg_send(LIMEN_SYSTEM, &timer->message) == -EASYNC;
}

/* Takes the message back, in flight or come back. */
static void stop(struct timer *timer)
{
    struct system_message *message = &timer->message;
    if (!timer->armed || timer->parked || !sends_signals(timer))
        return;
    (void)limen_msg_cancel(message);
    (void)limen_msg_test(message->reply_port, message);
}

/* --- Expiry --- */

static void add_overrun(struct signal_entry *entry, uint64_t count)
{
    uint64_t overrun = (uint64_t)entry->info.words[1] + count;
    entry->info.words[1] = overrun > INT32_MAX ? INT32_MAX : (int32_t)overrun;
}

static void park(struct timer *timer)
{
    stop(timer);
    timer->parked = true;
}

/* Sends the timer's signal for so many expiries, or counts them, if it still waits. */
static void fire(struct timer *timer, uint64_t count)
{
    struct signal_entry *entry = &timer->entry;
    if (entry->queued) {
        add_overrun(entry, count);
        if (timer->armed)
            park(timer);
        return;
    }
    struct signal_info info = {.number = timer->event.number, .code = timer->code};
    if (timer->code == SI_TIMER) {
        info.words[0] = timer->id;
        info.words[1] = count - 1 > INT32_MAX ? INT32_MAX : (int32_t)(count - 1);
        info.words[2] = (int32_t)timer->event.value;
    }
    struct shim_thread *target = NULL;
    if (timer->event.notify == SIGEV_THREAD_ID) {
        target = signal_find_thread((uint32_t)timer->event.thread);
        if (!target)
            return;
    }
    timer->queue = target ? &target->pending : &shim_signals.pending;
    (void)signal_send(target, &info, entry);
}

/* Moves the time on to behind `now`; how often it has come until then. */
static uint64_t pass(struct timer *timer, uint64_t now)
{
    if (now < timer->due)
        return 0;
    if (timer->interval == 0) {
        timer->armed = false;
        return 1;
    }
    uint64_t count = (now - timer->due) / timer->interval + 1;
    timer->due += count * timer->interval;
    return count;
}

void timer_came_back(struct system_message *message)
{
    struct timer *timer = (struct timer *)message;
    bool in_flight = message->error == -EASYNC;
    if (!timer->armed || timer->parked || (timer->interval == 0 && in_flight))
        return;
    uint64_t now = shim_now() + CLOCK_SLACK_NS;
    if (timer->interval == 0)
        now = UINT64_MAX;
    uint64_t count = pass(timer, now);
    if (count)
        fire(timer, count);
}

void timer_taken(struct signal_entry *entry)
{
    struct timer *timer =
        (struct timer *)((uint8_t *)entry - offsetof(struct timer, entry));
    if (timer->parked) {
        add_overrun(entry, pass(timer, shim_now()));
        timer->parked = false;
        timer->armed =
            shim_signals.owner && start(timer, shim_signals.owner->port);
    }
    entry->delivered = entry->info.words[1];
}

/* --- Setting --- */

static long set(struct timer *timer, uint64_t due, uint64_t interval)
{
    stop(timer);
    timer->parked = false;
    timer->armed = due != 0;
    timer->due = due;
    timer->interval = interval;
    if (!timer->armed || !sends_signals(timer))
        return 0;
    if (shim_signals.owner && start(timer, shim_signals.owner->port))
        return 0;
    timer->armed = false;
    return -EAGAIN;
}

/* What it was due at may have passed: then it comes at once. */
static void move(struct timer *timer, handle_t port)
{
    if (!timer->used || !timer->armed || timer->parked || !sends_signals(timer))
        return;
    stop(timer);
    timer->armed = start(timer, port);
}

void timers_move(handle_t port)
{
    move(&real_timer, port);
    for (struct chunk *chunk = chunks; chunk; chunk = chunk->next)
        for (uint32_t i = 0; i < CHUNK_TIMERS; i++)
            move(&chunk->timers[i], port);
}

/* How long until it expires; 0: it does not. */
static uint64_t left(struct timer *timer)
{
    uint64_t now = shim_now();
    if (!sends_signals(timer) && timer->armed)
        (void)pass(timer, now);
    if (!timer->armed)
        return 0;
    if (now < timer->due)
        return timer->due - now;
    if (timer->interval == 0)
        return 1;
    return timer->interval - (now - timer->due) % timer->interval;
}

/* --- The table of timers --- */

static void make_timers(void)
{
    struct memory_map map = {.size = PAGE_SIZE, .flags = MEMORY_READ | MEMORY_WRITE};
    if (limen_memory_map(HANDLE_SELF, &map) < 0)
        return;
    struct chunk *chunk = (struct chunk *)map.address;
    *last_chunk = chunk;
    last_chunk = &chunk->next;
    for (uint32_t i = 0; i < CHUNK_TIMERS; i++) {
        struct timer *timer = &chunk->timers[CHUNK_TIMERS - 1 - i];
        timer->id = timer_count + (int32_t)(CHUNK_TIMERS - 1 - i);
        timer->next = free_timers;
        free_timers = timer;
    }
    timer_count += (int32_t)CHUNK_TIMERS;
}

static struct timer *find(int id)
{
    struct chunk *chunk = chunks;
    if (id < 0 || id >= timer_count)
        return NULL;
    for (uint32_t before = (uint32_t)id / CHUNK_TIMERS; before > 0; before--)
        chunk = chunk->next;
    struct timer *timer = &chunk->timers[(uint32_t)id % CHUNK_TIMERS];
    return timer->used ? timer : NULL;
}

static bool event_ok(const struct signal_event *event)
{
    switch (event->notify) {
    case SIGEV_NONE:
        return true;
    case SIGEV_SIGNAL:
        return is_signal(event->number);
    case SIGEV_THREAD_ID:
        return is_signal(event->number)
               && signal_find_thread((uint32_t)event->thread);
    default:
        return false;
    }
}

static long create(int clock, const struct signal_event *event, int *id)
{
    if (!free_timers)
        make_timers();
    struct timer *timer = free_timers;
    if (!timer)
        return -EAGAIN;
    struct signal_event usual = {
        .value = (uint32_t)timer->id,
        .number = SIGALRM,
        .notify = SIGEV_SIGNAL,
    };
    if (event && !event_ok(event))
        return -EINVAL;
    free_timers = timer->next;
    timer->used = true;
    timer->armed = false;
    timer->code = SI_TIMER;
    timer->clock = clock;
    timer->event = event ? *event : usual;
    timer->entry = (struct signal_entry){.kept = true};
    *id = timer->id;
    return 0;
}

/* --- Linux's calls --- */

long shim_timer_create(int clock, const struct signal_event *event, int *id)
{
    uint64_t now;
    if (!shim_clock_now(clock, &now))
        return -EINVAL;
    shim_signals_begin();
    shim_lock(&shim_signals.lock);
    long result = create(clock, event, id);
    shim_unlock(&shim_signals.lock);
    return result;
}

/* A setting, or what one was, as nanoseconds. */
struct span {
    uint64_t value;
    uint64_t interval;
};

static bool from_interval32(const struct interval32 *from, struct span *span)
{
    return shim_from_time(from->value.seconds, from->value.fraction, &span->value)
           && shim_from_time(from->interval.seconds, from->interval.fraction,
                             &span->interval);
}

static bool from_interval64(const struct interval64 *from, struct span *span)
{
    return shim_from_time(from->value.seconds, from->value.nanoseconds, &span->value)
           && shim_from_time(from->interval.seconds, from->interval.nanoseconds,
                             &span->interval);
}

static struct interval32 to_interval32(struct span span)
{
    return (struct interval32){shim_to_time32(span.interval), shim_to_time32(span.value)};
}

static struct interval64 to_interval64(struct span span)
{
    return (struct interval64){shim_to_time64(span.interval), shim_to_time64(span.value)};
}

/* The moment of the monotonic clock at which it is due first; 0: never. */
static uint64_t due_at(const struct timer *timer, int flags, uint64_t value)
{
    uint64_t now = 0, from = shim_now();
    if (value == 0)
        return 0;
    if (flags & TIMER_ABSTIME) {
        (void)shim_clock_now(timer->clock, &now);
        value = value > now ? value - now : 0;
    }
    return value > UINT64_MAX - from ? UINT64_MAX : from + value;
}

static long set_time(int id, int flags, struct span new, struct span *old)
{
    if (flags & ~TIMER_ABSTIME)
        return -EINVAL;
    shim_lock(&shim_signals.lock);
    struct timer *timer = find(id);
    long result = -EINVAL;
    if (timer) {
        *old = (struct span){left(timer), timer->interval};
        result = set(timer, due_at(timer, flags, new.value), new.interval);
    }
    shim_unlock(&shim_signals.lock);
    return result;
}

long shim_timer_settime32(int id, int flags, const struct interval32 *value,
                          struct interval32 *old)
{
    struct span new, before;
    if (!from_interval32(value, &new))
        return -EINVAL;
    long result = set_time(id, flags, new, &before);
    if (result == 0 && old)
        *old = to_interval32(before);
    return result;
}

long shim_timer_settime64(int id, int flags, const struct interval64 *value,
                          struct interval64 *old)
{
    struct span new, before;
    if (!from_interval64(value, &new))
        return -EINVAL;
    long result = set_time(id, flags, new, &before);
    if (result == 0 && old)
        *old = to_interval64(before);
    return result;
}

static long get_time(int id, struct span *now)
{
    shim_lock(&shim_signals.lock);
    struct timer *timer = find(id);
    if (timer)
        *now = (struct span){left(timer), timer->interval};
    shim_unlock(&shim_signals.lock);
    return timer ? 0 : -EINVAL;
}

long shim_timer_gettime32(int id, struct interval32 *value)
{
    struct span now;
    long result = get_time(id, &now);
    if (result == 0)
        *value = to_interval32(now);
    return result;
}

long shim_timer_gettime64(int id, struct interval64 *value)
{
    struct span now;
    long result = get_time(id, &now);
    if (result == 0)
        *value = to_interval64(now);
    return result;
}

long shim_timer_getoverrun(int id)
{
    shim_lock(&shim_signals.lock);
    const struct timer *timer = find(id);
    long result = timer ? timer->entry.delivered : -EINVAL;
    shim_unlock(&shim_signals.lock);
    return result;
}

long shim_timer_delete(int id)
{
    shim_lock(&shim_signals.lock);
    struct timer *timer = find(id);
    if (timer) {
        (void)set(timer, 0, 0);
        if (timer->entry.queued)
            signal_queue_drop(timer->queue, &timer->entry);
        timer->used = false;
        timer->next = free_timers;
        free_timers = timer;
    }
    shim_unlock(&shim_signals.lock);
    return timer ? 0 : -EINVAL;
}

/* --- alarm and setitimer: processor time is not measured --- */

static struct time32 to_us(uint64_t ns)
{
    struct time32 time = shim_to_time32(ns);
    time.fraction /= (int32_t)NS_PER_US;
    return time;
}

/* What is left is never told as nothing. */
static struct interval32 real_now(void)
{
    uint64_t value = left(&real_timer);
    if (value && value < NS_PER_US)
        value = NS_PER_US;
    return (struct interval32){to_us(real_timer.interval), to_us(value)};
}

static bool from_us(const struct time32 *time, uint64_t *ns)
{
    return time->fraction >= 0 && time->fraction < (int32_t)(NS_PER_SECOND / NS_PER_US)
           && shim_from_time(time->seconds, time->fraction * (int32_t)NS_PER_US, ns);
}

long shim_setitimer(int which, const struct interval32 *value, struct interval32 *old)
{
    uint64_t first, interval;
    if (which != ITIMER_REAL || !from_us(&value->value, &first)
        || !from_us(&value->interval, &interval))
        return -EINVAL;
    shim_signals_begin();
    shim_lock(&shim_signals.lock);
    struct interval32 before = real_now();
    long result = set(&real_timer, due_at(&real_timer, 0, first), interval);
    shim_unlock(&shim_signals.lock);
    if (result == 0 && old)
        *old = before;
    return result;
}

long shim_getitimer(int which, struct interval32 *value)
{
    if (which != ITIMER_REAL)
        return -EINVAL;
    shim_lock(&shim_signals.lock);
    *value = real_now();
    shim_unlock(&shim_signals.lock);
    return 0;
}
