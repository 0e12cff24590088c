/* SPDX-License-Identifier: MIT */
/*
 * Live timers, each of which comes back to one port every so often: what an expiry and
 * taking its message cost the kernel. The program asks again and again whether a message
 * has come; what asking in vain costs, the same each time, is measured first and taken
 * off.
 */
#include "timers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <limen/async.h>

#include "../crowd/crowd.h"

#define APART_NS 10000u /* from one timer's expiry to the next one's */
#define IN_VAIN 10000u
#define TAKEN 20000u

static struct system_message messages[TIMERS_MOST];
static handle_t ports[2]; /* of timers of one period, and of mixed ones */

static uint32_t tsc(void)
{
    uint32_t low;

    __asm__ volatile("rdtsc" : "=a"(low) : : "edx");
    return low;
}

/* Asks until so many have come, or in vain so often; how often in vain. Not inline: a
 * question costs the same wherever it is asked. */
static __attribute__((noinline)) uint32_t ask(handle_t port, uint32_t wanted,
                                              uint32_t in_vain_most)
{
    struct system_message *message;
    uint32_t in_vain = 0;

    while (wanted > 0 && in_vain < in_vain_most) {
        if (limen_msg_test_any(port, &message) == -EAGAIN)
            in_vain++;
        else
            wanted--;
    }
    return in_vain;
}

/* Half of `count` times APART_NS to one and a half times: in all, as many expire. */
static uint64_t mixed_period(uint32_t count, uint32_t i)
{
    return (uint64_t)count * (APART_NS / 2 + i * 7919u % APART_NS);
}

static void start(uint32_t count, bool mixed)
{
    uint64_t now = 0;

    check("clock_get", limen_clock_get(CLOCK_ID_MONOTONIC, &now));
    for (uint32_t i = 0; i < count; i++) {
        messages[i] = (struct system_message){
            .operation = SYSTEM_TIMER,
            .flags = MSG_ASYNC | MSG_LIVE,
            .reply_port = ports[mixed],
            /* When all of them have been sent. */
            .time = now + (uint64_t)(2 * count + i + 100) * APART_NS,
            .period = mixed ? mixed_period(count, i) : (uint64_t)count * APART_NS,
        };
        if (limen_msg_send(LIMEN_SYSTEM, &messages[i]) != -EASYNC) {
            printf("timer %u: %d\n", (unsigned)i, (int)messages[i].error);
            exit(1);
        }
    }
}

uint64_t timers_measure(uint32_t count, bool mixed, uint32_t *taken)
{
    handle_t port = ports[mixed];
    uint32_t begin = tsc();
    (void)ask(port, 1, IN_VAIN);
    uint32_t in_vain = (tsc() - begin) / IN_VAIN;

    start(count, mixed);
    (void)ask(port, count, UINT32_MAX); /* each once, or nearly */
    begin = tsc();
    *taken = TAKEN;
    uint32_t often = ask(port, TAKEN, UINT32_MAX);
    uint32_t ticks = tsc() - begin - often * in_vain; /* less than 2^32 in all */
    check("handle_close", limen_handle_close(port));
    return ticks;
}

void timers_prepare(void)
{
    static const struct reply_policy queue = {.kind = REPLY_QUEUE};

    for (uint32_t i = 0; i < 2; i++)
        ports[i] = (handle_t){
            (uint32_t)check("reply_port_create", limen_reply_port_create(&queue))};
    for (uint32_t i = 0; i < TIMERS_MOST; i++)
        messages[i].error = 1;
}
