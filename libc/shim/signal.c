/* SPDX-License-Identifier: MIT */
/*
 * Signals, as far as a program can do to itself what they do by default: end it, or
 * nothing. Actions and masks are kept as they are given. No handler runs yet: to raise a
 * signal that has one answers -ENOSYS rather than success, and so does a signal to
 * anybody else. A process that a signal ends is PROCESS_KILLED with status 128 + the
 * signal's number.
 */
#include "shim.h"

#include <signal.h>
#include <string.h>

#define SIGNAL_COUNT 64
#define MASK_SIZE 8             /* bytes of a set of signals, as Linux has it */
#define SIGNAL_BIT(number) (1ull << ((number) - 1))

#define UNBLOCKABLE (SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP))
#define IGNORED_BY_DEFAULT                                           \
    (SIGNAL_BIT(SIGCHLD) | SIGNAL_BIT(SIGURG) | SIGNAL_BIT(SIGWINCH) \
     | SIGNAL_BIT(SIGCONT))
#define STOPPING                                                     \
    (SIGNAL_BIT(SIGSTOP) | SIGNAL_BIT(SIGTSTP) | SIGNAL_BIT(SIGTTIN) \
     | SIGNAL_BIT(SIGTTOU))

#define HANDLER_DEFAULT 0u      /* SIG_DFL, SIG_IGN as numbers */
#define HANDLER_IGNORE 1u

static struct {
    struct shim_lock lock;
    struct signal_action action[SIGNAL_COUNT];  /* of signal n + 1 */
} signals;

static bool is_signal(int number)
{
    return number >= 1 && number <= SIGNAL_COUNT;
}

static struct signal_action action_of(int number)
{
    shim_lock(&signals.lock);
    struct signal_action action = signals.action[number - 1];
    shim_unlock(&signals.lock);
    return action;
}

void shim_die(int number)
{
    limen_process_kill(HANDLE_SELF, 128 + (uint32_t)number);
    limen_process_exit(128 + (uint32_t)number);
    __builtin_unreachable();
}

long shim_raise(int number)
{
    uint32_t handler = action_of(number).handler;
    uint64_t bit = SIGNAL_BIT(number);
    if (handler == HANDLER_IGNORE)
        return 0;
    if (handler != HANDLER_DEFAULT || (bit & STOPPING))
        return -ENOSYS;
    if (bit & IGNORED_BY_DEFAULT)
        return 0;

    struct shim_thread *self = shim_self();
    if (self->blocked & bit) {
        self->pending |= bit;
        return 0;
    }
    shim_die(number);
}

/* What was raised while blocked and is blocked no more. An action may have become a
 * handler meanwhile: then the signal stays pending. */
static void raise_pending(struct shim_thread *self)
{
    for (int number = 1; number <= SIGNAL_COUNT; number++) {
        uint64_t bit = SIGNAL_BIT(number);
        if (!(self->pending & ~self->blocked & bit))
            continue;
        if (shim_raise(number) == 0)
            self->pending &= ~bit;
    }
}

long shim_rt_sigaction(int number, const struct signal_action *action,
                       struct signal_action *old, uint32_t size)
{
    if (!is_signal(number) || size != MASK_SIZE)
        return -EINVAL;
    if (action && (number == SIGKILL || number == SIGSTOP))
        return -EINVAL;

    shim_lock(&signals.lock);
    struct signal_action before = signals.action[number - 1];
    if (action)
        signals.action[number - 1] = *action;
    shim_unlock(&signals.lock);
    if (old)
        *old = before;
    return 0;
}

long shim_rt_sigprocmask(int how, const uint64_t *set, uint64_t *old, uint32_t size)
{
    if (size != MASK_SIZE)
        return -EINVAL;
    struct shim_thread *self = shim_self();
    uint64_t before = self->blocked;
    if (set) {
        switch (how) {
        case SIG_BLOCK:
            self->blocked = before | *set;
            break;
        case SIG_UNBLOCK:
            self->blocked = before & ~*set;
            break;
        case SIG_SETMASK:
            self->blocked = *set;
            break;
        default:
            return -EINVAL;
        }
        self->blocked &= ~UNBLOCKABLE;
    }
    if (old)
        *old = before;
    raise_pending(self);
    return 0;
}

long shim_rt_sigpending(uint64_t *set, uint32_t size)
{
    if (size > MASK_SIZE)
        return -EINVAL;
    memcpy(set, &shim_self()->pending, size);
    return 0;
}

/* A signal to one thread: to the caller itself, or not served. Number 0 only asks. */
static long signal_thread(int thread, int number)
{
    if (number && !is_signal(number))
        return -EINVAL;
    if ((uint32_t)thread != shim_self()->number)
        return -ENOSYS;
    return number ? shim_raise(number) : 0;
}

long shim_tkill(int thread, int number)
{
    return signal_thread(thread, number);
}

long shim_tgkill(int process, int thread, int number)
{
    return process == shim_getpid() ? signal_thread(thread, number) : -ESRCH;
}

long shim_kill(int process, int number)
{
    if (number && !is_signal(number))
        return -EINVAL;
    if (process != shim_getpid())
        return -ENOSYS;
    return number ? shim_raise(number) : 0;
}
