/* SPDX-License-Identifier: MIT */
/*
 * What makes threads look at their signals: ports, and the messages that come back to
 * them. They are made when they are needed first; a program that makes no call for which
 * they are is not told of signals that are posted to it. The first thread is the first
 * owner and has no handle to itself: the process's message is its kick, too. When the
 * owner ends, another thread becomes it.
 */
#include "signal.h"

#include <limen/async.h>

#include "timer.h"

/* Of the process's message: the signal that musl keeps for its own timers, which nobody
 * posts. */
#define KICK_BIT SIGNAL_BIT(32)

static struct system_message process_message;

LIMEN_UPCALL(shim_on_upcall);

/* --- Ports --- */

static bool begin(struct system_message *message)
{
    return limen_msg_send(LIMEN_SYSTEM, message) == -EASYNC;
}

/* Makes the thread's port and lets its kick, if it has one, come back there. */
static bool make_port(struct shim_thread *thread, handle_t handle)
{
    const struct reply_policy policy = {
        .kind = REPLY_UPCALL,
        .depth = 1,
        .thread = handle,
        .entry = (uint32_t)shim_on_upcall_upcall,
        .stack = (uint32_t)thread,
        .stack_size = SHIM_STACK_SIZE - sizeof(*thread),
        .critical = &thread->critical,
    };
    long port = limen_reply_port_create(&policy);
    if (port < 0)
        return false;
    thread->port = (handle_t){(uint32_t)port};
    if (!thread->thread.value)
        return true;
    thread->kick = (struct system_message){
        .operation = SYSTEM_THREAD_SIGNALS,
        .flags = MSG_ASYNC | MSG_LIVE,
        .reply_port = thread->port,
        .object = thread->thread,
        .words = {1},
    };
    if (begin(&thread->kick))
        return true;
    limen_handle_close(thread->port);
    thread->port = (handle_t){0};
    return false;
}

bool signal_can_kick(struct shim_thread *thread)
{
    return thread->port.value
           || (thread->thread.value && make_port(thread, thread->thread));
}

/* A message that takes no time cannot fail but for a thread that has ended. */
long signal_kick(struct shim_thread *thread)
{
    bool first = !thread->thread.value;
    struct system_message post = {
        .operation = first ? SYSTEM_PROCESS_POST : SYSTEM_THREAD_POST,
        .object = first ? HANDLE_SELF : thread->thread,
        .words = {1},
    };
    if (!signal_can_kick(thread))
        return -EAGAIN;
    if (first) {
        post.words[0] = (uint32_t)KICK_BIT;
        post.words[1] = (uint32_t)(KICK_BIT >> 32);
    }
    return limen_msg_send(LIMEN_SYSTEM, &post) < 0 ? -ESRCH : 0;
}

/* --- The owner --- */

/* Lets the process's messages come back to the owner's port. */
static void own(struct shim_thread *thread)
{
    process_message = (struct system_message){
        .operation = SYSTEM_PROCESS_SIGNALS,
        .flags = MSG_ASYNC | MSG_LIVE,
        .reply_port = thread->port,
        .object = HANDLE_SELF,
        .words = {UINT32_MAX, UINT32_MAX},
    };
    shim_signals.owner = begin(&process_message) ? thread : NULL;
}

void shim_signals_begin(void)
{
    struct shim_thread *self = shim_self();
    if (shim_signals.owner)
        return;
    shim_lock(&shim_signals.lock);
    handle_t handle = self->thread.value ? self->thread : HANDLE_SELF;
    if (!shim_signals.owner && (self->port.value || make_port(self, handle)))
        own(self);
    shim_unlock(&shim_signals.lock);
}

/* Who else could be the owner. */
static struct shim_thread *find_heir(const struct shim_thread *leaver)
{
    for (struct shim_thread *at = shim_threads(); at; at = at->next)
        if (at != leaver && at->live && signal_can_kick(at))
            return at;
    return NULL;
}

/* Ends a live message; what it has brought until then is absorbed. */
static void end_message(struct shim_thread *self, struct system_message *message)
{
    (void)limen_msg_cancel(message);
    long result = limen_msg_test(self->port, message);
    if (result == 0 || result == -ECANCELED)
        signal_absorb(self, message, message->words);
}

/* The process's messages come back to somebody else from now on. What the last thread
 * would have been told, nobody is. */
static void hand_over(struct shim_thread *self)
{
    struct shim_thread *heir = find_heir(self);
    end_message(self, &process_message);
    shim_signals.owner = NULL;
    if (!heir)
        return;
    own(heir);
    timers_move(heir->port);
}

/* --- What came back --- */

/* Signals that were posted to the process. */
static void absorb_posted(uint64_t posted)
{
    posted &= ~KICK_BIT;
    while (posted) {
        const struct signal_info info = {
            .number = signal_lowest(posted),
            .code = SI_USER,
        };
        posted &= ~SIGNAL_BIT(info.number);
        (void)signal_send(NULL, &info, NULL);
    }
}

void signal_absorb(struct shim_thread *self, struct system_message *message,
                   const uint32_t words[3])
{
    if (message == &process_message)
        absorb_posted(words[0] | (uint64_t)words[1] << 32);
    else if (message != &self->kick)
        timer_came_back(message);
}

void signal_drain(struct shim_thread *self)
{
    __asm__ volatile("andl %1, %0" : "+m"(self->critical) : "i"(~CRITICAL_HELD));
    if (!self->port.value)
        return;
    shim_lock(&shim_signals.lock);
    for (;;) {
        struct system_message *message = NULL;
        (void)limen_msg_test_any(self->port, &message);
        if (!message)
            break;
        signal_absorb(self, message, message->words);
    }
    shim_unlock(&shim_signals.lock);
}

/* An upcall: not in the shim. */
void shim_on_upcall(struct upcall *upcall)
{
    struct shim_thread *self = shim_self();
    __asm__ volatile("andl %1, %0" : "+m"(self->critical) : "i"(~CRITICAL_HELD));
    shim_lock(&shim_signals.lock);
    signal_absorb(self, upcall->message, upcall->words);
    shim_unlock(&shim_signals.lock);
    signal_take_interrupted(self, upcall);
}

/* --- Threads --- */

static bool has_live_thread(void)
{
    for (struct shim_thread *at = shim_threads(); at; at = at->next)
        if (at->live)
            return true;
    return false;
}

void shim_signals_leave(void)
{
    struct shim_thread *self = shim_self();
    shim_lock(&shim_signals.lock);
    self->live = false;
    if (shim_signals.owner == self)
        hand_over(self);
    signal_retarget();
    for (uint64_t set = self->pending.set; set; set = self->pending.set)
        signal_entry_give(signal_queue_take(&self->pending, signal_lowest(set)));
    if (self->port.value)
        limen_handle_close(self->port);
    if (self->thread.value)
        limen_handle_close(self->thread);
    self->port = self->thread = (handle_t){0};
    bool last = fault_is_served() && !has_live_thread();
    shim_unlock(&shim_signals.lock);
    if (last)
        limen_process_exit(0);  /* the thread that serves would stay */
}
