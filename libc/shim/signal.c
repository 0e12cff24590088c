/* SPDX-License-Identifier: MIT */
/*
 * Linux's calls about signals. Processes do not know each other: only the own one and its
 * threads can be sent a signal by number. Nothing is ever stopped: what would stop a
 * process by default answers -ENOSYS. A process that a signal ends is PROCESS_KILLED with
 * status 128 + the signal's number.
 */
#include "signal.h"

#include <string.h>

void shim_die(int number)
{
    limen_process_kill(HANDLE_SELF, 128 + (uint32_t)number);
    limen_process_exit(128 + (uint32_t)number);
    __builtin_unreachable();
}

/* --- Actions --- */

long shim_rt_sigaction(int number, const struct signal_action *action,
                       struct signal_action *old, uint32_t size)
{
    if (!is_signal(number) || size != MASK_SIZE)
        return -EINVAL;
    if (action && (number == SIGKILL || number == SIGSTOP))
        return -EINVAL;

    if (action)
        shim_signals_begin();
    shim_lock(&shim_signals.lock);
    struct signal_action before = shim_signals.action[number - 1];
    if (action) {
        shim_signals.action[number - 1] = *action;
        if (signal_is_ignored(number))
            signal_forget(number);
    }
    shim_unlock(&shim_signals.lock);
    if (action && action->handler > HANDLER_IGNORE
        && SIGNAL_BIT(number) & SIGNALS_OF_FAULTS)
        fault_begin();
    if (old)
        *old = before;
    return 0;
}

/* --- Masks --- */

void shim_set_mask(uint64_t blocked)
{
    struct shim_thread *self = shim_self();
    shim_lock(&shim_signals.lock);
    self->blocked = blocked & ~UNBLOCKABLE;
    uint64_t waiting = self->pending.set | shim_signals.pending.set;
    if (waiting & ~self->blocked)
        self->attention = 1;
    if (shim_signals.pending.set & self->blocked)
        signal_retarget();
    shim_unlock(&shim_signals.lock);
}

void shim_mask_for_call(const uint64_t *mask)
{
    struct shim_thread *self = shim_self();
    if (!self->restores_mask)
        self->saved = self->blocked;
    self->restores_mask = true;
    shim_set_mask(*mask);
}

void shim_mask_after_call(void)
{
    struct shim_thread *self = shim_self();
    if (!self->restores_mask)
        return;
    self->restores_mask = false;
    shim_set_mask(self->saved);
}

long shim_rt_sigprocmask(int how, const uint64_t *set, uint64_t *old, uint32_t size)
{
    if (size != MASK_SIZE)
        return -EINVAL;
    uint64_t before = shim_self()->blocked;
    if (set) {
        switch (how) {
        case SIG_BLOCK:
            shim_set_mask(before | *set);
            break;
        case SIG_UNBLOCK:
            shim_set_mask(before & ~*set);
            break;
        case SIG_SETMASK:
            shim_set_mask(*set);
            break;
        default:
            return -EINVAL;
        }
    }
    if (old)
        *old = before;
    return 0;
}

long shim_rt_sigpending(uint64_t *set, uint32_t size)
{
    if (size != MASK_SIZE)
        return -EINVAL;
    struct shim_thread *self = shim_self();
    shim_lock(&shim_signals.lock);
    *set = (self->pending.set | shim_signals.pending.set) & self->blocked;
    shim_unlock(&shim_signals.lock);
    return 0;
}

/* --- Waiting --- */

long shim_pause(void)
{
    const uint64_t never = UINT64_MAX;
    shim_signals_begin();
    return SHIM_WAIT(limen_clock_sleep(&never)) == -EINTR ? -RESTART_UNHANDLED : 0;
}

long shim_rt_sigsuspend(const uint64_t *mask, uint32_t size)
{
    if (size != MASK_SIZE)
        return -EINVAL;
    shim_mask_for_call(mask);
    return shim_pause();
}

/* Whether one of the set waits, which is taken; else the thread awaits `next`. What it
 * does not await any more others may. */
static bool take_awaited(uint64_t set, struct signal_info *info, uint64_t next)
{
    struct shim_thread *self = shim_self();
    shim_lock(&shim_signals.lock);
    bool found = signal_take_of(self, set, info);
    self->awaited = found ? 0 : next;
    if (!self->awaited)
        signal_retarget();
    shim_unlock(&shim_signals.lock);
    return found;
}

