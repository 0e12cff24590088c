/* SPDX-License-Identifier: MIT */
/* Cases: either side of a request ends, or gives it up. */
#include "requests.h"

#define TWIN_PAGES 512
#define MANY 48

static struct system_message message, other;
static struct system_message many[MANY];
static struct message texts[MANY];

/* One that is being served, one behind it. */
static bool two_in_flight(handle_t port, uint32_t first)
{
    message = req_call(port, first, 0, 0);
    other = req_call(port, SERVE_ADD, 1, 2);
    bool right = req_in_flight(stage_endpoints[0], &message);
    stage_settle();
    return right && req_in_flight(stage_endpoints[0], &other);
}

bool server_leaves(void)
{
    bool right = req_begin();
    handle_t port = queue_port();
    right = right && two_in_flight(port, SERVE_DIE) && req_comes(port, &message, -EPIPE);
    /* The next server goes on. */
    right = right && limen_msg_test(port, &other) == -EAGAIN && req_serve(1, HIGH) &&
            req_comes(port, &other, 0) && req_answer(&other, 3, 0, 0);
    return req_end(port, right);
}

/* A server of another process, with the port that it was given. */
static void serve_process(uint32_t port)
{
    serve_port.value = port;
    serve(0);
    (void)limen_process_exit(0);
}

static bool server_process(struct child *child)
{
    return twin_given(child, TWIN_PAGES, serve_process, stage_ports[0]);
}

bool server_killed(void)
{
    struct child child = {0};
    bool right = stage_open(1);
    handle_t port = queue_port();
    right = step_ok(right && server_process(&child), "a server's process", 0);
    other = req_call(port, SERVE_ADD, 40, 2);
    right = right && req_in_flight(stage_endpoints[0], &other) &&
            req_comes(port, &other, 0) && req_answer(&other, 42, 0, 0);
    /* Bytes from process to process. */
    static uint8_t bytes[BYTES];
    struct message text = {.words = {SERVE_BYTES},
                           .send = bytes,
                           .send_size = BYTES,
                           .receive = bytes,
                           .receive_size = BYTES};
    memset(bytes, 1, BYTES);
    message = req_long(port, &text);
    right =
        right && req_asked(port, &message, 0) && bytes[0] == 2 && bytes[BYTES - 1] == 2;
    right = right && two_in_flight(port, SERVE_KEEP) &&
            limen_process_kill(child.process, 0) == 0 &&
            req_comes(port, &message, -EPIPE);
    child_close(&child);
    right = right && limen_msg_test(port, &other) == -EAGAIN;
    right = right && server_process(&child) && req_comes(port, &other, 0) &&
            req_answer(&other, 3, 0, 0);
    right = right && limen_process_kill(child.process, 0) == 0;
    child_close(&child);
    return req_end(port, right);
}

bool port_closed(void)
{
    bool right = stage_open(1);
    handle_t port = queue_port();
    for (uint32_t i = 0; i < MANY; i++) {
        many[i] = req_call(port, SERVE_ADD, 0, 0);
        right = right && req_in_flight(stage_endpoints[0], &many[i]);
    }
    struct limen_words words;
    right = right && limen_receive_words(stage_ports[0], &words, NULL) == MESSAGE_CALL &&
            req_close(stage_ports[0]);
    /* The one that was received can still be answered. */
    for (uint32_t i = 1; i < MANY; i++)
        right = right && req_comes(port, &many[i], -EPIPE);
    right = right && limen_msg_test(port, &many[0]) == -EAGAIN &&
            limen_reply(0, 1, 2, 3) == 0 && req_comes(port, &many[0], 0);
    right = req_close(stage_endpoints[0]) && right;
    stage_ports[0].value = 0;
    return req_end(port, right);
}

/* In the queue, received, deferred, come back: all go with the port. */
bool reply_port_closed(void)
{
    bool right = req_begin();
    uint32_t before = process_now().handles;
    handle_t port = queue_port();
    uint32_t kinds[] = {SERVE_ADD, SERVE_DEFER, SERVE_KEEP, SERVE_ADD};
    for (uint32_t i = 0; i < 4; i++) {
        many[i] = req_call(port, kinds[i], 0, 0);
        right = right && req_in_flight(stage_endpoints[0], &many[i]);
        stage_settle();
    }
    handle_t reply = served[1].reply;
    right = req_close(port) && right;
    for (uint32_t i = 0; i < 4; i++)
        right = right && limen_msg_cancel(&many[i]) == -ESRCH;
    struct message answer = {.words = {1}};
    right = right && limen_reply_to(reply, &answer) == -ESRCH;
    stage_tell(&stage_stop, 1);
    right = right &&
            step_ok(process_now().handles == before, "handles", process_now().handles);
    return stage_close() && right;
}

bool reply_handle_dropped(void)
{
    bool right = req_begin();
    handle_t port = queue_port();
    message = req_call(port, SERVE_SILENT, 0, 0);
    right = right && req_asked(port, &message, -EPIPE);
    return req_end(port, right);
}

