/* SPDX-License-Identifier: MIT */
/*
 * poll and select. A descriptor can be written to at any time; there is one source of
 * input, which all descriptors that can be read share.
 */
#include "shim.h"

#include <poll.h>

#define NS_PER_US 1000u
#define NS_PER_MS 1000000ull
#define BITS 32u
#define MOST_BITS 1024          /* of a set: FD_SETSIZE */

#define EVENTS_IN (POLLIN | POLLRDNORM)
#define EVENTS_OUT (POLLOUT | POLLWRNORM)

/* What pselect6 has in place of a mask. */
struct mask_argument {
    const uint64_t *mask;
    uint32_t size;
};

static short input_events(void)
{
    long result = shim_input_ready();
    if (result == -EAGAIN || result == -EINTR)
        return 0;
    return result < 0 ? POLLIN | POLLERR : EVENTS_IN;
}

static bool wants_input(const struct pollfd *file)
{
    return file->fd >= 0 && shim_file_is_open(file->fd) && shim_file_reads(file->fd)
           && file->events & EVENTS_IN;
}

static short events_of(const struct pollfd *file)
{
    if (file->fd < 0)
        return 0;
    if (!shim_file_is_open(file->fd))
        return POLLNVAL;
    short events = shim_file_writes(file->fd) ? EVENTS_OUT : 0;
    if (wants_input(file))
        events |= input_events();
    return events & (file->events | POLLERR | POLLHUP);
}

/* Looks at all of them; how many have something. */
static long look(struct pollfd *files, uint32_t count)
{
    long ready = 0;
    for (uint32_t i = 0; i < count; i++) {
        files[i].revents = events_of(&files[i]);
        ready += files[i].revents != 0;
    }
    return ready;
}

static long wait(const struct pollfd *files, uint32_t count, uint64_t deadline)
{
    for (uint32_t i = 0; i < count; i++)
        if (wants_input(&files[i]))
            return SHIM_WAIT(shim_input_wait(deadline));
    long result = SHIM_WAIT(limen_clock_sleep(&deadline));
    return result == 0 ? -ETIMEDOUT : result;
}

static long poll_until(struct pollfd *files, uint32_t count, uint64_t deadline)
{
    for (;;) {
        long result = look(files, count);
        if (result > 0)
            return result;
        if (shim_now() < deadline)
            result = wait(files, count, deadline);
        else
            result = shim_is_signalled() ? -EINTR : -ETIMEDOUT;
        if (result == -EINTR)
            return shim_interrupted(deadline);
        if (result == -ETIMEDOUT)
            return look(files, count);
    }
}

/* Waits under another mask, if one is given. */
static long poll_masked(struct pollfd *files, uint32_t count, uint64_t deadline,
                        const uint64_t *mask)
{
    if (mask)
        shim_mask_for_call(mask);
    long result = poll_until(files, count, deadline);
    if (mask && result != -RESTART_UNHANDLED)
        shim_mask_after_call();
    return result;
}

/* The moment until which a call waits; false: not a time. */
static bool deadline32(const struct time32 *time, uint64_t *deadline)
{
    uint64_t span = UINT64_MAX;
    if (time && !shim_from_time(time->seconds, time->fraction, &span))
        return false;
    *deadline = time ? shim_deadline(span) : UINT64_MAX;
    return true;
}

/* select's, whose microseconds may be more than a second. */
static bool deadline_us(const struct time32 *time, uint64_t *deadline)
{
    uint64_t span = UINT64_MAX;
    if (time && (time->fraction < 0 || !shim_from_time(time->seconds, 0, &span)))
        return false;
    if (time)
        span += (uint64_t)time->fraction * NS_PER_US;
    *deadline = time ? shim_deadline(span) : UINT64_MAX;
    return true;
}

static bool deadline64(const struct time64 *time, uint64_t *deadline)
{
    uint64_t span = UINT64_MAX;
    if (time && !shim_from_time(time->seconds, time->nanoseconds, &span))
        return false;
    *deadline = time ? shim_deadline(span) : UINT64_MAX;
    return true;
}

/* --- poll --- */

long shim_poll(struct pollfd *files, uint32_t count, int timeout)
{
    uint64_t deadline = UINT64_MAX;
    if (timeout >= 0)
        deadline = shim_deadline((uint64_t)timeout * NS_PER_MS);
    return poll_until(files, count, deadline);
}

