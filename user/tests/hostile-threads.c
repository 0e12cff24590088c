/* SPDX-License-Identifier: MIT */
/*
 * Threads that are stopped, sent elsewhere or killed in the middle of long messages: at
 * any moment, which is what a case sweeps over. Whoever is left goes on as if the other
 * had never been, with the bytes that it was sent and no others.
 */
#include "stage.h"

#define BIG (1024 * 1024u)
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
    kind = limen_message_reply_receive(stage_ports[0], &message);
    wrong = message.receive_size != SMALL || !filled(in, SMALL, 7);
    (void)limen_reply(0, 0, 0, 0);
}

static void twin_asks_for_bytes(uint32_t endpoint)
{
    struct message message = {.receive = (void *)BIG_AT, .receive_size = BIG};
    long error = limen_message_call((handle_t){endpoint}, &message);
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
    right = right && limen_message_call(stage_endpoints[0], &message) == 0;
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
static const struct test_case cases[] = {
    {"an answer cut off by its client's end", answer_cut_off},
};

int main(void)
{
    return make_buffers() ? RUN_CASES(cases) : TAP_BROKEN;
}
