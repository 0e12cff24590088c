/* SPDX-License-Identifier: MIT */
/*
 * Signals from one thread to another: to one that runs, and to one that waits in a call,
 * which ends or is begun again; the process's, for whichever thread lets them in; and
 * cancellation, which is made of them.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#include "libc-child.h"

#include <limen/syscall.h>

static atomic_int calls, last_thread, stage, failures;
static atomic_bool stop, done;
static sem_t semaphore;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;

static void note(int number)
{
    (void)number;
    last_thread = gettid();
    calls++;
}

static void handle(int number, int flags)
{
    struct sigaction action = {.sa_handler = note, .sa_flags = flags};
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
    calls = 0;
}

static void mask(int how, int number)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    pthread_sigmask(how, &set, NULL);
}

static pthread_t start(void *(*function)(void *))
{
    pthread_t thread;
    stage = 0;
    stop = done = false;
    if (pthread_create(&thread, NULL, function, NULL))
        failures++;
    while (stage == 0)
        sched_yield();
    return thread;
}

/* Until a thread that has said that it is about to wait surely does. */
static void let_it_wait(void)
{
    for (int i = 0; i < 20; i++)
        sched_yield();
}

static void wait_for_calls(int count)
{
    while (calls < count)
        sched_yield();
}

static struct timespec later(void)
{
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    time.tv_sec += 1000;
    return time;
}

/* --- Running threads --- */

static void *spin(void *unused)
{
    stage = gettid();
    while (!stop)
        ;
    return unused;
}

static void *make_calls(void *unused)
{
    stage = gettid();
    while (!stop)
        if (getppid() != 1)
            failures++;
    return unused;
}

static void check_running(void)
{
    handle(SIGUSR1, 0);
    pthread_t thread = start(spin);
    for (int i = 1; i <= 50; i++) {
        pthread_kill(thread, SIGUSR1);
        wait_for_calls(i);
    }
    tap_ok(last_thread == stage, "a thread that computes is interrupted, 50 times");
    stop = true;
    pthread_join(thread, NULL);

    handle(SIGUSR1, 0);
    thread = start(make_calls);
    for (int i = 1; i <= 200; i++) {
        pthread_kill(thread, SIGUSR1);
        wait_for_calls(i);
    }
    tap_ok(last_thread == stage && failures == 0,
           "and one that does nothing but make calls, 200 times");
    stop = true;
    pthread_join(thread, NULL);
    tap_is(pthread_kill(pthread_self(), 0), 0, "signal 0 only asks");
}

/* --- Waiting threads --- */

static void *wait_for_semaphore(void *unused)
{
    (void)unused;
    stage = gettid();
    errno = 0;
    int result = sem_wait(&semaphore);
    done = true;
    return (void *)(intptr_t)(result ? errno : 0);
}

static void *wait_with_timeout(void *unused)
{
    (void)unused;
    struct timespec time = later();
    stage = gettid();
    errno = 0;
    int result = sem_timedwait(&semaphore, &time);
    done = true;
    return (void *)(intptr_t)(result ? errno : 0);
}

static void *lock_mutex(void *unused)
{
    stage = gettid();
    if (pthread_mutex_lock(&mutex))
        failures++;
    pthread_mutex_unlock(&mutex);
    return unused;
}

static void *wait_paused(void *unused)
{
    (void)unused;
    stage = gettid();
    int result = pause();
    done = true;
    return (void *)(intptr_t)(result == -1 ? errno : 0);
}

static void *sleep_long(void *unused)
{
    struct timespec time = {.tv_sec = 1000}, left = {0};
    (void)unused;
    stage = gettid();
    int result = nanosleep(&time, &left);
    done = true;
    if (left.tv_sec < 900 || left.tv_sec >= 1000)
        failures++;
    return (void *)(intptr_t)(result ? errno : 0);
}

/* What a thread's wait answers that is sent SIGUSR1, again if that came before the wait;
 * `posts`: the semaphore is posted instead. */
static long interrupted(void *(*function)(void *), int flags, bool posts)
{
    void *result;
    handle(SIGUSR1, flags);
    pthread_t thread = start(function);
    let_it_wait();
    pthread_kill(thread, SIGUSR1);
    wait_for_calls(1);
    if (last_thread != stage)
        failures++;
    let_it_wait();
    if (posts)
        sem_post(&semaphore);
    while (!posts && !done) {
        pthread_kill(thread, SIGUSR1);
        let_it_wait();
    }
    pthread_join(thread, &result);
    return (intptr_t)result;
}

