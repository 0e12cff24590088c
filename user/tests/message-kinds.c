/* SPDX-License-Identifier: MIT */
/*
 * What system-call messages come back for: words of memory, ends, signals, times, and
 * interrupts, of which the kernel's log raises one whenever it grows.
 */
#include <limen/async.h>

#include "queue-port.h"
#include "stage.h"

#define SIGNALS 64
#define MANY 100
#define TWIN_PAGES 256

static struct system_message message, other;
static struct system_message many[MANY];
static handle_t port, root;
static volatile uint32_t word;

static bool is(long got, long wanted, const char *what)
{
    return step_ok(got == wanted, what, got);
}

static bool in_flight(struct system_message *one)
{
    return is(limen_msg_send(LIMEN_SYSTEM, one), -EASYNC, "sent");
}

static bool comes(struct system_message *one, long wanted)
{
    uint64_t deadline = clock_now() + PATIENCE;
    return is(limen_msg_wait(port, one, &deadline), wanted, "came back") &&
           is(one->error, wanted, "error");
}

static bool is_away(struct system_message *one)
{
    return is(limen_msg_test(port, one), -EAGAIN, "it is away");
}

static bool close(handle_t handle)
{
    return is(limen_handle_close(handle), 0, "handle_close");
}

static struct system_message ask(enum system_operation operation, handle_t object,
                                 uint32_t w0, uint32_t w1)
{
    return (struct system_message){.operation = (uint16_t)operation,
                                   .flags = MSG_ASYNC,
                                   .reply_port = port,
                                   .object = object,
                                   .words = {w0, w1}};
}

/* --- Words of memory --- */

static bool words_wake_in_order(void)
{
    port = queue_port();
    word = 7;
    bool right = true;
    for (uint32_t i = 0; i < MANY; i++) {
        many[i] = ask(SYSTEM_FUTEX, HANDLE_SELF, (uint32_t)&word, 7);
        right = right && in_flight(&many[i]);
    }
    right = right && is(limen_msg_cancel(&many[1]), 0, "cancelled") &&
            is(limen_futex_wake((uint32_t *)&word, 2), 2, "woken") &&
            comes(&many[0], 0) && comes(&many[1], -ECANCELED) && comes(&many[2], 0) &&
            is_away(&many[3]) &&
            is(limen_futex_wake((uint32_t *)&word, 1000), MANY - 3, "woken");
    for (uint32_t i = 3; i < MANY; i++)
        right = right && comes(&many[i], 0);
    return close(port) && right;
}

/* Threads and messages wait for one word; some are moved to another. */
static volatile uint32_t woken;

static void wait_for_word(uint32_t which)
{
    (void)which;
    if (limen_futex_wait((uint32_t *)&word, 7, NULL) == 0)
        woken++;
}

static bool words_are_moved(void)
{
    static volatile uint32_t target = 1;
    bool right = stage_open(0);
    port = queue_port();
    word = 7;
    woken = 0;
    many[0] = ask(SYSTEM_FUTEX, HANDLE_SELF, (uint32_t)&word, 7);
    right = right && in_flight(&many[0]) && stage_start(0, wait_for_word, HIGH);
    stage_settle();
    many[1] = ask(SYSTEM_FUTEX, HANDLE_SELF, (uint32_t)&word, 7);
    many[1].time = clock_now() + 10 * MILLISECOND;
    right = right && in_flight(&many[1]) &&
            is(limen_futex_requeue((uint32_t *)&word, 1, 2, (uint32_t *)&target), 3,
               "woken and moved") &&
            comes(&many[0], 0) && is(woken, 0, "threads woken") &&
            comes(&many[1], -ETIMEDOUT) &&
            is(limen_futex_wake((uint32_t *)&target, 5), 1, "the moved thread");
    stage_settle();
    right = right && is(woken, 1, "threads woken");
    right = close(port) && right;
    return stage_close() && right;
}

static bool words_that_cannot_be(void)
{
    port = queue_port();
    static const uint32_t places[] = {0,           2,   KERNEL_BASE - 2,
                                      KERNEL_BASE, ~3u, 0x70000000};
    bool right = true;
    for (uint32_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
        message = ask(SYSTEM_FUTEX, HANDLE_SELF, places[i], 0);
        long error = limen_msg_send(LIMEN_SYSTEM, &message);
        right = right && is(error, places[i] % 4 ? -EINVAL : -EFAULT, "refused");
    }
    return close(port) && right;
}

/* --- Ends --- */

static void exit_with(uint32_t status)
{
    (void)limen_process_exit(status);
}

