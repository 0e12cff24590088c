/* SPDX-License-Identifier: MIT */
/*
 * Cases: the time of a request is over at any moment of its way. The moment is swept
 * against what the server does, until both ends of the sweep have been seen.
 */
#include "requests.h"

#define LARGE 0x40000u /* bytes of an answer: many pages, so that interrupts come in */
#define MANY 200

static struct system_message message;
static struct system_message many[MANY];
static struct message text;

static uint8_t *large_memory(uint32_t size)
{
    struct memory_map map = {.size = size, .flags = MEMORY_READ | MEMORY_WRITE};
    if (limen_memory_map(HANDLE_SELF, &map) != 0)
        return NULL;
    memset((void *)map.address, 1, size);
    return (uint8_t *)map.address;
}

bool time_out_in_the_queue(void)
{
    bool right = stage_open(1);
    handle_t port = queue_port();
    struct limen_words words;
    uint64_t soon = clock_now() + MILLISECOND;
    message = req_call(port, 1, 2, 3);
    message.time = soon;
    right = right && req_asked(port, &message, -ETIMEDOUT) && clock_now() >= soon;
    uint64_t past = 1;
    right = right && limen_receive_words(stage_ports[0], &words, &past) == -ETIMEDOUT;
    message = req_call(port, 1, 2, 3);
    message.time = 1;
    right = right && req_asked(port, &message, -ETIMEDOUT);
    return req_end(port, right);
}

bool time_out_when_received(void)
{
    bool right = stage_open(1);
    handle_t port = queue_port();
    struct limen_words words;
    uint64_t past = 1;
    long kind = 0;
    /* Should its time be over before it is received, it gets more. */
    for (uint64_t time = 5 * MILLISECOND; right && kind != MESSAGE_CALL; time *= 2) {
        message = req_call(port, 1, 2, 3);
        message.time = clock_now() + time;
        right = time < PATIENCE && req_in_flight(stage_endpoints[0], &message);
        kind = limen_receive_words(stage_ports[0], &words, &past);
        right = right && req_comes(port, &message, -ETIMEDOUT);
    }
    right = right && limen_reply(0, 1, 1, 1) == -ESRCH;
    return req_end(port, right);
}

/* One round: a request whose time is `delay` after it was received, and a long answer.
 * What the request says and what the server is told: exactly one of them has won, except
 * that a server may be done before the request's time is. */
static bool late_answer(handle_t port, uint8_t *to, uint8_t *from, uint64_t delay,
                        uint32_t *late)
{
    struct limen_words words;
    struct message answer = {.words = {7}, .send = from, .send_size = LARGE};
    text = (struct message){.receive = to, .receive_size = LARGE};
    message = req_long(port, &text);
    message.time = clock_now() + delay;
    if (!req_in_flight(stage_endpoints[0], &message))
        return false;
    uint64_t past = 1;
    long kind = limen_receive_words(stage_ports[0], &words, &past);
    long error = kind == MESSAGE_CALL ? limen_message_reply(&answer) : -ESRCH;
    long came = req_wait(port, &message);
    *late += came == -ETIMEDOUT;
    return step_ok((error == 0 && came == 0 && message.words[1] == 7) ||
                       (error == -ESRCH && came == -ETIMEDOUT),
                   "answered and came back", error * 1000 + came);
}

bool time_out_amid_a_long_answer(void)
{
    bool right = stage_open(1);
    handle_t port = queue_port();
    uint8_t *to = large_memory(2 * LARGE);
    uint64_t step = 1000;
    uint32_t late = 1, rounds = 0;
    /* Longer delays, until no answer is late any more. */
    for (uint64_t delay = 0; right && late > 0 && rounds < 4000; rounds++) {
        late = 0;
        for (int i = 0; right && i < 4; i++)
            right = late_answer(port, to, to + LARGE, delay, &late);
        step += step / 16;
        delay += step;
    }
    right = right && step_ok(late == 0, "late, always", late);
    (void)limen_memory_unmap(HANDLE_SELF, (uint32_t)to, 2 * LARGE);
    return req_end(port, right);
}

