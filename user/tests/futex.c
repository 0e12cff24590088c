/* SPDX-License-Identifier: MIT */
/*
 * Futexes: who waits is woken, in order, as many as asked, and only in its own process.
 * Waiters are bare threads that tell what they were answered.
 */
#include <errno.h>

#include "cases.h"

#define WAITERS 6
#define STACK_SIZE 1024
#define CROWD 400
#define CROWD_STACK 512

static uint8_t stacks[WAITERS][STACK_SIZE] __attribute__((aligned(16)));
static long threads[WAITERS];
static uint32_t words[2];
static volatile uint32_t waiting;
static volatile uint32_t answered;
static volatile uint32_t order[WAITERS];
static volatile long answers[WAITERS];

static void wait_on_word(uint32_t which)
{
    uint64_t deadline = clock_now() + PATIENCE;
    __atomic_fetch_add(&waiting, 1, __ATOMIC_SEQ_CST);
    answers[which] = limen_futex_wait(&words[0], 0, &deadline);
    order[__atomic_fetch_add(&answered, 1, __ATOMIC_SEQ_CST)] = which;
    (void)limen_thread_exit(NULL, 0, 0);
}

/* Starts waiters 0 to count - 1, which wait in that order. */
static bool start_waiters(uint32_t count)
{
    bool right = true;
    waiting = 0;
    answered = 0;
    words[0] = 0;
    for (uint32_t i = 0; i < count; i++) {
        answers[i] = -1000;
        threads[i] = bare_thread(wait_on_word, i, stacks[i] + STACK_SIZE);
        right = right && threads[i] > 0 && wait_for(&waiting, i + 1);
        sleep_for(MILLISECOND / 2);
    }
    return right;
}

/* Wakes who still waits, and goes on when the waiters are no more. */
static bool end_waiters(uint32_t count)
{
    bool right;
    (void)limen_futex_wake(&words[0], WAITERS);
    (void)limen_futex_wake(&words[1], WAITERS);
    right = wait_for(&answered, count) && wait_until_alone();
    for (uint32_t i = 0; i < count; i++)
        right = limen_handle_close(handle_of(threads[i])) == 0 && right;
    return right;
}

static bool wake_counts(void)
{
    bool right = start_waiters(6);
    right = right && limen_futex_wake(&words[0], 0) == 0 &&
            limen_futex_wake(&words[1], 6) == 0 && limen_futex_wake(&words[0], 1) == 1 &&
            wait_for(&answered, 1) && limen_futex_wake(&words[0], 2) == 2 &&
            wait_for(&answered, 3) && limen_futex_wake(&words[0], 0xffffffff) == 3 &&
            wait_for(&answered, 6) && limen_futex_wake(&words[0], 1) == 0;
    for (uint32_t i = 0; i < 6; i++)
        right = right && answers[i] == 0;
    return end_waiters(6) && right;
}

static bool wake_order(void)
{
    bool right = start_waiters(6);
    for (uint32_t i = 0; right && i < 6; i++)
        right = limen_futex_wake(&words[0], 1) == 1 && wait_for(&answered, i + 1) &&
                order[i] == i;
    return end_waiters(6) && right;
}

static bool requeue(void)
{
    bool right = start_waiters(6);
    right = right && limen_futex_requeue(&words[0], 1, 3, &words[1]) == 4 &&
            wait_for(&answered, 1) && order[0] == 0 &&
            limen_futex_wake(&words[1], 1) == 1 && wait_for(&answered, 2) &&
            order[1] == 1 && limen_futex_wake(&words[0], 9) == 2 &&
            wait_for(&answered, 4) && limen_futex_wake(&words[1], 9) == 2 &&
            wait_for(&answered, 6);
    return end_waiters(6) && right;
}

static void wait_in_crowd(uint32_t unused)
{
    (void)unused;
    if (limen_futex_wait(&words[0], 0, NULL) == 0)
        __atomic_fetch_add(&answered, 1, __ATOMIC_SEQ_CST);
    (void)limen_thread_exit(NULL, 0, 0);
}

/* More than are woken or moved at one go, by a thread of this priority: if it is lower
 * than theirs, they come in between. */
static bool wake_crowd(uint32_t priority)
{
    static uint8_t crowd_stacks[CROWD][CROWD_STACK] __attribute__((aligned(16)));
    bool right = true;
    long moved = 0;
    answered = 0;
    words[0] = 0;
    for (uint32_t i = 0; right && i < CROWD; i++) {
        long thread = bare_thread(wait_in_crowd, i, crowd_stacks[i] + CROWD_STACK);
        right = thread > 0 && limen_handle_close(handle_of(thread)) == 0;
    }
    while (right && moved < CROWD) {
        long result = limen_futex_requeue(&words[0], 0, 0xffffffff, &words[1]);
        right = step_ok(result >= 0, "requeue", result) && limen_thread_yield() == 0;
        moved += result;
    }
    right = right && limen_thread_priority(HANDLE_SELF, priority) == 0 &&
            moved == CROWD &&
            limen_futex_requeue(&words[1], 100, 250, &words[0]) == 350 &&
            wait_for(&answered, 100) &&
            limen_futex_wake(&words[1], 0xffffffff) == CROWD - 350 &&
            wait_for(&answered, CROWD - 250) &&
            limen_futex_wake(&words[0], 0xffffffff) == 250;
    (void)limen_futex_wake(&words[0], CROWD);
    (void)limen_futex_wake(&words[1], CROWD);
    return limen_thread_priority(HANDLE_SELF, PRIORITY_DEFAULT) == 0 && right &&
           wait_for(&answered, CROWD) && wait_until_alone();
}