long shim_ppoll(struct pollfd *files, uint32_t count, const struct time32 *timeout,
                const uint64_t *mask, uint32_t size)
{
    uint64_t deadline;
    if ((mask && size != MASK_SIZE) || !deadline32(timeout, &deadline))
        return -EINVAL;
    return poll_masked(files, count, deadline, mask);
}

long shim_ppoll_time64(struct pollfd *files, uint32_t count,
                       const struct time64 *timeout, const uint64_t *mask, uint32_t size)
{
    uint64_t deadline;
    if ((mask && size != MASK_SIZE) || !deadline64(timeout, &deadline))
        return -EINVAL;
    return poll_masked(files, count, deadline, mask);
}

/* --- select: the same, in sets of bits --- */

struct sets {
    uint32_t *read;
    uint32_t *write;
    uint32_t *except;
};

static bool has(const uint32_t *set, uint32_t file)
{
    return set && set[file / BITS] & 1u << file % BITS;
}

static void clear(uint32_t *set, uint32_t count)
{
    for (uint32_t i = 0; set && i < (count + BITS - 1) / BITS; i++)
        set[i] = 0;
}

static long put(uint32_t *set, const struct pollfd *file, short events)
{
    if (!(file->revents & events))
        return 0;
    set[(uint32_t)file->fd / BITS] |= 1u << (uint32_t)file->fd % BITS;
    return 1;
}

/* Makes a list of what is in the sets; -EBADF: something is not open. */
static long list_files(const struct sets *sets, uint32_t count,
                       struct pollfd files[SHIM_FILES])
{
    uint32_t listed = 0;
    for (uint32_t file = 0; file < count; file++) {
        short events = (has(sets->read, file) ? POLLIN : 0)
                       | (has(sets->write, file) ? POLLOUT : 0);
        if (!events && !has(sets->except, file))
            continue;
        if (!shim_file_is_open((int)file))
            return -EBADF;
        files[listed++] = (struct pollfd){.fd = (int)file, .events = events};
    }
    return (long)listed;
}

static long select_until(const struct sets *sets, int count, uint64_t deadline,
                         const uint64_t *mask)
{
    struct pollfd files[SHIM_FILES];
    if (count < 0)
        return -EINVAL;
    uint32_t bits = count > MOST_BITS ? MOST_BITS : (uint32_t)count;
    long listed = list_files(sets, bits, files);
    if (listed < 0)
        return listed;
    long result = poll_masked(files, (uint32_t)listed, deadline, mask);
    if (result < 0)
        return result;
    clear(sets->read, bits);
    clear(sets->write, bits);
    clear(sets->except, bits);
    result = 0;
    for (long i = 0; i < listed; i++) {
        if (files[i].events & POLLIN)
            result += put(sets->read, &files[i], POLLIN | POLLHUP | POLLERR);
        if (files[i].events & POLLOUT)
            result += put(sets->write, &files[i], POLLOUT | POLLERR);
    }
    return result;
}

long shim__newselect(int count, uint32_t *read, uint32_t *write, uint32_t *except,
                     const struct time32 *timeout)
{
    uint64_t deadline;
    if (!deadline_us(timeout, &deadline))
        return -EINVAL;
    return select_until(&(struct sets){read, write, except}, count, deadline, NULL);
}

static bool mask_ok(const struct mask_argument *argument)
{
    return !argument || !argument->mask || argument->size == MASK_SIZE;
}

long shim_pselect6(int count, uint32_t *read, uint32_t *write, uint32_t *except,
                   const struct time32 *timeout, const struct mask_argument *argument)
{
    uint64_t deadline;
    if (!mask_ok(argument) || !deadline32(timeout, &deadline))
        return -EINVAL;
    return select_until(&(struct sets){read, write, except}, count, deadline,
                        argument ? argument->mask : NULL);
}

long shim_pselect6_time64(int count, uint32_t *read, uint32_t *write, uint32_t *except,
                          const struct time64 *timeout,
                          const struct mask_argument *argument)
{
    uint64_t deadline;
    if (!mask_ok(argument) || !deadline64(timeout, &deadline))
        return -EINVAL;
    return select_until(&(struct sets){read, write, except}, count, deadline,
                        argument ? argument->mask : NULL);
}