/* The same while the server copies what came. */
bool time_out_amid_a_long_call(void)
{
    bool right = stage_open(1);
    handle_t port = queue_port();
    uint8_t *from = large_memory(2 * LARGE);
    struct message_window window = {.buffer = from + LARGE, .size = LARGE};
    uint64_t step = 1000, delay = 0;
    uint32_t late = 1;
    right = limen_message_window(&window) == 0 && right;
    for (int round = 0; right && late > 0 && round < 4000; round++) {
        struct limen_words words;
        uint64_t past = 1;
        text = (struct message){.send = from, .send_size = LARGE};
        message = req_long(port, &text);
        message.time = clock_now() + delay;
        right = req_in_flight(stage_endpoints[0], &message);
        long kind = limen_receive_words(stage_ports[0], &words, &past);
        long error = kind == MESSAGE_CALL ? limen_reply(0, 7, 7, 7) : -ESRCH;
        long came = req_wait(port, &message);
        late = came == -ETIMEDOUT;
        right = right && step_ok(error == (late ? -ESRCH : 0) && (late || came == 0),
                                 "answered and came back", error * 1000 + came);
        step += step / 16;
        delay += step;
    }
    right = right && step_ok(late == 0, "late, always", late);
    (void)limen_message_window(NULL);
    (void)limen_memory_unmap(HANDLE_SELF, (uint32_t)from, 2 * LARGE);
    return req_end(port, right);
}

/* A server that has inherited the priority of a request: it answers, by words or by bytes
 * for which there is no room in the sender's memory, or refuses what it brings. */
static void end_lent(uint32_t which)
{
    static uint8_t byte;
    struct message answer = {.send = &byte, .send_size = 1};
    struct limen_words words;
    (void)which;
    while (limen_receive_words(stage_ports[0], &words, NULL) == MESSAGE_CALL) {
        if (words.words[0] == 0)
            (void)limen_reply(0, 1, 2, 3);
        else
            (void)limen_message_reply(&answer);
    }
}

/* Its time is over while the server's priority is settled. */
static bool late_where_lent(handle_t port, uint32_t round, uint32_t unit, uint32_t *late)
{
    uint32_t kind = round % 3;
    text = (struct message){.words = {1}, .receive = (void *)0x70000000};
    text.receive_size = 1;
    text.handle_count = kind == 2;
    text.handles[0] = stage_endpoints[0];
    message = kind == 0 ? req_call(port, 0, 0, 0) : req_long(port, &text);
    message.time = clock_now() + (uint64_t)unit * (round / 3 % 300);
    if (!req_in_flight(stage_endpoints[0], &message))
        return false;
    long came = req_wait(port, &message);
    long wanted = kind == 0 ? 0 : kind == 1 ? -EFAULT : -E2BIG;
    *late += came == -ETIMEDOUT;
    return step_ok(came == -ETIMEDOUT || came == wanted, "came back", came);
}

bool time_out_where_priority_is_lent(void)
{
    bool right = stage_open(1) && stage_start(0, end_lent, LESS);
    handle_t port = queue_port();
    uint32_t late = 0, rounds = 0;
    /* Longer times, should all have been too short. */
    for (uint32_t unit = 100; right && late == rounds; unit *= 2)
        for (uint32_t round = 0; right && round < 2700; round++, rounds++)
            right = unit < MILLISECOND && late_where_lent(port, round, unit, &late);
    right = right && step_ok(late > 0, "late", late);
    right = right && step_ok(stage_priority(0) == LESS, "priority", stage_priority(0));
    return req_end(port, right);
}

/* All at one moment, each in the queue of the same server, which is relieved. */
bool time_outs_of_many(void)
{
    bool right = stage_open(1) && req_serve(0, LESS);
    handle_t port = queue_port();
    struct system_message keep = req_call(port, SERVE_KEEP, 0, 0), *came;
    right = right && req_in_flight(stage_endpoints[0], &keep);
    stage_settle();
    uint64_t soon = clock_now() + 2 * MILLISECOND;
    for (uint32_t i = 0; i < MANY; i++) {
        many[i] = req_call(port, SERVE_ADD, 0, 0);
        many[i].time = soon;
        stage_own_priority(HIGH + i % 8);
        right = right && req_in_flight(stage_endpoints[0], &many[i]);
    }
    stage_own_priority(OWN);
    for (uint32_t i = 0; right && i < MANY; i++) {
        uint64_t deadline = clock_now() + PATIENCE;
        right = limen_msg_wait_any(port, &came, &deadline) == -ETIMEDOUT &&
                came >= many && came < many + MANY;
    }
    right = right && clock_now() >= soon && limen_msg_test_any(port, &came) == -EAGAIN &&
            limen_msg_cancel(&keep) == 0 && req_comes(port, &keep, -ECANCELED) &&
            step_ok(stage_priority(0) == LESS, "priority", stage_priority(0));
    stage_tell(&stage_stop, 1);
    return req_end(port, right);
}