static bool crowd(void)
{
    return wake_crowd(PRIORITY_DEFAULT);
}

static bool crowd_above(void)
{
    return wake_crowd(PRIORITY_DEFAULT - 1);
}

static bool requeue_to_itself(void)
{
    bool right = start_waiters(3);
    long result = limen_futex_requeue(&words[0], 1, 100, &words[0]);
    right = right && step_ok(result >= 1 && result <= 3, "answer", result) &&
            wait_for(&answered, 1) && limen_futex_wake(&words[0], 9) == 2 &&
            wait_for(&answered, 3);
    return end_waiters(3) && right;
}

static bool requeue_nothing(void)
{
    bool right = start_waiters(2);
    right = right && limen_futex_requeue(&words[0], 0, 0, &words[1]) == 0 &&
            limen_futex_requeue(&words[0], 0, 9, &words[1]) == 2 &&
            limen_futex_wake(&words[0], 9) == 0 && limen_futex_wake(&words[1], 9) == 2 &&
            wait_for(&answered, 2);
    return end_waiters(2) && right;
}

static bool time_out(void)
{
    static uint32_t word;
    bool right = true;
    for (int i = 0; i < 3; i++) {
        uint64_t deadline = clock_now() + 2 * MILLISECOND;
        right = right && limen_futex_wait(&word, 0, &deadline) == -ETIMEDOUT &&
                clock_now() >= deadline && limen_futex_wake(&word, 1) == 0;
    }
    return right;
}

static bool value_differs(void)
{
    static uint32_t word = 7;
    return limen_futex_wait(&word, 8, NULL) == -EAGAIN &&
           limen_futex_wait(&word, 0, NULL) == -EAGAIN &&
           limen_futex_wait(&word, 0xffffffff, NULL) == -EAGAIN;
}

static bool unaligned(void)
{
    bool right = true;
    for (uint32_t i = 1; i < 4; i++) {
        uint32_t *word = (uint32_t *)((uint8_t *)words + i);
        right = right && limen_futex_wait(word, 0, NULL) == -EINVAL &&
                limen_futex_wake(word, 1) == -EINVAL &&
                limen_futex_requeue(word, 1, 1, words) == -EINVAL &&
                limen_futex_requeue(words, 1, 1, word) == -EINVAL;
    }
    return right;
}

/* In a child: the same word, at the same address. */
static void wait_in_twin(uint32_t unused)
{
    (void)unused;
    waiting = 1;
    (void)limen_futex_wait(&words[0], 0, NULL);
    (void)limen_process_exit(1);
}

static bool other_process(void)
{
    struct child child;
    struct process_end end;
    words[0] = 0;
    waiting = 0;
    bool right = twin_load(&child, 256) && twin_start(&child, wait_in_twin, 0) &&
                 child_wait_for(child, &waiting, 1);
    sleep_for(MILLISECOND);
    right = right && limen_futex_wake(&words[0], 9) == 0 &&
            limen_process_kill(child.process, 3) == 0 &&
            limen_process_wait(child.process, &end, NULL) == 0 &&
            end.reason == PROCESS_KILLED;
    child_close(&child);
    return right;
}

/* The word's page goes while a thread waits on it, and is another one afterwards. */
static bool page_replaced(void)
{
    struct memory_map map = {
        .address = 0x50000000,
        .size = PAGE_SIZE,
        .flags = MEMORY_READ | MEMORY_WRITE | MEMORY_FIXED | MEMORY_REPLACE,
    };
    uint32_t *word = (uint32_t *)map.address;
    uint64_t deadline = clock_now() + 3 * MILLISECOND;
    bool right = limen_memory_map(HANDLE_SELF, &map) == 0;
    right = right && limen_futex_wait(word, 0, &deadline) == -ETIMEDOUT;
    right = right && limen_memory_unmap(HANDLE_SELF, map.address, PAGE_SIZE) == 0 &&
            limen_futex_wait(word, 0, &deadline) == -EFAULT;
    return right;
}

static const struct test_case cases[] = {
    {"wake as many as asked", wake_counts},
    {"wake in the order of waiting", wake_order},
    {"requeue wakes some and moves some", requeue},
    {"wake and requeue hundreds", crowd},
    {"wake and requeue hundreds of a higher priority", crowd_above},
    {"requeue to the same word", requeue_to_itself},
    {"requeue that wakes none", requeue_nothing},
    {"a deadline ends a wait", time_out},
    {"another value is EAGAIN", value_differs},
    {"words that are not aligned", unaligned},
    {"another process's waiters stay asleep", other_process},
    {"a word whose page goes", page_replaced},
};

int main(void)
{
    return RUN_CASES(cases);
}
