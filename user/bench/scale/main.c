/* SPDX-License-Identifier: MIT */
/*
 * What calls cost among few and among many: `scale N` measures each of them among N
 * threads that wait for a word with a deadline, N that wait for messages at N ports, and
 * 2 N handles to ports and endpoints; yields, among N threads that are ready; expiries,
 * among N live timers. It also
 * tells what the waiting threads, and empty processes, take of memory.
 *
 * Every cost is the mean over many turns, each timed alone, with the user's half of the
 * call; the TSC counts instructions, or the program says so and fails.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../crowd/crowd.h"
#include "timers.h"

#define MOST 10000u
#define FEW 10u /* the least that there are */
#define TURNS 2000u
#define PARTNER_WORDS 50u  /* of them, to wait for; in no even distance, for */
#define PARTNER_SPAN 4096u /* a hash would spread those evenly */
#define YIELDS 20000u      /* at least, by all together */
#define PROCESSES 1000u
#define FAR 1000000000000ull /* ns: a deadline that does not come */
#define STEP_NS 1234567u     /* from one deadline to the next */

/* The crowd. A waiter's word is its own. */
static struct orders waiters[MOST];
static struct repeated_orders servers[MOST];
static uint32_t words[MOST];
static uint64_t deadlines[MOST];
static handle_t ports[MOST];
static handle_t endpoints[MOST];

/* The one that is woken and waits again, and the many that yield. */
static struct repeated_orders partner;
static uint32_t partner_words[PARTNER_SPAN];
static struct repeated_orders spinner;

static uint32_t tsc(void)
{
    uint32_t low;

    __asm__ volatile("rdtsc" : "=a"(low) : : "edx");
    return low;
}

static void check_ruler(void)
{
    uint32_t first, second;

    __asm__ volatile("rdtsc\n\t"
                     "movl %%eax, %0\n\t"
                     "rdtsc"
                     : "=&r"(first), "=a"(second)
                     :
                     : "edx");
    if (second - first != 2) {
        printf("The TSC does not count instructions. Run under -icount shift=0\n");
        exit(1);
    }
}

static void report(const char *name, uint32_t count, uint64_t ticks, uint32_t turns)
{
    uint64_t hundredths = (ticks * 100 + turns / 2) / turns;

    printf("bench %s_%u %u.%02u\n", name, (unsigned)count, (unsigned)(hundredths / 100),
           (unsigned)(hundredths % 100));
}

static uint32_t free_frames(void)
{
    struct system_info info;

    check("system_info", limen_system_info(&info));
    return info.frames_free;
}

static void add_waiters(uint32_t count)
{
    uint64_t now = clock_now();

    for (uint32_t i = 0; i < count; i++) {
        words[i] = 0;
        deadlines[i] = now + FAR + i * STEP_NS;
        waiters[i] = (struct orders){
            SYS_LIMEN_futex_wait, {(uint32_t)&words[i], 0, (uint32_t)&deadlines[i], 0}};
        crowd_add(&waiters[i]);
    }
    crowd_let_wait();
}

static void add_servers(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        ports[i] = (handle_t){(uint32_t)check("port_create", limen_port_create())};
        endpoints[i] = (handle_t){
            (uint32_t)check("endpoint_mint", limen_endpoint_mint(ports[i], i))};
        servers[i] = (struct repeated_orders){
            {SYS_LIMEN_reply_receive, {ports[i].value, 0, 0, 0}}, 0};
        crowd_add_repeating(&servers[i]);
    }
    crowd_let_wait();
}

static void end_crowd(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (check("futex_wake", limen_futex_wake(&words[i], 1)) != 1) {
            printf("waiter %u did not wait\n", (unsigned)i);
            exit(1);
        }
        check("handle_close", limen_handle_close(ports[i]));
        check("handle_close", limen_handle_close(endpoints[i]));
    }
    crowd_wait(1);
}

struct partner_ticks {
    uint64_t wake, block;
};

/* Wakes a partner that waits for this word, and lets it wait again. */
static void measure_word(uint32_t *word, const uint64_t *deadline,
                         struct partner_ticks *ticks)
{
    partner = (struct repeated_orders){
        {SYS_LIMEN_futex_wait, {(uint32_t)word, 0, (uint32_t)deadline}}, 0};
    crowd_add_repeating(&partner);
    crowd_let_wait();
    for (uint32_t i = 0; i < TURNS / PARTNER_WORDS; i++) {
        uint32_t begin = tsc();
        long woken = limen_futex_wake(word, 1);
        uint32_t middle = tsc();
        (void)limen_thread_yield();
        ticks->block += tsc() - middle;
        ticks->wake += middle - begin;
        if (woken != 1) {
            printf("the partner did not wait\n");
            exit(1);
        }
    }
    partner.stop = 1;
    check("futex_wake", limen_futex_wake(word, 1));
    crowd_let_wait();
}