/* A server that answers at once, and a cancellation that a timer's interrupt puts before
 * or behind the answer: exactly one of them has won, and both sides say the same. */
static volatile uint32_t answered;

static void answer_and_count(uint32_t which)
{
    struct limen_words words;
    (void)which;
    while (limen_receive_words(stage_ports[0], &words, NULL) == MESSAGE_CALL) {
        for (uint32_t i = 0; i < words.words[0]; i++)
            (void)limen_null();
        if (limen_reply(0, 5, 6, 7) == 0)
            answered++;
    }
}

bool cancel_races_an_answer(void)
{
    bool right = stage_open(1) && stage_start(0, answer_and_count, MIDDLE);
    handle_t port = queue_port();
    uint32_t won = 0, lost = 0, before = answered;
    for (uint32_t round = 0; right && round < 1500; round++) {
        uint64_t when = clock_now() + 200 * (round % 500);
        message = req_call(port, 20, 0, 0);
        right = req_in_flight(stage_endpoints[0], &message);
        (void)limen_clock_sleep(&when);
        long cancelled = limen_msg_cancel(&message);
        long came = req_wait(port, &message);
        won += cancelled == 0;
        lost += cancelled == -ESRCH;
        right = right && step_ok(cancelled == 0 ? came == -ECANCELED
                                                : cancelled == -ESRCH && came == 0,
                                 "came back", came);
        right = right && limen_msg_wait(port, &message, NULL) == -ESRCH;
    }
    right = req_close(port) && right;
    right = stage_close() && right; /* and the server has counted all */
    return right && step_ok(won > 0 && lost > 0, "cancelled", won) &&
           step_ok(answered - before == lost, "answered", answered - before);
}

/* --- A sender that is killed --- */

static uint8_t *server_bytes;

/* Receives many bytes, and answers with as many. */
static void take_and_give(uint32_t which)
{
    struct message_window window = {.buffer = server_bytes, .size = LARGE};
    struct message answer = {.send = server_bytes, .send_size = LARGE};
    struct limen_words words;
    (void)which;
    (void)limen_message_window(&window);
    while (limen_receive_words(stage_ports[0], &words, NULL) > 0)
        (void)limen_message_reply(&answer);
}

/* A twin's: sends more than can be served before it is killed. */
static void send_for_ever(uint32_t endpoint)
{
    handle_t port = queue_port();
    struct system_message *came;
    uint8_t *bytes = large_memory(LARGE);
    text = (struct message){
        .send = bytes, .send_size = LARGE, .receive = bytes, .receive_size = LARGE};
    for (uint32_t i = 0;; i = (i + 1) % 4) {
        many[i] = req_long(port, &text);
        (void)limen_msg_send((handle_t){endpoint}, &many[i]);
        if (i == 3)
            for (int j = 0; j < 4; j++)
                (void)limen_msg_wait_any(port, &came, NULL);
    }
}

/* At any moment of the copies, which others make. */
bool sender_killed_amid_bytes(void)
{
    bool right = stage_open(1);
    server_bytes = large_memory(LARGE);
    right = right && stage_start(0, take_and_give, LESS);
    for (uint32_t round = 0; right && round < 40; round++) {
        struct child child = {0};
        right = twin_load(&child, 1024);
        (void)limen_process_priority(child.process, LEAST + round % 8);
        long there = limen_handle_give(child.process, stage_endpoints[0], RIGHTS_SAME);
        right = right && there > 0 && twin_start(&child, send_for_ever, (uint32_t)there);
        sleep_for(2 * MILLISECOND + round * 37000);
        right = right && limen_process_kill(child.process, 0) == 0;
        child_close(&child);
        /* The server goes on. */
        uint32_t words[3] = {0};
        right = right &&
                step_ok(limen_call_words(stage_endpoints[0], words) == 0, "call", round);
    }
    right = stage_close() && right;
    (void)limen_memory_unmap(HANDLE_SELF, (uint32_t)server_bytes, LARGE);
    return right;
}