static void check_waiting(void)
{
    sem_init(&semaphore, 0, 0);
    tap_is(interrupted(wait_for_semaphore, 0, false), EINTR, "sem_wait is interrupted");
    tap_is(interrupted(wait_for_semaphore, SA_RESTART, true), 0,
           "but for SA_RESTART, with which it goes on");
    tap_is(interrupted(wait_with_timeout, 0, false), EINTR, "so is sem_timedwait");
    tap_is(interrupted(wait_paused, SA_RESTART, false), EINTR,
           "pause is, with SA_RESTART, too");
    tap_is(interrupted(sleep_long, SA_RESTART, false), EINTR, "and nanosleep");
    tap_is(failures, 0, "which tells how much is left");

    pthread_mutex_lock(&mutex);
    handle(SIGUSR1, 0);
    pthread_t thread = start(lock_mutex);
    for (int i = 1; i <= 10; i++) {
        let_it_wait();
        pthread_kill(thread, SIGUSR1);
        wait_for_calls(i);
    }
    pthread_mutex_unlock(&mutex);
    pthread_join(thread, NULL);
    tap_is(failures, 0, "who waits for a mutex runs handlers, and then has it");
}

/* --- Who gets the process's --- */

static void *let_in(void *number)
{
    stage = gettid();
    mask(SIG_UNBLOCK, (int)(intptr_t)number);
    while (!stop)
        pause();
    done = true;
    return NULL;
}

static void *wait_for_usr2(void *unused)
{
    sigset_t set;
    int number = 0;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    stage = gettid();
    sigwait(&set, &number);
    (void)unused;
    return (void *)(intptr_t)number;
}

static void check_process(void)
{
    pthread_t thread;
    void *result;
    handle(SIGUSR1, 0);
    mask(SIG_BLOCK, SIGUSR1);
    stage = 0;
    stop = done = false;
    kill(getpid(), SIGUSR1);
    pthread_create(&thread, NULL, let_in, (void *)SIGUSR1);
    wait_for_calls(1);
    tap_ok(last_thread == stage, "a thread that lets the process's signal in gets it");
    let_it_wait();
    kill(getpid(), SIGUSR1);
    wait_for_calls(2);
    tap_ok(last_thread == stage, "also while it waits");
    stop = true;
    while (!done) {
        kill(getpid(), SIGUSR1);
        let_it_wait();
    }
    pthread_join(thread, NULL);
    tap_ok(calls >= 3, "and it ends");
    mask(SIG_UNBLOCK, SIGUSR1);

    mask(SIG_BLOCK, SIGUSR2);
    thread = start(wait_for_usr2);
    let_it_wait();
    kill(getpid(), SIGUSR2);
    pthread_join(thread, &result);
    tap_is((intptr_t)result, SIGUSR2, "sigwait gets it without a handler");
    mask(SIG_UNBLOCK, SIGUSR2);
}

/* --- From outside --- */

static void check_posted(void)
{
    struct system_message post = {
        .operation = SYSTEM_PROCESS_POST,
        .object = HANDLE_SELF,
        .words = {1u << (SIGUSR1 - 1)},
    };
    handle(SIGUSR1, 0);
    limen_sendsys((handle_t){SYSTEM_VERSION}, &post, sizeof post, NULL);
    tap_is(calls, 1, "who holds the process posts signals to it");
}

/* --- Cancellation --- */

static void unlock(void *unused)
{
    (void)unused;
    pthread_mutex_unlock(&mutex);
}

static void *wait_for_condition(void *unused)
{
    pthread_mutex_lock(&mutex);
    pthread_cleanup_push(unlock, NULL);
    stage = gettid();
    for (;;)
        pthread_cond_wait(&condition, &mutex);
    pthread_cleanup_pop(1);
    return unused;
}

static void *compute(void *unused)
{
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
    stage = gettid();
    for (;;)
        ;
    return unused;
}

static void *test_cancel(void *unused)
{
    stage = gettid();
    for (;;)
        pthread_testcancel();
    return unused;
}