/* Waking a thread, and what follows until it waits again: `block` is two switches, the
 * wait, and a yield. With a deadline, the one cancels a timer and the other sets it. A
 * word may meet others in the kernel's hash table: the mean of many is what counts. */
static void measure_partner(const char *wake, const char *block, uint32_t count,
                            const uint64_t *deadline)
{
    struct partner_ticks ticks = {0};

    for (uint32_t i = 0; i < PARTNER_WORDS; i++)
        measure_word(&partner_words[i * i * 37 % PARTNER_SPAN], deadline, &ticks);
    report(wake, count, ticks.wake, TURNS);
    report(block, count, ticks.block, TURNS);
}

static void measure_handles(uint32_t count)
{
    uint64_t ticks = 0;

    for (uint32_t i = 0; i < TURNS; i++) {
        handle_t handle = i % 2 ? ports[i * 7919 % count] : endpoints[i * 7919 % count];
        uint32_t begin = tsc();
        long copy = limen_handle_duplicate(handle, RIGHTS_SAME);
        long closed = limen_handle_close((handle_t){(uint32_t)copy});
        ticks += tsc() - begin;
        check("handle_duplicate", copy);
        check("handle_close", closed);
    }
    report("scale_handle", count, ticks, TURNS);
}

/* Calls to ports [0, some) of all. */
static void measure_calls(const char *name, uint32_t count, uint32_t some)
{
    uint64_t ticks = 0;

    for (uint32_t i = 0; i < TURNS; i++) {
        handle_t endpoint = endpoints[i * 7919 % some];
        uint32_t begin = tsc();
        long result = limen_call(endpoint, 1, 2, 3);
        ticks += tsc() - begin;
        check("call", result);
    }
    report(name, count, ticks, TURNS);
}

/* Each turn, every one of the ready threads yields once. */
static void measure_yield(uint32_t count)
{
    uint32_t turns = YIELDS / (count + 1) + 1;

    spinner = (struct repeated_orders){{SYS_LIMEN_thread_yield, {0}}, 0};
    for (uint32_t i = 0; i < count; i++)
        crowd_add_repeating(&spinner);
    crowd_let_wait();
    uint32_t begin = tsc();
    for (uint32_t i = 0; i < turns; i++)
        (void)limen_thread_yield();
    uint32_t ticks = tsc() - begin;
    spinner.stop = 1;
    crowd_wait(1);
    report("scale_yield", count, ticks, turns * (count + 1));
}

static void measure(uint32_t count)
{
    static const uint64_t far = FAR;
    uint32_t before = free_frames();

    add_waiters(count);
    uint32_t frames = before - free_frames();
    if (count == MOST)
        report("thread_idle_bytes", count, (uint64_t)frames * PAGE_SIZE, count);
    add_servers(count);
    measure_partner("scale_wake", "scale_block", count, NULL);
    measure_partner("scale_timer_cancel", "scale_timer_set", count, &far);
    measure_handles(count);
    measure_calls("scale_call", count, FEW);
    measure_calls("scale_call_any", count, count);
    end_crowd(count);
    measure_yield(count);
    uint32_t taken;
    uint64_t ticks = timers_measure(count, false, &taken);
    report("scale_timer_message", count, ticks, taken);
    ticks = timers_measure(count, true, &taken);
    report("scale_timer_mixed", count, ticks, taken);
}

static void measure_processes(void)
{
    static handle_t processes[PROCESSES];
    uint32_t before = free_frames();

    for (uint32_t i = 0; i < PROCESSES; i++)
        processes[i] = (handle_t){
            (uint32_t)check("process_create", limen_process_create(PROCESS_MIN_PAGES))};
    uint32_t frames = before - free_frames();
    for (uint32_t i = 0; i < PROCESSES; i++)
        check("handle_close", limen_handle_close(processes[i]));
    report("process_empty_kib", PROCESSES, (uint64_t)frames * PAGE_SIZE / 1024,
           PROCESSES);
}

/* Pages that are first touched while something is measured would count. */
static void touch_all(void)
{
    memset(waiters, 1, sizeof(waiters));
    memset(servers, 1, sizeof(servers));
    memset(words, 1, sizeof(words));
    memset(deadlines, 1, sizeof(deadlines));
    memset(ports, 1, sizeof(ports));
    memset(endpoints, 1, sizeof(endpoints));
}

int main(int argc, char **argv)
{
    check_ruler();
    touch_all();
    timers_prepare();
    uint32_t count = argc == 2 ? (uint32_t)strtoul(argv[1], NULL, 10) : 0;
    if (count < FEW || count > MOST) {
        printf("one argument, from %u to %u\n", FEW, MOST);
        return 1;
    }
    measure(count);
    if (count == MOST)
        measure_processes();
    return 0;
}
