/* SPDX-License-Identifier: MIT */
/* Cases: what a server answers to a request is what it answers to a call. */
#include "requests.h"

#define THOUSAND 1000

static uint8_t sent[BYTES], got[BYTES];
static struct system_message message, other;
static struct system_message many[THOUSAND];

bool words_by_one_loop(void)
{
    bool right = req_begin();
    handle_t port = queue_port();
    uint32_t words[3] = {SERVE_ADD, 30, 12};
    for (int i = 0; i < 3; i++) {
        message = req_call(port, SERVE_ADD, 30, 12);
        right =
            right && req_in_flight(stage_endpoints[0], &message) &&
            limen_call_words(stage_endpoints[0], (uint32_t[]){SERVE_ADD, 1, 1}) == 0 &&
            req_comes(port, &message, 0) && req_answer(&message, 42, 0, 0);
    }
    right = right && limen_call_words(stage_endpoints[0], words) == 0 &&
            words[0] == message.words[0] && words[1] == message.words[1] &&
            words[2] == message.words[2];
    /* The badge tells endpoints apart. */
    handle_t badged = handle_of(limen_endpoint_mint(stage_ports[0], 0xbad9e));
    message = req_call(port, SERVE_ADD, 1, 2);
    right = right && req_in_flight(badged, &message) && req_comes(port, &message, 0) &&
            req_answer(&message, 3, 0xbad9e, 0);
    right = req_close(badged) && right;
    return req_end(port, right);
}

bool bytes_both_ways(void)
{
    bool right = req_begin();
    handle_t port = queue_port();
    for (uint32_t i = 0; i < BYTES; i++)
        sent[i] = (uint8_t)(i * 7 + i / 256);
    struct message text = {.words = {SERVE_BYTES, 5, 6},
                           .send = sent,
                           .send_size = BYTES,
                           .receive = got,
                           .receive_size = BYTES};
    memset(got, 0, BYTES);
    message = req_long(port, &text);
    right = right && req_asked(port, &message, 0) &&
            req_answer(&message, MESSAGE_TAG(0, 0, BYTES), SERVE_BYTES, 5);
    for (uint32_t i = 0; right && i < BYTES; i++)
        right = got[i] == (uint8_t)(sent[i] + 1);
    /* The same while the server does not wait yet, and with room for a part. */
    memset(got, 0, BYTES);
    text.receive_size = 5001;
    message = req_call(port, SERVE_ADD, 0, 0);
    other = req_long(port, &text);
    stage_own_priority(HIGHER);
    right = right && req_in_flight(stage_endpoints[0], &message) &&
            req_in_flight(stage_endpoints[0], &other) && req_comes(port, &other, 0) &&
            req_comes(port, &message, 0) &&
            req_answer(&other, MESSAGE_TAG(0, 0, BYTES), SERVE_BYTES, 5);
    for (uint32_t i = 0; right && i < BYTES; i++)
        right = got[i] == (i < 5001 ? (uint8_t)(sent[i] + 1) : 0);
    return req_end(port, right);
}

bool handles_both_ways(void)
{
    bool right = req_begin();
    uint32_t before = process_now().handles;
    handle_t port = queue_port();
    struct message text = {
        .words = {SERVE_HANDLE}, .handle_room = MESSAGE_HANDLES, .handle_count = 3};
    for (int i = 0; i < 3; i++) {
        text.handles[i] = stage_endpoints[0];
        text.rights[i] = RIGHTS_SAME;
    }
    message = req_long(port, &text);
    right = right && req_asked(port, &message, 0) &&
            MESSAGE_HANDLE_COUNT(message.words[0]) == 3;
    for (int i = 0; right && i < 3; i++) {
        other = req_call(port, SERVE_ADD, 20, (uint32_t)i);
        right = text.handles[i].value != stage_endpoints[0].value &&
                req_in_flight(text.handles[i], &other) && req_comes(port, &other, 0) &&
                req_answer(&other, 20 + (uint32_t)i, 0, 0) && req_close(text.handles[i]);
    }
    right = req_close(port) && right &&
            step_ok(process_now().handles == before, "handles", process_now().handles);
    return stage_close() && right;
}

