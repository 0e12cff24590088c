/* SPDX-License-Identifier: MIT */
/*
 * POSIX threads: life and death, every kind of lock, thread-local storage, and that
 * nothing is left over.
 */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "libc-child.h"

#include <limen/syscall.h>

#define THREADS 8
#define TURNS 2000
#define MANY 300
#define SECOND 1000000000ll

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static long counter;
static _Thread_local int own = 3;
static _Thread_local char own_large[5000];

/* Runs so many threads of one function, each with its number; the sum of their
 * results. */
static long run_threads(int count, void *(*function)(void *))
{
    pthread_t thread[THREADS];
    long sum = 0;
    for (int i = 0; i < count; i++)
        if (pthread_create(&thread[i], NULL, function, (void *)(intptr_t)i))
            return -1;
    for (int i = 0; i < count; i++) {
        void *result = NULL;
        pthread_join(thread[i], &result);
        sum += (intptr_t)result;
    }
    return sum;
}

/* --- Create, join, exit --- */

static void *return_number(void *number)
{
    return number;
}

static void *exit_number(void *number)
{
    pthread_exit(number);
}

static void *use_little_stack(void *argument)
{
    *(int *)argument = getpid();
    return NULL;
}

static void check_life(void)
{
    tap_is(run_threads(THREADS, return_number), 28, "threads return values");
    tap_is(run_threads(THREADS, exit_number), 28, "threads exit with values");

    pthread_attr_t attributes;
    pthread_t thread;
    int seen = 0;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, PTHREAD_STACK_MIN);
    int error = pthread_create(&thread, &attributes, use_little_stack, &seen);
    if (error == 0)
        pthread_join(thread, NULL);
    tap_ok(error == 0 && seen == getpid(),
           "a thread with the smallest stack makes calls");

    void *stack = NULL;
    size_t size = 0;
    pthread_getattr_np(pthread_self(), &attributes);
    pthread_attr_getstack(&attributes, &stack, &size);
    tap_ok((char *)&seen > (char *)stack && (char *)&seen < (char *)stack + size
               && size > 0x100000,
           "the first thread knows its stack");

    int failures = 0;
    for (int i = 0; i < MANY; i++) {
        failures += pthread_create(&thread, NULL, return_number, NULL) != 0;
        failures += pthread_join(thread, NULL) != 0;
    }
    tap_is(failures, 0, "%d threads, one after the other", MANY);
}

/* --- Detached --- */

static sem_t detached_done;

static void *post(void *unused)
{
    sem_post(&detached_done);
    return unused;
}

static void wait_until_alone(void)
{
    while (process_now().threads > 1)
        sched_yield();
}

static void check_detached(void)
{
    sem_init(&detached_done, 0, 0);
    uint32_t regions = 0, pages = 0;
    int failures = 0;
    for (int i = 0; i < MANY; i++) {
        pthread_t thread;
        failures += pthread_create(&thread, NULL, post, NULL) != 0;
        failures += pthread_detach(thread) != 0;
        sem_wait(&detached_done);
        wait_until_alone();
        if (i == 0) {
            regions = process_now().regions;
            pages = process_now().pages_used;
        }
    }
    tap_is(failures, 0, "%d detached threads", MANY);
    tap_is(process_now().regions, regions, "leave no memory mapped");
    tap_ok(process_now().pages_used <= pages + 2, "nor used");
    tap_is(process_now().threads, 1, "nor threads");
}

/* --- Locks --- */

static void *count_locked(void *unused)
{
    for (int i = 0; i < TURNS; i++) {
        pthread_mutex_lock(&mutex);
        long value = counter;
        if (i % 64 == 0)
            sched_yield();
        counter = value + 1;
        pthread_mutex_unlock(&mutex);
    }
    return unused;
}

static void *lock_trylock(void *unused)
{
    (void)unused;
    return (void *)(intptr_t)pthread_mutex_trylock(&mutex);
}

static void check_mutex(void)
{
    counter = 0;
    run_threads(THREADS, count_locked);
    tap_is(counter, THREADS * TURNS, "a mutex lets one in at a time");

    pthread_mutex_lock(&mutex);
    tap_is(run_threads(1, lock_trylock), EBUSY, "trylock of a held mutex");
    pthread_mutex_unlock(&mutex);

    pthread_mutexattr_t attributes;
    pthread_mutex_t special;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&special, &attributes);
    tap_ok(!pthread_mutex_lock(&special) && !pthread_mutex_lock(&special)
               && !pthread_mutex_unlock(&special) && !pthread_mutex_unlock(&special),
           "a recursive mutex");
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
    pthread_mutex_init(&special, &attributes);
    pthread_mutex_lock(&special);
    tap_is(pthread_mutex_lock(&special), EDEADLK, "an error-checking mutex");
    tap_is(pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT), ENOSYS,
           "priority inheritance is not claimed");
}

static void *robust_holder(void *robust)
{
    pthread_mutex_lock(robust);
    return NULL;
}

static void check_robust(void)
{
    pthread_mutexattr_t attributes;
    pthread_mutex_t robust;
    pthread_t thread;
    pthread_mutexattr_init(&attributes);
    tap_is(pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST), 0,
           "a robust mutex");
    pthread_mutex_init(&robust, &attributes);
    pthread_create(&thread, NULL, robust_holder, &robust);
    pthread_join(thread, NULL);
    tap_is(pthread_mutex_lock(&robust), EOWNERDEAD, "tells that its holder has ended");
}

