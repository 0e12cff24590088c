/* SPDX-License-Identifier: MIT */
/*
 * The thread that gets the process's signals and timers ends, and its heir, and so on,
 * while signals are posted at any moment, and a timer's come. None is lost.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/time.h>
#include <unistd.h>

#include "child.h"
#include "libc-child.h"

#include <limen/system_message.h>

#define SIGNALS 1000
#define ALARMS 500
#define HEIRS 200

enum {
    NOT_SENT = 1,
    SIGNAL_LOST,
    ALARM_LOST,
    TOO_FEW_HEIRS,
    NO_THREAD,
};

static atomic_uint handled, alarms, heirs;

static void note(int number)
{
    (void)number;
    handled++;
}

static void alarm_in(long us)
{
    setitimer(ITIMER_REAL, &(struct itimerval){.it_value.tv_usec = us}, NULL);
}

/* It comes once, and is set anew here: one that is lost was the last. */
static void note_alarm(int number)
{
    (void)number;
    alarm_in((long)(20 + ++alarms % 50 * 4));
}

/* Ends the process where the count does not come to it. */
static void comes_to(const atomic_uint *count, uint32_t wanted, uint32_t otherwise)
{
    uint64_t deadline = clock_now() + PATIENCE;
    while (*count < wanted) {
        if (clock_now() > deadline)
            (void)limen_process_exit(otherwise);
        sleep_for(20000);
    }
}

/* A bare thread, which never is an heir. It comes before all others, so that its signals
 * come amid whatever they do. */
static void post_all(uint32_t unused)
{
    struct thread_info info = {0};
    struct system_message post = {
        .operation = SYSTEM_PROCESS_POST, .words = {1u << (SIGUSR1 - 1)}};
    (void)unused;
    if (limen_thread_info(HANDLE_SELF, &info)
        || limen_thread_priority(HANDLE_SELF, info.base_priority + 1))
        (void)limen_process_exit(NOT_SENT);
    for (uint32_t i = 0; i < SIGNALS; i++) {
        sleep_for(i * 370 % 100000);
        if (limen_sendsys((handle_t){SYSTEM_VERSION}, &post, sizeof post, NULL))
            (void)limen_process_exit(NOT_SENT);
        comes_to(&handled, i + 1, SIGNAL_LOST);
    }
    comes_to(&alarms, ALARMS, ALARM_LOST);
    comes_to(&heirs, HEIRS, TOO_FEW_HEIRS);
    (void)limen_process_exit(0);
}

static void *inherit(void *last)
{
    pthread_t heir;
    pthread_join((pthread_t)last, NULL);
    heirs++;
    if (pthread_create(&heir, NULL, inherit, (void *)pthread_self()))
        _exit(NO_THREAD);
    return NULL;
}

static int play(void)
{
    static uint8_t stack[4096] __attribute__((aligned(16)));
    struct sigaction on_signal = {.sa_handler = note, .sa_flags = SA_RESTART};
    struct sigaction on_alarm = {.sa_handler = note_alarm, .sa_flags = SA_RESTART};
    sigaction(SIGUSR1, &on_signal, NULL);
    sigaction(SIGALRM, &on_alarm, NULL);
    alarm_in(1000);
    if (bare_thread(post_all, 0, stack + sizeof stack) < 0)
        return NO_THREAD;
    pthread_t heir;
    if (pthread_create(&heir, NULL, inherit, (void *)pthread_self()))
        return NO_THREAD;
    pthread_exit(NULL);
}

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1)
        return play();
    tap_plan(1);
    exits_with("a line of heirs", 0);
    return tap_done();
}