bool parts_of_bytes(void)
{
    bool right = req_begin();
    handle_t port = queue_port();
    for (uint32_t i = 0; i < BYTES; i++)
        sent[i] = (uint8_t)(i * 3);
    memset(got, 0, BYTES);
    struct message text = {.words = {SERVE_PARTS},
                           .send = sent,
                           .send_size = BYTES,
                           .receive = got,
                           .receive_size = BYTES};
    message = req_long(port, &text);
    right = right && req_asked(port, &message, 0) && message.words[1] == 14 &&
            message.words[2] == 0;
    for (uint32_t i = 0; right && i < 7; i++)
        right = got[BYTES - 7 + i] == sent[5000 + i];
    return req_end(port, right);
}

bool answered_later(void)
{
    bool right = req_begin();
    handle_t port = queue_port();
    for (uint32_t i = 0; i < 8; i++) {
        many[i] = req_call(port, SERVE_DEFER, 100 + i, 0);
        right = right && req_in_flight(stage_endpoints[0], &many[i]);
    }
    stage_settle();
    struct system_message *came;
    right = right && limen_msg_test_any(port, &came) == -EAGAIN;
    for (uint32_t i = 8; i-- > 0;) {
        uint32_t words[3] = {SERVE_RELEASE, i, 0};
        right = right && limen_call_words(stage_endpoints[0], words) == 0 &&
                words[0] == 0 && req_comes(port, &many[i], 0) &&
                req_answer(&many[i], 100 + i, 77, 78);
    }
    return req_end(port, right);
}

bool thousand_in_a_queue(void)
{
    bool right = stage_open(1);
    handle_t port = queue_port();
    struct system_message *came;
    for (uint32_t i = 0; i < THOUSAND; i++) {
        many[i] = req_call(port, SERVE_ADD, i, 1);
        right = right && req_in_flight(stage_endpoints[0], &many[i]);
    }
    right = right && req_serve(0, HIGH);
    /* Served in the order in which they were sent. */
    for (uint32_t i = 0; right && i < THOUSAND; i++) {
        uint64_t deadline = clock_now() + PATIENCE;
        right = limen_msg_wait_any(port, &came, &deadline) == 0 && came == &many[i] &&
                req_answer(came, i + 1, 0, 0);
    }
    right = right && step_ok(served_count == THOUSAND, "served", served_count);
    return req_end(port, right);
}

/* Sends a request at its own priority, which is what the queue goes by. */
static void send_at(uint32_t which)
{
    if (limen_msg_send(stage_endpoints[0], &many[which]) != -EASYNC)
        many[which].words[0] = ~0u;
}

bool by_priority(void)
{
    static const uint32_t priorities[] = {LESS, MIDDLE, LITTLE, BETWEEN};
    bool right = stage_open(1);
    handle_t port = queue_port();
    for (uint32_t i = 0; i < 4; i++) {
        many[i] = req_call(port, SERVE_ADD, priorities[i], 0);
        right = right && stage_start(i, send_at, priorities[i]);
        stage_settle();
    }
    right = right && req_serve(4, LEAST);
    for (uint32_t i = 0; i < 4; i++)
        right = right && req_comes(port, &many[i], 0);
    right = right && served[0].words[1] == BETWEEN && served[1].words[1] == MIDDLE &&
            served[2].words[1] == LITTLE && served[3].words[1] == LESS;
    /* Who waits by a request lends its priority, too. */
    stage_settle();
    right = right && stage_priority(4) == LEAST;
    message = req_call(port, SERVE_KEEP, 0, 0);
    right = right && req_in_flight(stage_endpoints[0], &message) &&
            step_ok(stage_priority(4) == OWN, "lent", stage_priority(4));
    right = right && limen_msg_cancel(&message) == 0 &&
            step_ok(stage_priority(4) == LEAST, "taken back", stage_priority(4)) &&
            req_comes(port, &message, -ECANCELED);
    stage_tell(&stage_stop, 1);
    return req_end(port, right);
}

