/* SPDX-License-Identifier: MIT */
/*
 * sigwait and its kin: time-outs, what they leave behind for other calls and other
 * threads, and that of several threads that wait each gets its signal.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <limen/tap.h>

#define MS 1000000ll
#define SECOND 1000000000ll
#define PATIENCE (10 * SECOND)
#define ROUNDS 20

static sigset_t awaited; /* blocked in all threads */

static long long now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * SECOND + time.tv_nsec;
}

static int await_for(long long ns)
{
    struct timespec time = {.tv_sec = ns / SECOND, .tv_nsec = (long)(ns % SECOND)};
    errno = 0;
    return sigtimedwait(&awaited, NULL, &time);
}

static void alarm_in(long us)
{
    setitimer(ITIMER_REAL, &(struct itimerval){.it_value.tv_usec = us}, NULL);
}

static void check_timeout(void)
{
    long long start = now();
    tap_ok(await_for(20 * MS) == -1 && errno == EAGAIN && now() - start >= 20 * MS,
           "a time-out");
    raise(SIGUSR1);
    tap_is(await_for(0), SIGUSR1, "what is there already needs no time");
    alarm_in(5000);
    start = now();
    tap_ok(await_for(PATIENCE) == SIGALRM && now() - start < PATIENCE / 2,
           "what comes meanwhile ends the wait");
}

static bool took(long long from, long long least)
{
    long long time = now() - from;
    return time >= least && time < PATIENCE / 2;
}

/* What was left of a wait that a signal has ended is nobody's. */
static void check_next(void)
{
    struct timespec time = {.tv_nsec = 100 * MS};
    alarm_in(5000);
    int number = await_for(25 * MS);
    long long start = now();
    tap_ok(number == SIGALRM && nanosleep(&time, NULL) == 0 && took(start, 100 * MS),
           "the next sleep has its own length");
    alarm_in(5000);
    number = await_for(PATIENCE);
    start = now();
    tap_ok(number == SIGALRM && await_for(100 * MS) == -1 && took(start, 100 * MS),
           "so has the next wait");
}

static void note(int number)
{
    (void)number;
}

/* The same of a sleep that a handler has ended. */
static void check_sleep(void)
{
    struct timespec time = {.tv_nsec = 25 * MS}, longer = {.tv_nsec = 100 * MS};
    struct sigaction action = {.sa_handler = note};
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    sigaction(SIGALRM, &action, NULL);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    setitimer(ITIMER_REAL,
              &(struct itimerval){.it_value.tv_usec = 5000, .it_interval.tv_usec = 5000},
              NULL);
    int result = nanosleep(&time, NULL);
    alarm_in(0);
    long long start = now();
    tap_ok(result == -1 && nanosleep(&longer, NULL) == 0 && took(start, 100 * MS),
           "nor that of a sleep which a handler has ended");
    sigprocmask(SIG_BLOCK, &set, NULL);
}

static atomic_bool may_end;

static void *end_when_told(void *unused)
{
    while (!may_end)
        usleep(1000);
    return unused;
}

static void *tell_pending(void *set)
{
    sigpending(set);
    return NULL;
}

/* The next thread has the area of the one that ended. */
static void check_ended(void)
{
    pthread_t thread;
    sigset_t set;
    sigfillset(&set);
    pthread_create(&thread, NULL, end_when_told, NULL);
    pthread_kill(thread, SIGUSR1);
    may_end = true;
    pthread_join(thread, NULL);
    usleep(1000);
    pthread_create(&thread, NULL, tell_pending, &set);
    pthread_join(thread, NULL);
    tap_ok(sigisemptyset(&set), "what waits for a thread ends with it");
}

static atomic_int waiting, ended;

/* Lives until both waits have ended: the end of a thread passes on what it leaves. */
static void *await_any(void *unused)
{
    (void)unused;
    waiting++;
    int number = await_for(PATIENCE);
    ended++;
    while (ended < 2)
        usleep(1000);
    return (void *)(intptr_t)number;
}

/* Two signals to the process, before any of the threads has run again. */
static bool both_come(void)
{
    pthread_t threads[2];
    void *results[2];
    waiting = ended = 0;
    for (int i = 0; i < 2; i++)
        if (pthread_create(&threads[i], NULL, await_any, NULL))
            return false;
    while (waiting < 2)
        sched_yield();
    usleep(1000);
    long long start = now();
    kill(getpid(), SIGUSR1);
    kill(getpid(), SIGUSR2);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], &results[i]);
    int first = (int)(intptr_t)results[0], second = (int)(intptr_t)results[1];
    return now() - start < PATIENCE / 2
           && ((first == SIGUSR1 && second == SIGUSR2)
               || (first == SIGUSR2 && second == SIGUSR1));
}

static void check_two(void)
{
    int right = 0;
    while (right < ROUNDS && both_come())
        right++;
    tap_is(right, ROUNDS, "of two threads each gets one of two signals");
}

int main(void)
{
    tap_plan(8);
    sigemptyset(&awaited);
    sigaddset(&awaited, SIGALRM);
    sigaddset(&awaited, SIGUSR1);
    sigaddset(&awaited, SIGUSR2);
    sigprocmask(SIG_BLOCK, &awaited, NULL);
    check_timeout();
    check_next();
    check_sleep();
    check_ended();
    check_two();
    return tap_done();
}