static void fault(uint32_t unused)
{
    (void)unused;
    __asm__ volatile("ud2");
    for (;;)
        continue;
}

static void stay(uint32_t unused)
{
    (void)unused;
    for (;;)
        (void)limen_clock_sleep(&(uint64_t){UINT64_MAX});
}

static bool process_ends(void (*body)(uint32_t), uint32_t argument, bool kill,
                         const uint32_t words[3])
{
    struct child child = {0};
    port = queue_port();
    bool right = twin_load(&child, TWIN_PAGES);
    for (uint32_t i = 0; i < 3; i++) {
        many[i] = ask(SYSTEM_PROCESS_END, child.process, 0, 0);
        right = right && in_flight(&many[i]);
    }
    right = right && twin_start(&child, body, argument);
    if (kill && right)
        right = is(limen_process_kill(child.process, argument), 0, "kill");
    for (uint32_t i = 0; i < 4; i++) {
        if (i < 3)
            right = right && comes(&many[i], 0);
        else /* at once */
            many[i] = ask(SYSTEM_PROCESS_END, child.process, 0, 0);
        right = right &&
                (i < 3 || is(limen_msg_send(LIMEN_SYSTEM, &many[i]), 0, "sent")) &&
                is(many[i].words[0], words[0], "reason") &&
                is(many[i].words[1], words[1], "status") &&
                is(many[i].words[2], words[2], "vector");
    }
    child_close(&child);
    return close(port) && right;
}

static bool processes_end(void)
{
    return process_ends(exit_with, 42, false, (uint32_t[]){PROCESS_EXITED, 42, 0}) &&
           process_ends(stay, 9, true, (uint32_t[]){PROCESS_KILLED, 9, 0}) &&
           process_ends(fault, 0, false, (uint32_t[]){PROCESS_FAULTED, 0, 6});
}

/* The message holds the process: its handle may go. */
static bool process_without_handle(void)
{
    struct child child = {0};
    port = queue_port();
    bool right = twin_load(&child, TWIN_PAGES);
    message = ask(SYSTEM_PROCESS_END, child.process, 0, 0);
    other = ask(SYSTEM_PROCESS_END, child.process, 0, 0);
    other.time = clock_now() + MILLISECOND;
    right = right && in_flight(&message) && in_flight(&other) &&
            comes(&other, -ETIMEDOUT) && twin_start(&child, exit_with, 5);
    child_close(&child);
    right = right && comes(&message, 0) && is(message.words[1], 5, "status");
    return close(port) && right;
}

static bool own_end(void)
{
    port = queue_port();
    message = ask(SYSTEM_PROCESS_END, HANDLE_SELF, 0, 0);
    bool right = is(limen_msg_send(LIMEN_SYSTEM, &message), -EINVAL, "process");
    message = ask(SYSTEM_THREAD_END, HANDLE_SELF, 0, 0);
    right = right && is(limen_msg_send(LIMEN_SYSTEM, &message), -EINVAL, "thread");
    return close(port) && right;
}

static void leave_soon(uint32_t which)
{
    stage_wait_on(&stage_stop, 1);
    (void)which;
}

static bool threads_end(void)
{
    bool right = stage_open(0) && stage_start(0, leave_soon, HIGH);
    port = queue_port();
    for (uint32_t i = 0; i < MANY; i++) {
        many[i] = ask(SYSTEM_THREAD_END, stage_threads[0], 0, 0);
        right = right && in_flight(&many[i]);
    }
    /* Some of these show themselves. */
    other = ask(SYSTEM_THREAD_END, stage_threads[0], 0, 0);
    other.reply_port.value = 0;
    right = right && in_flight(&other) && is(limen_msg_cancel(&many[3]), 0, "cancelled");
    stage_tell(&stage_stop, 1);
    stage_settle();
    for (uint32_t i = 0; i < MANY; i++)
        right = right && comes(&many[i], i == 3 ? -ECANCELED : 0);
    right = right && is(other.error, 0, "shown");
    other = ask(SYSTEM_THREAD_END, stage_threads[0], 0, 0);
    right = right && is(limen_msg_send(LIMEN_SYSTEM, &other), 0, "ended already");
    right = close(port) && right;
    return stage_close() && right;
}

/* --- Signals --- */

static bool post(handle_t object, uint32_t low, uint32_t high)
{
    struct system_message posting = {
        .operation = SYSTEM_PROCESS_POST, .object = object, .words = {low, high}};
    return is(limen_msg_send(LIMEN_SYSTEM, &posting), 0, "posted");
}