static struct timespec in_ms(clockid_t clock, long ms)
{
    struct timespec time;
    clock_gettime(clock, &time);
    long long ns = time.tv_nsec + ms * 1000000ll;
    time.tv_sec += ns / SECOND;
    time.tv_nsec = (long)(ns % SECOND);
    return time;
}

static int stage;

static void *take_turns(void *number)
{
    int mine = (int)(intptr_t)number;
    for (int i = 0; i < 100; i++) {
        pthread_mutex_lock(&mutex);
        while (stage % THREADS != mine)
            pthread_cond_wait(&condition, &mutex);
        stage++;
        pthread_cond_broadcast(&condition);
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

static void check_condition(void)
{
    stage = 0;
    run_threads(THREADS, take_turns);
    tap_is(stage, THREADS * 100, "%d threads take turns by a condition variable",
           THREADS);

    struct timespec soon = in_ms(CLOCK_REALTIME, 20);
    pthread_mutex_lock(&mutex);
    tap_is(pthread_cond_timedwait(&condition, &mutex, &soon), ETIMEDOUT,
           "a wait that times out");
    pthread_mutex_unlock(&mutex);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    tap_ok(now.tv_sec > soon.tv_sec
               || (now.tv_sec == soon.tv_sec && now.tv_nsec >= soon.tv_nsec),
           "not before its time");
}

static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_barrier_t barrier;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static atomic_int once_count, readers_seen, serial_count;

static void count_once(void)
{
    once_count++;
}

static void *read_and_write(void *unused)
{
    pthread_once(&once, count_once);
    if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
        serial_count++;
    pthread_rwlock_rdlock(&rwlock);
    readers_seen++;
    pthread_barrier_wait(&barrier);     /* all hold the lock for reading at once */
    pthread_rwlock_unlock(&rwlock);
    for (int i = 0; i < TURNS; i++) {
        pthread_rwlock_wrlock(&rwlock);
        counter++;
        pthread_rwlock_unlock(&rwlock);
    }
    return unused;
}

static void check_other_locks(void)
{
    counter = 0;
    pthread_barrier_init(&barrier, NULL, THREADS);
    run_threads(THREADS, read_and_write);
    tap_is(once_count, 1, "pthread_once");
    tap_is(serial_count, 1, "a barrier lets all go and marks one");
    tap_is(readers_seen, THREADS, "many readers hold a lock");
    tap_is(counter, THREADS * TURNS, "one writer does");

    sem_t semaphore;
    struct timespec soon = in_ms(CLOCK_REALTIME, 10);
    sem_init(&semaphore, 0, 1);
    tap_is(sem_wait(&semaphore), 0, "a semaphore gives what it has");
    tap_is(sem_timedwait(&semaphore, &soon), -1, "and no more");
    tap_is(errno, ETIMEDOUT, "says errno");
}

/* --- Thread-local storage --- */

static pthread_key_t key;
static atomic_int destroyed;

static void destroy(void *value)
{
    destroyed += (int)(intptr_t)value;
}

static void *use_own(void *number)
{
    int mine = (int)(intptr_t)number;
    if (own != 3 || own_large[4999] != 0 || errno != 0)
        return (void *)1;
    own = mine;
    errno = mine;
    own_large[4999] = (char)mine;
    pthread_setspecific(key, (void *)(intptr_t)(mine + 1));
    sched_yield();
    return (
        void *)(intptr_t)(own != mine || errno != mine || own_large[4999] != (char)mine
                          || pthread_getspecific(key) != (void *)(intptr_t)(mine + 1));
}

static void check_local(void)
{
    pthread_key_create(&key, destroy);
    own = 42;
    tap_is(run_threads(THREADS, use_own), 0,
           "every thread has its own variables and errno");
    tap_is(own, 42, "and the first one, too");
    tap_is(destroyed, THREADS * (THREADS + 1) / 2, "destructors get the values");
}

/* --- The end of the process --- */

static void *sleep_for_ever(void *unused)
{
    for (;;)
        pause();
    return unused;
}

static void *exit_nine(void *unused)
{
    exit(9);
    return unused;
}

static void *finish_later(void *unused)
{
    usleep(10000);
    return unused;
}

static int play(const char *role)
{
    pthread_t thread;
    void *(*function)(void *) = sleep_for_ever;
    if (!strcmp(role, "exit from a thread"))
        function = exit_nine;
    if (!strcmp(role, "last thread"))
        function = finish_later;
    if (pthread_create(&thread, NULL, function, NULL))
        return 98;
    if (!strcmp(role, "return with threads"))
        return 5;
    if (!strcmp(role, "last thread"))
        pthread_exit(NULL);
    pthread_join(thread, NULL);
    return 99;
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return play(argv[1]);
    tap_plan(34);
    check_life();
    check_detached();
    check_mutex();
    check_robust();
    check_condition();
    check_other_locks();
    check_local();
    tap_ok(pthread_create(&(pthread_t){0}, NULL, sleep_for_ever, NULL) == 0,
           "a thread that stays");
    tap_ok(gettid() == getpid(), "the first thread has the process's number");
    exits_with("exit from a thread", 9);
    exits_with("return with threads", 5);
    exits_with("last thread", 0);
    return tap_done();
}