/* Waits for one of a set of signals; its number. */
static long await(uint64_t set, struct signal_info *info, uint64_t deadline)
{
    set &= ~UNBLOCKABLE;
    shim_signals_begin();
    if (take_awaited(set, info, set))
        return info->number;
    long result = SHIM_WAIT(limen_clock_sleep(&deadline));
    if (take_awaited(set, info, 0))
        return info->number;
    return result == -EINTR ? shim_interrupted(deadline) : -EAGAIN;
}

static long timed_wait(uint64_t set, void *told, bool limited, uint64_t span)
{
    struct signal_info info;
    long number = await(set, &info, limited ? shim_deadline(span) : UINT64_MAX);
    if (number > 0 && told) {
        memset(told, 0, sizeof(siginfo_t));
        memcpy(told, &info, sizeof info);
    }
    return number;
}

long shim_rt_sigtimedwait(const uint64_t *set, void *info, const struct time32 *time,
                          uint32_t size)
{
    uint64_t span = 0;
    if (size != MASK_SIZE
        || (time && !shim_from_time(time->seconds, time->fraction, &span)))
        return -EINVAL;
    return timed_wait(*set, info, time, span);
}

long shim_rt_sigtimedwait_time64(const uint64_t *set, void *info,
                                 const struct time64 *time, uint32_t size)
{
    uint64_t span = 0;
    if (size != MASK_SIZE
        || (time && !shim_from_time(time->seconds, time->nanoseconds, &span)))
        return -EINVAL;
    return timed_wait(*set, info, time, span);
}

/* --- Sending --- */

static long send_locked(struct shim_thread *target, const struct signal_info *info)
{
    shim_lock(&shim_signals.lock);
    long result = signal_send(target, info, NULL);
    shim_unlock(&shim_signals.lock);
    return result;
}

/* Sends to the process, or its group, if it is this one. Number 0 only asks. */
static long send_to_process(int process, int number, const struct signal_info *info)
{
    if (number && !is_signal(number))
        return -EINVAL;
    if (process != shim_getpid() && process != 0 && process != -shim_getpid())
        return -ESRCH;
    return number ? send_locked(NULL, info) : 0;
}

static long send_to_thread(int thread, int number, const struct signal_info *info)
{
    struct shim_thread *self = shim_self();
    if (number && !is_signal(number))
        return -EINVAL;
    if ((uint32_t)thread == self->number)
        return number ? send_locked(self, info) : 0;
    shim_lock(&shim_signals.lock);
    struct shim_thread *target = signal_find_thread((uint32_t)thread);
    long result = target ? 0 : -ESRCH;
    if (target && number)
        result = signal_send(target, info, NULL);
    shim_unlock(&shim_signals.lock);
    return result;
}

static struct signal_info info_of(int number, int code)
{
    return (struct signal_info){
        .number = number,
        .code = code,
        .words = {(int32_t)shim_getpid()},
    };
}

long shim_raise(int number)
{
    const struct signal_info info = {.number = number, .code = SI_KERNEL};
    return send_locked(NULL, &info);
}

long shim_kill(int process, int number)
{
    const struct signal_info info = info_of(number, SI_USER);
    return send_to_process(process, number, &info);
}

long shim_tkill(int thread, int number)
{
    const struct signal_info info = info_of(number, SI_TKILL);
    return send_to_thread(thread, number, &info);
}

long shim_tgkill(int process, int thread, int number)
{
    const struct signal_info info = info_of(number, SI_TKILL);
    return process == shim_getpid() ? send_to_thread(thread, number, &info) : -ESRCH;
}

/* What a sender says of a signal; it cannot claim to be the kernel only towards others,
 * and there are none. */
static struct signal_info given(const struct signal_info *from, int number)
{
    struct signal_info info = *from;
    info.number = number;
    return info;
}

long shim_rt_sigqueueinfo(int process, int number, const struct signal_info *from)
{
    const struct signal_info info = given(from, number);
    return send_to_process(process, number, &info);
}

long shim_rt_tgsigqueueinfo(int process, int thread, int number,
                            const struct signal_info *from)
{
    const struct signal_info info = given(from, number);
    return process == shim_getpid() ? send_to_thread(thread, number, &info) : -ESRCH;
}