static bool signals_have_one_listener(void)
{
    bool right = true;
    port = queue_port();
    right = post(HANDLE_SELF, 0xf0, 1) && right;
    for (uint32_t i = 0; i < SIGNALS; i++) {
        many[i] = ask(SYSTEM_PROCESS_SIGNALS, HANDLE_SELF, i < 32 ? 1u << i : 0,
                      i < 32 ? 0 : 1u << (i - 32));
        many[i].flags |= MSG_LIVE;
        right = right && in_flight(&many[i]);
    }
    /* Each is taken, by any set that has it. */
    for (uint32_t i = 0; i < SIGNALS; i++) {
        other = ask(SYSTEM_PROCESS_SIGNALS, HANDLE_SELF, i < 32 ? 1u << i : 0,
                    i < 32 ? 1 : 1u << (i - 32) | 1);
        right = right && is(limen_msg_send(LIMEN_SYSTEM, &other), -EBUSY, "busy");
    }
    /* What was posted before anybody listened came to who listened. */
    for (uint32_t i = 0; i < SIGNALS; i++) {
        bool posted = (i >= 4 && i < 8) || i == 32;
        right = right && (posted ? comes(&many[i], 0) : is_away(&many[i]));
    }
    right = right && post(HANDLE_SELF, ~0u, ~0u) && post(HANDLE_SELF, ~0u, 0);
    for (uint32_t i = 0; i < SIGNALS; i++)
        right = right && comes(&many[i], 0) &&
                is(many[i].words[i / 32], 1u << i % 32, "signal") &&
                is(many[i].words[1 - i / 32], 0, "no other") && is_away(&many[i]);
    /* One goes: another may listen, and hears what came in between. */
    right = right && is(limen_msg_cancel(&many[9]), 0, "cancelled") &&
            comes(&many[9], -ECANCELED) && post(HANDLE_SELF, 1u << 9, 0);
    other = ask(SYSTEM_PROCESS_SIGNALS, HANDLE_SELF, 1u << 9, 0);
    right = right && is(limen_msg_send(LIMEN_SYSTEM, &other), 0, "listens") &&
            is(other.words[0], 1u << 9, "signal");
    return close(port) && right;
}

/* The set is not the time. */
static bool signals_with_a_time_out(void)
{
    port = queue_port();
    message = ask(SYSTEM_PROCESS_SIGNALS, HANDLE_SELF, 0x80000000, 0x80000000);
    message.time = clock_now() + 3600 * SECOND;
    bool right = in_flight(&message) && post(HANDLE_SELF, 0x7fffffff, 0x7fffffff) &&
                 is_away(&message) && post(HANDLE_SELF, 0, 0x80000000) &&
                 comes(&message, 0) && is(message.words[0], 0, "low") &&
                 is(message.words[1], 0x80000000, "high");
    message = ask(SYSTEM_PROCESS_SIGNALS, HANDLE_SELF, 0x80000000, 0);
    message.time = clock_now() + MILLISECOND;
    right = right && in_flight(&message) && comes(&message, -ETIMEDOUT) &&
            post(HANDLE_SELF, 0x80000000, 0);
    other = ask(SYSTEM_PROCESS_SIGNALS, HANDLE_SELF, ~0u, ~0u);
    right = right &&
            is(limen_msg_send(LIMEN_SYSTEM, &other), 0, "all that were posted") &&
            is(other.words[0], ~0u, "low") && is(other.words[1], 0x7fffffff, "high");
    return close(port) && right;
}

static bool signals_of_others(void)
{
    struct child child = {0};
    port = queue_port();
    bool right = twin_load(&child, TWIN_PAGES);
    handle_t weak = handle_of(limen_handle_duplicate(child.process, RIGHT_READ));
    message = ask(SYSTEM_PROCESS_SIGNALS, weak, 1, 0);
    other = ask(SYSTEM_PROCESS_POST, weak, 1, 0);
    other.reply_port.value = 0;
    right = right && is(limen_msg_send(LIMEN_SYSTEM, &message), -EPERM, "listen") &&
            is(limen_msg_send(LIMEN_SYSTEM, &other), -EPERM, "post");
    message = ask(SYSTEM_PROCESS_SIGNALS, child.process, 3, 0);
    right = right && in_flight(&message) && post(HANDLE_SELF, 3, 0) &&
            is_away(&message) && post(child.process, 2, 0) && comes(&message, 0) &&
            is(message.words[0], 2, "signal");
    /* An ended process takes none, and who listens there is told. */
    message = ask(SYSTEM_PROCESS_SIGNALS, child.process, 3, 0);
    right = right && in_flight(&message) &&
            is(limen_process_kill(child.process, 0), 0, "kill");
    other = ask(SYSTEM_PROCESS_POST, child.process, 1, 0);
    other.reply_port.value = 0;
    right = right && is(limen_msg_send(LIMEN_SYSTEM, &other), -ESRCH, "post") &&
            comes(&message, -ESRCH);
    message = ask(SYSTEM_PROCESS_SIGNALS, child.process, 3, 0);
    right = right && is(limen_msg_send(LIMEN_SYSTEM, &message), -ESRCH, "listen there");
    (void)limen_handle_close(weak);
    child_close(&child);
    message = ask(SYSTEM_PROCESS_SIGNALS, HANDLE_SELF, 3, 0);
    right = right && is(limen_msg_send(LIMEN_SYSTEM, &message), 0, "own");
    return close(port) && right;
}