static void send_what_is_refused(uint32_t endpoint)
{
    handle_t port = queue_port();
    message = req_call(port, SERVE_FAULT, 0, 0);
    (void)limen_msg_send((handle_t){endpoint}, &message);
    (void)limen_msg_wait(port, &message, NULL);
    (void)limen_process_exit(0);
}

bool sender_refused(void)
{
    struct child child = {0};
    struct process_end end;
    bool right = req_begin() &&
                 twin_given(&child, TWIN_PAGES, send_what_is_refused, stage_endpoints[0]);
    (void)child_wait(child, &end);
    right = right &&
            step_ok(end.reason == PROCESS_REFUSED && end.status == 42, "end", end.reason);
    child_close(&child);
    return stage_close() && right;
}

/* Sends requests whose answers bring four handles each. */
static bool send_for_handles(handle_t endpoint, handle_t port)
{
    bool right = true;
    for (uint32_t i = 0; i < MANY; i++) {
        texts[i] = (struct message){.words = {SERVE_HANDLE},
                                    .handle_room = MESSAGE_HANDLES,
                                    .handle_count = MESSAGE_HANDLES};
        for (int j = 0; j < MESSAGE_HANDLES; j++) {
            texts[i].handles[j] = endpoint;
            texts[i].rights[j] = RIGHTS_SAME;
        }
        many[i] = req_long(port, &texts[i]);
        right = right && limen_msg_send(endpoint, &many[i]) == -EASYNC;
    }
    return right;
}

bool uncollected_handles(void)
{
    bool right = req_begin();
    uint32_t before = process_now().handles;
    handle_t port = queue_port();
    right = right && send_for_handles(stage_endpoints[0], port);
    stage_settle();
    right = right && served_count == MANY &&
            step_ok(process_now().handles == before + 1 + MANY * (MESSAGE_HANDLES + 1),
                    "handles that came", process_now().handles);
    /* One is collected; the others, with their handles, go. */
    right = right && req_comes(port, &many[7], 0);
    for (int i = 0; i < MESSAGE_HANDLES; i++)
        right = req_close(texts[7].handles[i]) && right;
    right = req_close(port) && right &&
            step_ok(process_now().handles == before, "handles", process_now().handles);
    return stage_close() && right;
}

static void die_with_handles(uint32_t endpoint)
{
    handle_t port = queue_port();
    struct system_message *came = NULL;
    bool right = send_for_handles((handle_t){endpoint}, port) &&
                 limen_msg_wait_any(port, &came, NULL) == 0;
    (void)limen_process_exit(right ? 0 : 1);
}

/* Also: the port and its messages stand in several pages of handles. */
bool sender_dies_with_handles(void)
{
    struct child child = {0};
    struct process_end end;
    bool right = req_begin() &&
                 twin_given(&child, TWIN_PAGES, die_with_handles, stage_endpoints[0]) &&
                 child_wait(child, &end) == EXIT_0;
    child_close(&child);
    return stage_close() && right;
}

bool cancelled_in_the_queue(void)
{
    bool right = stage_open(1);
    handle_t port = queue_port();
    for (uint32_t i = 0; i < 3; i++) {
        many[i] = req_call(port, SERVE_ADD, i, 0);
        right = right && req_in_flight(stage_endpoints[0], &many[i]);
    }
    right = right && limen_msg_cancel(&many[1]) == 0 &&
            limen_msg_cancel(&many[1]) == -ESRCH &&
            req_comes(port, &many[1], -ECANCELED) && req_serve(0, HIGH) &&
            req_comes(port, &many[0], 0) && req_comes(port, &many[2], 0) &&
            step_ok(served_count == 2, "served", served_count);
    return req_end(port, right);
}

bool cancelled_when_received(void)
{
    bool right = stage_open(1);
    handle_t port = queue_port();
    struct limen_words words;
    message = req_call(port, 1, 2, 3);
    right = right && req_received(&message, &words) && limen_msg_cancel(&message) == 0 &&
            limen_reply(0, 4, 5, 6) == -ESRCH && req_comes(port, &message, -ECANCELED) &&
            message.words[0] == 0;
    /* And once more with bytes: who asks for them is told. */
    uint8_t byte;
    struct message text = {.send = &byte, .send_size = 1};
    message = req_long(port, &text);
    right = right && req_received(&message, &words) && limen_msg_cancel(&message) == 0 &&
            limen_message_read((handle_t){0}, 0, &byte, 1) == -ESRCH &&
            limen_client_fault((handle_t){0}, 1) == -ESRCH &&
            limen_reply_defer() == -ESRCH && req_comes(port, &message, -ECANCELED);
    return req_end(port, right);
}

bool cancelled_when_deferred(void)
{
    bool right = stage_open(1);
    handle_t port = queue_port();
    struct limen_words words;
    struct message answer = {.words = {9}};
    message = req_call(port, 1, 2, 3);
    right = right && req_received(&message, &words);
    handle_t reply = handle_of(limen_reply_defer());
    right = right && limen_msg_cancel(&message) == 0 &&
            limen_reply_to(reply, &answer) == -ESRCH &&
            limen_reply_to(reply, &answer) == -EBADF &&
            req_comes(port, &message, -ECANCELED);
    return req_end(port, right);
}
