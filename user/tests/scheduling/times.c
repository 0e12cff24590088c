/* SPDX-License-Identifier: MIT */
/*
 * Who is woken and has the higher priority runs before whoever woke it goes on, by
 * whatever call. Interrupts can be counted by who spins with a null selector in ES: the
 * kernel always leaves with a flat one.
 */
#include "times.h"

#include "../stage.h"

#define PORT 0
#define SLICE (10 * MILLISECOND)
#define TIMER_LONGEST (25 * MILLISECOND)
#define TICKS 10
#define OTHERS 3     /* interrupts that have nothing to do with a case: a line's output */
#define ROUNDS 20000 /* of a spin between two looks at the clock: far below a slice */
#define TIMES_WINDOW (100 * MILLISECOND)
#define LOST_PERCENT 1

static volatile uint32_t waiting, ran;
static volatile uint32_t word;
static handle_t subject; /* what the waiter waits for, or answers */

/* --- Waits, and what ends them --- */

static void wait_for_word(void)
{
    stage_wait_on(&word, 1);
}

static void wake_word(void)
{
    stage_tell(&word, 1);
}

static void wait_for_message(void)
{
    struct limen_words got;
    (void)limen_receive_words(stage_ports[PORT], &got, NULL);
}

static void send_message(void)
{
    (void)limen_send(stage_endpoints[PORT], 0, 0, 0);
}

static void wait_for_long_message(void)
{
    uint8_t bytes[16];
    struct message message = {.receive = bytes, .receive_size = sizeof(bytes)};
    (void)limen_receive_message(stage_ports[PORT], &message, NULL);
}

static void close_badge(void)
{
    (void)limen_handle_close(stage_endpoints[PORT]);
}

static void close_port(void)
{
    stage_close_port(PORT);
}

static void wait_for_answer(void)
{
    (void)limen_call(stage_endpoints[PORT], 0, 0, 0);
}

static void answer(void)
{
    struct limen_words got;
    (void)limen_receive_words(stage_ports[PORT], &got, NULL);
    (void)limen_reply(0, 0, 0, 0);
}

static void answer_deferred(void)
{
    struct limen_words got;
    struct message message = {0};
    (void)limen_receive_words(stage_ports[PORT], &got, NULL);
    (void)limen_reply_to(handle_of(limen_reply_defer()), &message);
}

static void forget_deferred(void)
{
    struct limen_words got;
    (void)limen_receive_words(stage_ports[PORT], &got, NULL);
    (void)limen_handle_close(handle_of(limen_reply_defer()));
}

static void wait_to_be_received(void)
{
    (void)limen_send(stage_endpoints[PORT], 0, 0, 0);
}

static void receive(void)
{
    struct limen_words got;
    (void)limen_receive_words(stage_ports[PORT], &got, NULL);
}

static void wait_for_resumption(void)
{
    (void)limen_thread_suspend(HANDLE_SELF);
}

static void resume(void)
{
    (void)limen_thread_resume(stage_threads[0]);
}

static void wait_for_an_end(void)
{
    struct process_end end;
    (void)limen_process_wait(subject, &end, NULL);
}

static void end_process(void)
{
    (void)limen_process_kill(subject, 0);
}

static void wait_for_priority(void)
{
    (void)limen_thread_priority(HANDLE_SELF, LEAST);
}

static void raise_priority(void)
{
    (void)limen_thread_priority(stage_threads[0], HIGH);
}

static void lower_own_priority(void)
{
    stage_own_priority(LEAST - 1);
}

static const struct way {
    const char *text;
    void (*wait)(void);
    void (*end)(void);
} ways[] = {
    {"a word", wait_for_word, wake_word},
    {"a message", wait_for_message, send_message},
    {"a long message", wait_for_long_message, send_message},
    {"a badge that is closed", wait_for_message, close_badge},
    {"a port that is closed", wait_for_message, close_port},
    {"an answer", wait_for_answer, answer},
    {"a deferred answer", wait_for_answer, answer_deferred},
    {"an answer that never comes", wait_for_answer, forget_deferred},
    {"a receiver", wait_to_be_received, receive},
    {"a resumption", wait_for_resumption, resume},
    {"a process's end", wait_for_an_end, end_process},
    {"a priority", wait_for_priority, raise_priority},
    {"a lower priority of who runs", wait_for_priority, lower_own_priority},
};
#define WAYS (sizeof(ways) / sizeof(*ways))

static const struct way *way;

static void wait_in_a_way(uint32_t unused)
{
    (void)unused;
    waiting = 1;
    way->wait();
    ran = 1;
}