/* --- Times --- */

static bool periods_that_are_too_long(void)
{
    static const uint64_t periods[] = {UINT64_MAX, UINT64_MAX - 1, 1ull << 63};
    port = queue_port();
    bool right = true;
    for (uint32_t i = 0; i < 3; i++) {
        message = ask(SYSTEM_TIMER, HANDLE_SELF, 0, 0);
        message.flags |= MSG_LIVE;
        message.time = clock_now();
        message.period = periods[i];
        right = right && in_flight(&message) && comes(&message, 0) &&
                is(message.words[0], 1, "periods");
        sleep_for(MILLISECOND);
        right = right && is_away(&message) &&
                is(limen_msg_cancel(&message), 0, "cancelled") &&
                comes(&message, -ECANCELED);
    }
    return close(port) && right;
}

/* --- Interrupts --- */

static void raise(void)
{
    (void)limen_log_write(root, "raised", 6);
}

static struct system_message listen_to(uint32_t irq, handle_t resource)
{
    struct system_message one = ask(SYSTEM_INTERRUPT, resource, irq, 0);
    one.flags |= MSG_LIVE;
    return one;
}

static long acknowledge(struct system_message *one)
{
    struct system_message asking = {.operation = SYSTEM_ACKNOWLEDGE,
                                    .words = {(uint32_t)one}};
    return limen_msg_send(LIMEN_SYSTEM, &asking);
}

/* Forgets what others wrote to the log. */
static bool quiet(struct system_message *one)
{
    bool right = true;
    while (right && limen_msg_test(port, one) == 0)
        right = is(acknowledge(one), 0, "acknowledged");
    return right;
}

static bool interrupt_comes(void)
{
    port = queue_port();
    message = listen_to(IRQ_LOG, root);
    bool right = in_flight(&message) && quiet(&message);
    for (int i = 0; right && i < 5; i++) {
        right = is(acknowledge(&message), -EAGAIN, "nothing to acknowledge");
        raise();
        right = right && is(acknowledge(&message), -EAGAIN, "not taken yet") &&
                comes(&message, 0);
        raise();
        right = right && is_away(&message) && is(acknowledge(&message), 0, "taken") &&
                comes(&message, 0) && is(acknowledge(&message), 0, "taken");
    }
    other = ask(SYSTEM_TIMER, HANDLE_SELF, 0, 0);
    other.time = UINT64_MAX;
    right = right && in_flight(&other) &&
            is(acknowledge(&other), -EINVAL, "no interrupt") &&
            is(limen_msg_cancel(&message), 0, "cancelled") &&
            is(acknowledge(&message), -EINVAL, "not any more") &&
            comes(&message, -ECANCELED) && is(acknowledge(&message), -ESRCH, "gone");
    raise();
    return close(port) && right;
}

static bool interrupt_is_shared(void)
{
    port = queue_port();
    message = listen_to(IRQ_LOG, root);
    other = listen_to(IRQ_LOG, root);
    bool right = in_flight(&message) && in_flight(&other);
    raise();
    right = right && comes(&message, 0) && comes(&other, 0) &&
            is(acknowledge(&message), 0, "first");
    raise();
    right = right && is_away(&message) && is_away(&other) &&
            is(acknowledge(&other), 0, "second") && comes(&message, 0) &&
            comes(&other, 0);
    /* One goes without its acknowledgement. */
    raise();
    right = right && is(acknowledge(&message), 0, "first") && is_away(&message) &&
            is(limen_msg_cancel(&other), 0, "cancelled") && comes(&message, 0) &&
            comes(&other, -ECANCELED);
    /* One that nobody takes goes with its port. */
    handle_t first = port;
    port = queue_port();
    other = listen_to(IRQ_LOG, root);
    right = right && in_flight(&other) && is(acknowledge(&message), 0, "first");
    raise();
    right = close(port) && right;
    port = first;
    right = right && comes(&message, 0) && is(acknowledge(&message), 0, "alone");
    return close(port) && right;
}

