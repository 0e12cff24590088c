/* SPDX-License-Identifier: MIT */
/*
 * Threads that are stopped, sent elsewhere or killed in the middle of long messages: at
 * any moment, which is what a case sweeps over. Whoever is left goes on as if the other
 * had never been, with the bytes that it was sent and no others.
 */
#include "stage.h"

#define BIG (256 * 1024u)
#define SMALL 5000u
#define BIG_AT 0x40000000u /* in a twin */
#define TWIN_PAGES (200 + BIG / PAGE_SIZE)
#define MOMENTS 12 /* of a sweep; more of them until one has met what it looks for */

enum {
    SERVER,
    CLIENT,
};

static uint8_t *out, *in, *back; /* BIG each */
static volatile uint32_t stage;
static volatile long kind, result;
static volatile uint32_t wrong; /* bytes, or sizes */

static void fill(uint8_t *bytes, uint32_t size, uint32_t seed)
{
    for (uint32_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(((i + seed) * 2654435761u) >> 24);
}

static bool filled(const uint8_t *bytes, uint32_t size, uint32_t seed)
{
    for (uint32_t i = 0; i < size; i++)
        if (bytes[i] != (uint8_t)(((i + seed) * 2654435761u) >> 24))
            return false;
    return true;
}

/* The buffers, with all of their pages, and no part of what a twin is a copy of. */
static bool make_buffers(void)
{
    struct memory_map map = {.size = 3 * BIG, .flags = MEMORY_READ | MEMORY_WRITE};
    if (limen_memory_map(HANDLE_SELF, &map) != 0)
        return false;
    out = (uint8_t *)map.address;
    in = out + BIG;
    back = in + BIG;
    memset(out, 1, 3 * BIG);
    return true;
}

/* --- An answer is cut off --- */

/* Answers with many bytes, and receives what comes next. */
static void answer_and_receive(uint32_t unused)
{
    struct limen_words got;
    (void)unused;
    (void)limen_receive_words(stage_ports[0], &got, NULL);
    struct message message = {
        .send = out, .send_size = BIG, .receive = in, .receive_size = SMALL};
    memset(in, 0xee, SMALL);
    stage_tell(&stage, 1);
    kind = limen_reply_receive_message(stage_ports[0], &message);
    wrong = message.receive_size != SMALL || !filled(in, SMALL, 7);
    (void)limen_reply(0, 0, 0, 0);
}

static void twin_asks_for_bytes(uint32_t endpoint)
{
    struct message message = {.receive = (void *)BIG_AT, .receive_size = BIG};
    long error = limen_call_message((handle_t){endpoint}, &message);
    for (;;)
        (void)limen_process_exit((uint32_t)error);
}

/* Whether a twin's buffer was written in part. */
static bool partly_written(struct child child)
{
    uint8_t first = 0, last = 0;
    return child_read(child, BIG_AT, &first, 1) && first != 0 &&
           child_read(child, BIG_AT + BIG - 1, &last, 1) && last == 0;
}

/* A client that is killed while its answer comes, so long after the first byte; then the
 * server is sent something else. How long the answer took, if nobody was killed. */
static bool cut_answer_off(uint64_t delay, bool kill, bool *met, uint64_t *took)
{
    struct process_end end;
    struct child child = {0};
    bool right = stage_open(1) && twin_load(&child, TWIN_PAGES) &&
                 child_map(child, BIG_AT, BIG, MEMORY_READ | MEMORY_WRITE) == 0;
    long given = limen_handle_give(child.process, stage_endpoints[0], RIGHTS_SAME);
    stage = wrong = 0;
    kind = 0;
    right = right && stage_start(SERVER, answer_and_receive, MIDDLE) && given > 0 &&
            twin_start(&child, twin_asks_for_bytes, (uint32_t)given) &&
            limen_thread_priority(child.thread, MIDDLE) == 0 && stage_wait(&stage, 1);
    uint64_t begun = clock_now();
    sleep_for(delay);
    if (kill)
        right = right && limen_process_kill(child.process, 0) == 0;
    right = right && limen_process_wait(child.process, &end, NULL) == 0 &&
            step_ok(kill || end.status == 0, "the client's result", (long)end.status);
    *took = clock_now() - begun;
    *met = partly_written(child);
    struct message message = {.send = back, .send_size = SMALL};
    fill(back, SMALL, 7);
    right = right && limen_call_message(stage_endpoints[0], &message) == 0;
    stage_settle();
    right = right && step_ok(kind == MESSAGE_CALL, "received", kind) &&
            step_ok(wrong == 0, "bytes that are not the client's", wrong);
    child_close(&child);
    return stage_close() && right;
}

static bool answer_cut_off(void)
{
    uint64_t whole, took;
    uint64_t deadline = clock_now() + PATIENCE;
    bool met, once = false;
    bool right = (fill(out, BIG, 3), cut_answer_off(0, false, &met, &whole));
    for (uint32_t i = 0; right && clock_now() < deadline && (i < MOMENTS || !once); i++) {
        right = cut_answer_off(whole * (i % MOMENTS) / MOMENTS, true, &met, &took);
        once = once || met;
    }
    return right && step_ok(once, "never in the middle", (long long)whole);
}
/* --- Stopped in the middle --- */

static volatile uint32_t served, calls_back;
static uint32_t cut_off; /* calls */

/* Serves until the port goes: takes bytes of seed 5, answers with those of seed 3. */
static void serve(uint32_t unused)
{
    struct message message = {.receive = in, .receive_size = BIG};
    (void)unused;
    long got = limen_receive_message(stage_ports[0], &message, NULL);
    while (got == MESSAGE_CALL) {
        served++;
        wrong += message.receive_size != message.send_size ||
                 !filled(in, message.receive_size, 5);
        memset(in, 0xee, BIG);
        message = (struct message){.send = out,
                                   .send_size = message.send_size,
                                   .receive = in,
                                   .receive_size = BIG};
        got = limen_reply_receive_message(stage_ports[0], &message);
    }
    kind = got;
}

static void call_with(uint8_t *bytes, uint32_t size)
{
    struct message message = {
        .send = bytes, .send_size = size, .receive = bytes, .receive_size = size};
    fill(bytes, size, 5);
    stage_tell(&stage, 1);
    result = limen_call_message(stage_endpoints[0], &message);
    if (result == 0)
        wrong += message.receive_size != size || !filled(bytes, size, 3);
    calls_back++;
}

static void call(uint32_t unused)
{
    (void)unused;
    call_with(back, BIG);
}

/* A client and a server with a long message each way; the clock when it has begun. */
static bool begin_exchange(uint64_t *begun)
{
    bool right = stage_open(1);
    stage = wrong = served = calls_back = 0;
    result = 1;
    right = right && stage_start(SERVER, serve, MIDDLE);
    stage_settle();
    right = right && stage_start(CLIENT, call, MIDDLE) && stage_wait(&stage, 1);
    *begun = clock_now();
    return right;
}

/* Somebody else's call finds the server as it should be. */
static bool server_is_well(uint32_t calls)
{
    static uint8_t bytes[SMALL];
    call_with(bytes, SMALL);
    stage_settle();
    return step_ok(result == 0, "the next call's result", result) &&
           step_ok(served == calls, "calls", served) &&
           step_ok(wrong == 0, "wrong", wrong);
}

static uint64_t measure_exchange(void)
{
    uint64_t begun, took;
    bool right = begin_exchange(&begun);
    stage_settle();
    took = clock_now() - begun;
    right = right && result == 0 && server_is_well(2);
    return stage_close() && right ? took : 0;
}

/* Stops one of the two at a moment, lets all others run until they wait, and resumes it:
 * nobody has noticed. */
static bool stop_and_resume(uint32_t which, uint64_t moment)
{
    uint64_t begun;
    bool right = begin_exchange(&begun);
    sleep_for(moment);
    bool over = calls_back > 0; /* the client leaves, or has left */
    long error = limen_thread_suspend(stage_threads[which]);
    right = right && step_ok(error == 0 || (over && error == -ESRCH), "suspend", error);
    stage_settle();
    right = right && step_ok(over || which != CLIENT || calls_back == 0, "it runs", 1);
    (void)limen_thread_resume(stage_threads[which]);
    stage_settle();
    right = right && step_ok(calls_back == 1 && result == 0, "the result", result) &&
            server_is_well(2);
    return stage_close() && right;
}

/* Takes the client out of its call at a moment. */
static bool client_sent_away(uint32_t unused, uint64_t moment)
{
    uint64_t begun;
    (void)unused;
    bool right = begin_exchange(&begun);
    sleep_for(moment);
    if (calls_back == 0)
        right = right && stage_make_leave(CLIENT);
    stage_settle();
    right = right && step_ok(wrong == 0, "wrong", wrong);
    served = 0; /* it may have been, or not */
    right = right && server_is_well(1);
    return stage_close() && right;
}

/* Takes the server out of what it does, and it ends: its client is told, or waits for
 * another server. */
static bool server_sent_away(uint32_t unused, uint64_t moment)
{
    uint64_t begun;
    (void)unused;
    bool right = begin_exchange(&begun);
    sleep_for(moment);
    right = right && stage_make_leave(SERVER);
    stage_settle();
    bool told = calls_back == 1;
    (void)limen_handle_close(stage_threads[SERVER]);
    right = right && stage_start(SERVER, serve, MIDDLE);
    stage_settle();
    right = right && step_ok(calls_back == 1, "calls that came back", calls_back) &&
            step_ok(result == 0 || (told && result == -EPIPE), "the result", result);
    cut_off += result == -EPIPE;
    served = 0;
    right = right && server_is_well(1);
    return stage_close() && right;
}

/* Does it at moments all over an exchange, and a little after. */
static bool sweep(bool (*disturb)(uint32_t, uint64_t), uint32_t which)
{
    uint64_t whole = measure_exchange();
    bool right = step_ok(whole > 0, "an exchange that nobody disturbs", 0);
    for (uint32_t i = 0; right && i <= MOMENTS; i++)
        right = disturb(which, whole * i / (MOMENTS - 1));
    return right;
}

static bool client_stopped(void)
{
    return sweep(stop_and_resume, CLIENT);
}

static bool server_stopped(void)
{
    return sweep(stop_and_resume, SERVER);
}

static bool client_leaves(void)
{
    return sweep(client_sent_away, CLIENT);
}

static bool server_leaves(void)
{
    uint64_t deadline = clock_now() + PATIENCE;
    bool right;
    cut_off = 0;
    do
        right = sweep(server_sent_away, SERVER);
    while (right && cut_off == 0 && clock_now() < deadline);
    return right && step_ok(cut_off > 0, "cut off", cut_off);
}

/* --- Killed in the middle --- */

static volatile uint32_t event; /* an endpoint: the call begins */

static void twin_calls_long(uint32_t endpoint)
{
    uint8_t *bytes = (uint8_t *)BIG_AT;
    struct message message = {
        .send = bytes, .send_size = BIG, .receive = bytes, .receive_size = BIG};
    fill(bytes, BIG, 5);
    (void)limen_send((handle_t){event}, 0, 0, 0);
    long error = limen_call_message((handle_t){endpoint}, &message);
    if (error == 0)
        error = message.receive_size == BIG && filled(bytes, BIG, 3) ? 0 : -1;
    (void)limen_process_exit((uint32_t)-error);
}

static void twin_serves_long(uint32_t port)
{
    stage_ports[0].value = port;
    out = (uint8_t *)BIG_AT;
    in = out + BIG;
    fill(out, BIG, 3);
    serve(0);
    (void)limen_process_exit(wrong);
}

/* A twin with so much memory at BIG_AT, and a handle; begun in the end. */
static bool start_twin(struct child *child, uint32_t size, void (*function)(uint32_t),
                       handle_t handle)
{
    uint32_t sender = 0;
    if (!twin_load(child, TWIN_PAGES + BIG / PAGE_SIZE) ||
        child_map(*child, BIG_AT, size, MEMORY_READ | MEMORY_WRITE) != 0)
        return false;
    sender = (uint32_t)limen_handle_give(child->process, stage_endpoints[1], RIGHTS_SAME);
    long given = limen_handle_give(child->process, handle, RIGHTS_SAME);
    return child_write(*child, (uint32_t)&event, &sender, 4) &&
           twin_start(child, function, (uint32_t)given) &&
           limen_thread_priority(child->thread, MIDDLE) == 0;
}

/* What is left of an exchange of which one side was killed at that moment. */
static bool killed_at(uint32_t which, uint64_t moment)
{
    struct child twins[2] = {{{0}, {0}}, {{0}, {0}}};
    struct process_end end = {0};
    struct limen_words got;
    uint64_t deadline = clock_now() + PATIENCE;
    bool right = stage_open(2);
    wrong = served = 0;
    right = right &&
            start_twin(&twins[SERVER], 2 * BIG, twin_serves_long, stage_ports[0]) &&
            start_twin(&twins[CLIENT], BIG, twin_calls_long, stage_endpoints[0]) &&
            limen_handle_close(stage_ports[0]) == 0 &&
            limen_receive_words(stage_ports[1], &got, &deadline) == MESSAGE_SEND;
    sleep_for(moment);
    right = right && limen_process_kill(twins[which].process, 99) == 0;
    if (which == CLIENT) {
        static uint8_t bytes[SMALL];
        call_with(bytes, SMALL);
        right = right && step_ok(result == 0 && wrong == 0, "the next call", result);
    } else {
        (void)child_wait(twins[CLIENT], &end);
        right = right && step_ok(end.status == 0 || end.status == EPIPE,
                                 "the client's result", end.status);
        cut_off += end.status == EPIPE;
    }
    child_close(&twins[CLIENT]);
    (void)limen_handle_close(stage_endpoints[0]);
    (void)child_wait(twins[SERVER], &end);
    right = right && step_ok(end.status == (which == SERVER ? 99u : 0u),
                             "the server's end", end.status);
    child_close(&twins[SERVER]);
    return stage_close() && right;
}

static bool client_killed(void)
{
    return sweep(killed_at, CLIENT);
}

static bool server_killed(void)
{
    uint64_t deadline = clock_now() + PATIENCE;
    bool right;
    cut_off = 0;
    do
        right = sweep(killed_at, SERVER);
    while (right && cut_off == 0 && clock_now() < deadline);
    return right && step_ok(cut_off > 0, "cut off", cut_off);
}

/* --- Forgotten --- */

static volatile uint32_t stopped;

static void twin_stops(uint32_t unused)
{
    (void)unused;
    stopped = 1;
    for (;;)
        (void)limen_thread_suspend(HANDLE_SELF);
}

/* Leaves a process behind that nobody can resume or end. */
static void twin_forgets_one(uint32_t unused)
{
    struct child child;
    (void)unused;
    bool right = twin_load(&child, TWIN_PAGES) && twin_start(&child, twin_stops, 0) &&
                 child_wait_for(child, &stopped, 1);
    child_close(&child);
    (void)limen_process_exit(right ? 0 : 1);
}

static bool forgotten_while_suspended(void)
{
    struct child child;
    struct process_end end;
    struct system_info before = system_now();
    bool right = twin_run(&child, 2 * TWIN_PAGES, twin_forgets_one, 0, &end) == EXIT_0;
    child_close(&child);
    struct system_info after = system_now();
    return right &&
           step_ok(after.processes == before.processes, "processes", after.processes) &&
           step_ok(after.threads == before.threads, "threads", after.threads);
}

static const struct test_case cases[] = {
    {"an answer cut off by its client's end", answer_cut_off},
    {"a client stopped at any moment of a long call", client_stopped},
    {"a server stopped so", server_stopped},
    {"a client that leaves at any moment", client_leaves},
    {"a server that leaves so", server_leaves},
    {"a client's process killed at any moment of a long call", client_killed},
    {"a server's process killed so", server_killed},
    {"a suspended process that nobody holds ends with its parent",
     forgotten_while_suspended},
};

int main(void)
{
    return make_buffers() ? RUN_CASES(cases) : TAP_BROKEN;
}