static void *wait_in_suspend(void *unused)
{
    sigset_t none;
    sigemptyset(&none);
    stage = gettid();
    for (;;)
        sigsuspend(&none);
    return unused;
}

static void *join_for_ever(void *unused)
{
    stage = gettid();
    pthread_join((pthread_t)unused, NULL);
    return NULL;
}

static void cancels(const char *name, void *(*function)(void *))
{
    void *result = NULL;
    pthread_t thread = start(function);
    let_it_wait();
    pthread_cancel(thread);
    pthread_join(thread, &result);
    tap_ok(result == PTHREAD_CANCELED, "a thread in %s is cancelled", name);
}

/* At any moment of its way into the wait, and out of it. */
static void check_cancel_race(void)
{
    int wrong = 0;
    for (int i = 0; i < 300; i++) {
        void *result = NULL;
        pthread_t thread;
        stage = 0;
        pthread_create(&thread, NULL, wait_for_semaphore, NULL);
        for (int turn = 0; turn < i % 7; turn++)
            sched_yield();
        pthread_cancel(thread);
        pthread_join(thread, &result);
        wrong += result != PTHREAD_CANCELED;
    }
    tap_is(wrong, 0, "300 threads, each at another moment");
}

static void check_cancellation(void)
{
    cancels("pthread_cond_wait", wait_for_condition);
    tap_is(pthread_mutex_trylock(&mutex), 0, "and gives the mutex back");
    pthread_mutex_unlock(&mutex);
    cancels("sem_wait", wait_for_semaphore);
    cancels("sem_timedwait", wait_with_timeout);
    cancels("nanosleep", sleep_long);
    cancels("pause", wait_paused);
    cancels("sigsuspend", wait_in_suspend);
    cancels("sigwait", wait_for_usr2);
    cancels("pthread_testcancel", test_cancel);
    cancels("no call at all", compute);

    pthread_t sleeper = start(wait_paused), thread;
    stage = 0;
    void *result = NULL;
    pthread_create(&thread, NULL, join_for_ever, (void *)sleeper);
    let_it_wait();
    pthread_cancel(thread);
    pthread_join(thread, &result);
    tap_ok(result == PTHREAD_CANCELED, "a thread in pthread_join is cancelled");
    pthread_cancel(sleeper);
    pthread_join(sleeper, NULL);
    check_cancel_race();
}

/* --- Nothing is left over --- */

static void check_leaks(void)
{
    struct process_info before = {0};
    handle(SIGUSR1, 0);
    for (int i = 0; i < 300; i++) {
        pthread_t thread = start(wait_paused);
        pthread_kill(thread, SIGUSR1);
        while (calls <= i) {
            pthread_kill(thread, SIGUSR1);
            sched_yield();
        }
        pthread_join(thread, NULL);
        calls = i + 1;
        if (i == 10)
            before = process_now();
    }
    struct process_info after = process_now();
    tap_is(after.handles, before.handles, "threads that had signals leave no handles");
    tap_ok(after.pages_used <= before.pages_used + 1, "nor memory");
}

/* --- The end of the first thread --- */

static void *outlive(void *first)
{
    pthread_join((pthread_t)first, NULL);
    handle(SIGUSR1, 0);
    handle(SIGALRM, 0);
    kill(getpid(), SIGUSR1);
    struct system_message post = {
        .operation = SYSTEM_PROCESS_POST,
        .object = HANDLE_SELF,
        .words = {1u << (SIGUSR1 - 1)},
    };
    limen_sendsys((handle_t){SYSTEM_VERSION}, &post, sizeof post, NULL);
    alarm(1);
    while (calls < 3)
        usleep(1000);
    _exit(calls);
}

static int play(const char *role)
{
    pthread_t thread;
    if (!strcmp(role, "the second thread")) {
        handle(SIGALRM, 0);
        alarm(1);
        pthread_create(&thread, NULL, outlive, (void *)pthread_self());
        pthread_exit(NULL);
    }
    if (!strcmp(role, "default for another")) {
        thread = start(spin);
        pthread_kill(thread, SIGTERM);
        for (;;)
            pause();
    }
    return 99;
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return play(argv[1]);
    tap_plan(31);
    check_running();
    check_waiting();
    check_process();
    check_posted();
    check_cancellation();
    check_leaks();
    exits_with("the second thread", 3);
    dies_by("default for another", SIGTERM);
    return tap_done();
}