static void drive_once(uint32_t resource)
{
    port = queue_port();
    message = listen_to(IRQ_LOG, (handle_t){resource});
    word = in_flight(&message) ? 1 : 2;
    if (limen_msg_wait(port, &message, NULL) == 0)
        word = 3;
    stay(0);
}

/* Each driver ends with the line masked; the next one's messages come all the same. */
static bool driver_is_restarted(void)
{
    const struct resource_range line = {RESOURCE_LOG, 0, 1};
    handle_t resource = handle_of(limen_resource_derive(root, &line));
    bool right = (long)resource.value > 0;
    for (int i = 0; right && i < 3; i++) {
        struct child child = {0};
        right = twin_load(&child, TWIN_PAGES);
        long there = limen_handle_give(child.process, resource, RIGHT_CONTROL);
        right = right && is(there > 0, 1, "given") &&
                twin_start(&child, drive_once, (uint32_t)there) &&
                child_wait_for(child, &word, 1);
        raise();
        right = right && child_wait_for(child, &word, 3) &&
                is(limen_process_kill(child.process, 0), 0, "killed");
        child_close(&child);
    }
    return close(resource) && right;
}

static bool interrupts_that_cannot_be(void)
{
    const struct resource_range line = {RESOURCE_IRQ, 5, 1};
    port = queue_port();
    handle_t narrow = handle_of(limen_resource_derive(root, &line));
    message = listen_to(IRQ_LOG, narrow);
    bool right = is(limen_msg_send(LIMEN_SYSTEM, &message), -EPERM, "another line");
    message = listen_to(IRQ_LOG + 1, root);
    right = right && is(limen_msg_send(LIMEN_SYSTEM, &message), -EINVAL, "no line");
    message = listen_to(0, root);
    right = right && is(limen_msg_send(LIMEN_SYSTEM, &message), -EBUSY, "the kernel's");
    message = listen_to(5, port);
    right = right && is(limen_msg_send(LIMEN_SYSTEM, &message), -EBADF, "no resource");
    message = listen_to(5, narrow);
    message.flags &= (uint16_t)~MSG_LIVE;
    right = right && is(limen_msg_send(LIMEN_SYSTEM, &message), -EINVAL, "not live");
    message = listen_to(5, narrow);
    message.reply_port.value = 0;
    right = right && is(limen_msg_send(LIMEN_SYSTEM, &message), -EINVAL, "no port");
    uint32_t made = 0;
    for (; made < MANY; made++) {
        many[made] = listen_to(5, narrow);
        if (limen_msg_send(LIMEN_SYSTEM, &many[made]) != -EASYNC)
            break;
    }
    right = right && is(made, 32, "sharers") && is(many[made].error, -EBUSY, "33rd");
    right = close(narrow) && right;
    return close(port) && right;
}

static const struct test_case cases[] = {
    {"messages for a word are woken in their order", words_wake_in_order},
    {"they are moved like threads", words_are_moved},
    {"words that cannot be waited for", words_that_cannot_be},
    {"processes end in every way", processes_end},
    {"a process ends to which there is no handle", process_without_handle},
    {"nobody waits for its own end", own_end},
    {"a thread ends, for a hundred messages", threads_end},
    {"64 signals, each to one message", signals_have_one_listener},
    {"signals with a time-out", signals_with_a_time_out},
    {"signals of another process", signals_of_others},
    {"periods without an end", periods_that_are_too_long},
    {"an interrupt comes, once for each acknowledgement", interrupt_comes},
    {"an interrupt's line is shared", interrupt_is_shared},
    {"a driver ends, the next one goes on", driver_is_restarted},
    {"interrupts that cannot be listened to", interrupts_that_cannot_be},
};

int main(void)
{
    root = handle_of((long)getauxval(AT_LIMEN_RESOURCE));
    port = queue_port();
    for (uint32_t i = 0; i < MANY; i++) {
        many[i] = ask(SYSTEM_TIMER, HANDLE_SELF, 0, 0);
        (void)limen_msg_send(LIMEN_SYSTEM, &many[i]);
    }
    (void)limen_handle_close(port);
    return RUN_CASES(cases);
}