/* An array of requests to a server above the sender, which runs amid it. */
bool array_gives_way(void)
{
    bool right = req_begin();
    handle_t port = queue_port();
    for (int gate = 0; right && gate < 2; gate++) {
        struct limen_crossing crossing = {
            .port = stage_endpoints[0], .message = many, .size = 60 * sizeof(*many)};
        for (uint32_t i = 0; i < 60; i++)
            many[i] = req_call(port, SERVE_ADD, i, 1);
        stage_own_priority(LESS);
        long error =
            gate ? limen_sendsys_by_int81(&crossing) : limen_sendsys_by_number(&crossing);
        stage_own_priority(OWN);
        right = step_ok(error == 0, "sent", error) &&
                step_ok(crossing.count == 60, "taken", crossing.count) &&
                crossing.message == many;
        for (uint32_t i = 0; i < 60; i++)
            right = right && req_comes(port, &many[i], 0) &&
                    req_answer(&many[i], i + 1, 0, 0);
    }
    return req_end(port, right);
}

/* Takes the sender's endpoint away when it gets the first. */
static void take_endpoint_away(uint32_t which)
{
    struct limen_words words;
    (void)which;
    (void)limen_receive_words(stage_ports[0], &words, NULL);
    (void)limen_handle_close(stage_endpoints[0]);
    stage_wait_on(&stage_stop, 1);
}

bool array_loses_its_endpoint(void)
{
    bool right = stage_open(1) && stage_start(0, take_endpoint_away, HIGH);
    handle_t port = queue_port();
    struct limen_crossing crossing = {
        .port = stage_endpoints[0], .message = many, .size = 60 * sizeof(*many)};
    stage_settle();
    for (uint32_t i = 0; i < 60; i++)
        many[i] = req_call(port, SERVE_ADD, i, 1);
    stage_own_priority(LESS);
    long error = limen_sendsys_by_int81(&crossing);
    stage_own_priority(OWN);
    right = right && step_ok(error == -EBADF, "sent", error) &&
            step_ok(crossing.count > 0 && crossing.count < 60, "taken", crossing.count);
    for (uint32_t i = 0; i < 60; i++)
        right = right &&
                step_ok(limen_msg_cancel(&many[i]) == (i < crossing.count ? 0 : -ESRCH),
                        "in flight", i);
    stage_tell(&stage_stop, 1);
    return req_end(port, right);
}

bool to_oneself(void)
{
    bool right = stage_open(1);
    handle_t port = queue_port();
    struct limen_words words;
    message = req_call(port, 1, 2, 3);
    right = right && req_received(&message, &words) && words.words[0] == 1 &&
            words.words[2] == 3 &&
            limen_receive_words(stage_ports[0], &words, NULL) == -EBUSY &&
            limen_reply(0, 4, 5, 6) == 0 && limen_reply(0, 4, 5, 6) == -ESRCH &&
            req_comes(port, &message, 0) && req_answer(&message, 4, 5, 6);
    return req_end(port, right);
}

/* What cannot be sent is over at once, and has changed nothing. */
bool at_once_refused(void)
{
    bool right = req_begin();
    uint32_t before = process_now().handles;
    handle_t port = queue_port();
    struct message text = {.words = {SERVE_ADD}, .handle_count = 5};
    message = req_long(port, &text);
    right = right && limen_msg_send(stage_endpoints[0], &message) == -E2BIG &&
            message.error == -E2BIG;
    text.handle_count = 0;
    text.send = (void *)(KERNEL_BASE - 8);
    text.send_size = 16;
    message = req_long(port, &text);
    right = right && limen_msg_send(stage_endpoints[0], &message) == -EFAULT;
    message = req_long(port, (void *)0x70000000);
    right = right && limen_msg_send(stage_endpoints[0], &message) == -EFAULT;
    message = req_call(port, 1, 2, 3);
    right = right && limen_msg_send(stage_ports[0], &message) == -EBADF &&
            limen_msg_send(port, &message) == -EBADF &&
            limen_msg_send((handle_t){0x12345}, &message) == -EBADF;
    handle_t deaf = handle_of(limen_port_create());
    handle_t to_deaf = handle_of(limen_endpoint_mint(deaf, 0));
    right = req_close(deaf) && right && limen_msg_send(to_deaf, &message) == -EPIPE;
    right = req_close(to_deaf) && right;
    right = req_close(port) && right &&
            step_ok(process_now().handles == before, "handles", process_now().handles);
    return stage_close() && right;
}