static bool preempts(void)
{
    bool right = stage_open(1);
    waiting = ran = word = 0;
    subject = handle_of(limen_process_create(PROCESS_MIN_PAGES));
    right = right && stage_start(0, wait_in_a_way, HIGH);
    stage_own_priority(MIDDLE); /* until then it waits */
    right = right && step_ok(waiting == 1 && ran == 0, way->text, ran);
    way->end();
    right = right && step_ok(ran == 1, way->text, ran);
    (void)limen_handle_close(subject);
    return stage_close() && right;
}

bool higher_priority_preempts(void)
{
    bool right = true;
    for (way = ways; way < ways + WAYS; way++)
        right = preempts() && right;
    return right;
}

static void sleep_and_run(uint32_t unused)
{
    (void)unused;
    waiting = 1;
    sleep_for(3 * MILLISECOND);
    ran = 1;
}

/* Who runs makes no call. */
bool deadline_preempts(void)
{
    bool right = stage_open(0);
    waiting = ran = 0;
    right = right && stage_start(0, sleep_and_run, HIGH);
    stage_own_priority(MIDDLE);
    right = right && step_ok(waiting == 1, "it waits", waiting);
    for (uint32_t i = 0; i < 0xf0000000 && !ran; i++)
        ;
    right = step_ok(ran == 1, "it has run", ran) && right;
    return stage_close() && right;
}

/* --- Ticks --- */

/* Spins; whether the kernel was entered meanwhile. */
static bool was_interrupted(uint32_t rounds)
{
    uint32_t selector = 0;
    __asm__ volatile("movl %1, %%es\n"
                     "1: movl %%es, %1\n\t"
                     "testl %1, %1\n\t"
                     "jnz 2f\n\t"
                     "decl %0\n\t"
                     "jnz 1b\n"
                     "2: pushl %%ds\n\t"
                     "popl %%es"
                     : "+r"(rounds), "+r"(selector)
                     :
                     : "cc", "memory");
    return rounds != 0;
}

/* How many interrupts came in so long a time. */
static uint32_t interrupts_in(uint64_t window)
{
    uint64_t end = clock_now() + window;
    uint32_t count = 0;
    do
        count += was_interrupted(ROUNDS);
    while (clock_now() < end);
    return count;
}

/* No slice ends. The timer, which can't be set for long, looks at far deadlines now and
 * then: there is at least one. */
bool alone_without_ticks(void)
{
    bool right = stage_open(0);
    uint64_t begin = clock_now();
    uint32_t ticks = interrupts_in(30 * SLICE);
    uint64_t passed = clock_now() - begin;
    return stage_close() && right &&
           step_ok(ticks <= passed / TIMER_LONGEST + OTHERS, "ticks", ticks);
}

static void spin(uint32_t unused)
{
    (void)unused;
    while (!stage_stop)
        ;
}

/* The same priority: they take turns, but with no more ticks than that needs. */
bool ticks_among_equals(void)
{
    uint32_t ticks = 0;
    bool right = stage_open(0) && stage_start(0, spin, OWN);
    uint64_t begin = clock_now();
    uint64_t deadline = begin + PATIENCE;
    while (ticks < TICKS && clock_now() < deadline)
        ticks += was_interrupted(ROUNDS);
    uint64_t passed = clock_now() - begin;
    right = right && step_ok(ticks == TICKS, "ticks", ticks) &&
            step_ok(passed >= (TICKS - OTHERS) * SLICE, "ns", (long long)passed);
    return stage_close() && right;
}

/* --- Processor time --- */

#define BUSY 3

static uint64_t time_of_busy(void)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < BUSY; i++)
        sum += stage_info(stage_threads[i]).time;
    return sum;
}

/* Whether all that passed in a while was somebody's. */
static bool time_is_all_told(void)
{
    uint64_t begin = clock_now();
    uint64_t had = time_of_busy() + stage_info(HANDLE_SELF).time;
    sleep_for(TIMES_WINDOW);
    had = time_of_busy() + stage_info(HANDLE_SELF).time - had;
    uint64_t passed = clock_now() - begin;
    return passed >= TIMES_WINDOW && had <= passed &&
           had >= passed / 100 * (100 - LOST_PERCENT);
}

/* What they had is what passed: no time is lost, and none is counted twice. A machine
 * that is kept from running between two looks at clocks loses some. An ended thread's
 * stays as it is. */
bool times_add_up(void)
{
    uint64_t deadline = clock_now() + PATIENCE;
    bool right = stage_open(0);
    bool told = false;
    for (uint32_t i = 0; i < BUSY; i++)
        right = right && stage_start(i, spin, MIDDLE);
    while (right && !told && clock_now() < deadline)
        told = time_is_all_told();
    stage_stop = 1;
    stage_settle();
    uint64_t had = time_of_busy();
    stage_settle();
    right = right && step_ok(told, "times that do not add up", 0) &&
            step_ok(time_of_busy() == had, "after their end", (long long)had);
    return stage_close() && right;
}
