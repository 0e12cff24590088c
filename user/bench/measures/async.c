/* SPDX-License-Identifier: MIT */
/*
 * System-call messages, by int 0x81. A batch, a timer and an upcall are the kernel's
 * instructions alone; a request and its answer the whole turn, as of calls, with both
 * users' halves.
 */
#include "async.h"

#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <limen/async.h>

#include "client.h"

#define BATCH 64u
#define STACK_SIZE 4096u

static struct system_message messages[BATCH];
static uint8_t upcall_stack[STACK_SIZE] __attribute__((aligned(16)));

static handle_t reply_port(const struct reply_policy *policy)
{
    return (handle_t){
        (uint32_t)check("reply_port_create", limen_reply_port_create(policy))};
}

static handle_t queue(void)
{
    return reply_port(&(struct reply_policy){.kind = REPLY_QUEUE});
}

static void must(bool right, const char *name, const struct async_call *call)
{
    if (!right) {
        printf("%s: errors %x, upcalls %u, the message's %d\n", name,
               (unsigned)call->errors, (unsigned)call->count,
               (int)call->message->error);
        exit(1);
    }
}

static uint32_t run(ruler_loop *loop, uint32_t body, struct async_call *call)
{
    (void)loop(WARM_UP, (uint32_t)call);
    call->errors = call->ticks = call->count = 0;
    return ruler_measure(loop, ITERATIONS, body, (uint32_t)call);
}

static void measure_batch(uint32_t count, const char *name)
{
    struct async_call call = {
        .to = SYSTEM_VERSION, .message = messages, .size = count * sizeof(*messages)};
    for (uint32_t i = 0; i < count; i++)
        messages[i] = (struct system_message){.operation = SYSTEM_NULL, .error = 1};
    uint32_t ticks = run(loop_send, BODY_SEND, &call);
    for (uint32_t i = 0; i < count; i++)
        must(messages[i].error == 0, name, &call);
    ruler_report(name, ticks, ITERATIONS * count);
}

static void measure_timer(void)
{
    handle_t port = queue();
    struct async_call call = {.to = SYSTEM_VERSION,
                              .message = messages,
                              .size = sizeof(*messages),
                              .port = port.value};
    messages[0] = (struct system_message){
        .operation = SYSTEM_TIMER, .flags = MSG_ASYNC, .reply_port = port};
    uint32_t ticks =
        run(loop_send_spin_test, 2 * BODY_SEND + BODY_SPIN + 1, &call);
    must(call.errors == 0 && messages[0].error == 0, "timer_message_once", &call);
    ruler_report("timer_message_once", ticks, ITERATIONS);

    check("handle_close", limen_handle_close(port));
}

#define PERIOD_NS (3 * BODY_SPIN) /* ns are instructions */

/* The same timer, which comes again and again. By itself its expiry is what a spin is
 * longer by; with its message it is what asking until one comes takes, without what
 * asking in vain takes, which is the same each time. */
static void measure_live_timer(void)
{
    handle_t port = queue();
    struct async_call call = {.message = messages, .port = port.value};
    uint32_t in_vain = run(loop_test, BODY_SEND, &call);

    messages[0] = (struct system_message){.operation = SYSTEM_TIMER,
                                          .flags = MSG_ASYNC | MSG_LIVE,
                                          .reply_port = port,
                                          .period = PERIOD_NS};
    check("clock_get", limen_clock_get(CLOCK_ID_MONOTONIC, &messages[0].time));
    (void)limen_msg_send(LIMEN_SYSTEM, &messages[0]);
    (void)run(loop_spin_and_take, 0, &call);
    must(call.count > ITERATIONS / 4 && call.count < ITERATIONS / 2, "timer_expiry",
         &call);
    ruler_report("timer_expiry", call.ticks, call.count);
    uint32_t ticks = run(loop_ask, BODY_ASK, &call);
    must(in_vain % ITERATIONS == 0 && messages[0].words[0] == 1, "timer_message", &call);
    ticks -= call.count * (BODY_ASK_IN_VAIN + in_vain / ITERATIONS); /* below 2^32 */
    ruler_report("timer_message", ticks, ITERATIONS);
    check("handle_close", limen_handle_close(port));
}

static void measure_upcalls(void)
{
    handle_t port = reply_port(&(struct reply_policy){
        .kind = REPLY_UPCALL,
        .depth = 1,
        .entry = (uint32_t)upcall_of_post,
        .stack = (uint32_t)upcall_stack + STACK_SIZE,
        .stack_size = STACK_SIZE,
    });
    struct async_call call = {.to = SYSTEM_VERSION,
                              .message = messages,
                              .size = sizeof(*messages),
                              .port = port.value};
    messages[1] = (struct system_message){
        .operation = SYSTEM_THREAD_SIGNALS,
        .flags = MSG_ASYNC | MSG_LIVE,
        .reply_port = port,
        .words = {2},
    };
    messages[0] = (struct system_message){.operation = SYSTEM_THREAD_POST, .words = {2}};
    (void)limen_msg_send(LIMEN_SYSTEM, &messages[1]);
    uint32_t ticks = run(loop_post, 0, &call);
    must(call.count == ITERATIONS, "post_to_upcall", &call);
    ruler_report("post_to_upcall", call.ticks - BODY_POST * ITERATIONS, ITERATIONS);
    ruler_report("post_and_upcall_return", ticks, ITERATIONS);
    check("handle_close", limen_handle_close(port));
}

static void measure_requests(void)
{
    struct server server = new_process(SERVER_PAGES);
    handle_t port = queue();
    server_start(&server, server_words, &(struct message_window){0});
    struct async_call call = {.to = server.endpoint.value,
                              .message = messages,
                              .size = sizeof(*messages),
                              .port = port.value};
    messages[0] = (struct system_message){
        .operation = PORT_CALL, .flags = MSG_ASYNC, .reply_port = port};
    (void)client_run(loop_send_wait, WARM_UP, &call, false);
    uint32_t ticks = client_run(loop_send_wait, ITERATIONS, &call, false);
    must(call.errors == 0 && messages[0].words[0] == WARM_UP + ITERATIONS,
         "async_roundtrip", &call);
    ruler_report("async_roundtrip", ticks - WORK_WORDS * ITERATIONS, ITERATIONS);
    server_end_in(&server);
    check("handle_close", limen_handle_close(port));
}

/* --- Signals --- */

static volatile sig_atomic_t handled;

static void handle(int number)
{
    handled += number == SIGUSR1;
}

/* raise() and the handler, as any C program has them: musl's and the shim's part counts,
 * and the loop. */
static void measure_signal(void)
{
    struct sigaction action = {.sa_handler = handle};

    if (sigaction(SIGUSR1, &action, NULL) != 0 || raise(SIGUSR1) != 0) {
        printf("signal_self: no signals\n");
        exit(1);
    }
    handled = 0;
    uint32_t begin = tsc_low();
    for (uint32_t i = 0; i < ITERATIONS; i++)
        (void)raise(SIGUSR1);
    uint32_t ticks = tsc_low() - begin;
    if (handled != ITERATIONS) {
        printf("signal_self: %d signals of %u\n", (int)handled, ITERATIONS);
        exit(1);
    }
    ruler_report("signal_self", ticks, ITERATIONS);
}

void bench_async(void)
{
    measure_batch(1, "null_message");
    measure_batch(BATCH, "batch64_null_each");
    measure_timer();
    measure_live_timer();
    measure_upcalls();
    measure_requests();
    measure_signal();
}
