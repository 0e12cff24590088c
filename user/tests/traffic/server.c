/* SPDX-License-Identifier: MIT */
/*
 * A server: receives at its port by every call that there is, and does with what comes
 * what a server may: answers in short or at length, now, in the next slot or through a
 * reply handle, asks another server first, forgets, refuses, leaves. A server asks only
 * servers of later ports, so that no two wait for each other; and while it has calls to
 * answer later it waits with a deadline.
 */
#include <errno.h>
#include <string.h>

#include <limen/abi.h>
#include <limen/message.h>

#include "traffic.h"

#define CLIENT_FAULT_STATUS 77u

/* What came last and is not dealt with. */
struct request {
    long kind; /* MESSAGE_…, an error, or 0 */
    uint32_t badge;
    uint32_t words[3];
};

struct server {
    struct worker *worker;
    struct message came; /* its window: the buffer, the room, and the handles */
    uint32_t port;       /* its number */
    bool may_leave;
    struct request request;
    uint32_t deferred_count;
    struct {
        uint32_t handle;
        uint32_t words[3];
    } deferred[DEFERRED];
};

/* --- Receiving --- */

/* Whether somebody waits for an answer. */
static bool is_call(long kind)
{
    return kind == MESSAGE_CALL || kind == MESSAGE_FAULT;
}

static bool is_error(long kind)
{
    return kind == -EPIPE || kind == -EBADF;
}

/* Takes what a call answered; it must be something that can come to this port. */
static void take(struct server *server, long kind, uint32_t badge,
                 const uint32_t words[3])
{
    struct worker *worker = server->worker;

    server->request = (struct request){kind, badge, {words[0], words[1], words[2]}};
    if (is_call(kind) || kind == MESSAGE_SEND || kind == MESSAGE_CLOSED)
        worker_expect(worker, badge >> 16 == server->port + 1, WRONG_MESSAGE);
    else
        worker_expect(worker, is_error(kind) || kind == -ETIMEDOUT, WRONG_RESULT);
}

/* Another window for what comes, at times none. */
static void make_room(struct server *server)
{
    struct worker *worker = server->worker;
    bool none = worker_random(worker, 4) == 0;
    const struct message_window window = {
        .buffer = worker->bytes + BYTES,
        .size = random_size(worker),
        .handles = server->came.handles,
        .handle_room = worker_random(worker, 3),
    };
    long result = worker_call(worker, SYS_LIMEN_message_window,
                              none ? 0 : (uint32_t)&window, 0, 0, 0);

    worker_expect(worker, result == 0, WRONG_RESULT);
    server->came.receive_size = none ? 0 : window.size;
    server->came.handle_room = none ? 0 : window.handle_room;
}

/* A call that receives; its words stand behind the port. */
static void receive_by(struct server *server, uint32_t number, const uint32_t words[3])
{
    struct worker *worker = server->worker;
    struct crossing crossing = {
        .words = {number, setup.ports[server->port], words[0], words[1], words[2]}};
    long tag = worker_cross(worker, &crossing, 0);
    struct message message = server->came;

    if (tag < 0)
        worker_expect(worker, memcmp(crossing.words + 2, words, 12) == 0, WRONG_KEPT);
    if ((tag == -E2BIG || tag == -EBUSY) && is_call(server->request.kind))
        return; /* the answer's handles, or none was given: the client still waits */
    take(server, tag < 0 ? tag : (long)MESSAGE_KIND(tag), crossing.words[1],
         crossing.words + 2);
    if (tag < 0)
        return;
    (void)limen_message_came(&message, crossing.words + 1, tag, message.receive_size);
    worker_message(worker, &message, server->came.receive_size);
    worker_close_handles(worker, &message);
}

/* Waits for a message with nothing to answer. */
static void receive(struct server *server)
{
    struct worker *worker = server->worker;
    const uint64_t past = 1;
    uint64_t time = worker_deadline(worker);
    const uint64_t *deadline = worker_random(worker, 4) == 0   ? &past
                               : server->deferred_count > 0    ? &time
                               : worker_random(worker, 3) == 0 ? &time
                                                               : NULL;

    if (worker_random(worker, 2))
        make_room(server);
    receive_by(server, SYS_LIMEN_receive, (const uint32_t[]){(uint32_t)deadline, 0, 0});
}

/* --- Answering --- */

/* An answer with bytes that follow from its first word, and at times handles. */
static struct message make_answer(struct server *server, const uint32_t words[3])
{
    struct worker *worker = server->worker;
    uint32_t other = setup.endpoints[worker_random(worker, PORTS)][0];
    struct message message = {
        .words = {words[0], words[1], words[2]},
        .send = worker->bytes,
        .send_size = random_size(worker),
        .handle_count = worker_random(worker, 5) / 3,
        .handles = {{other}, {other}},
        .rights = {RIGHT_SEND, RIGHTS_SAME},
    };

    fill_bytes(worker->bytes, message.send_size, words[0]);
    return message;
}

static void answered(struct server *server, long result)
{
    worker_expect(server->worker, result == 0 || result == -ESRCH || result == -E2BIG,
                  WRONG_RESULT);
    if (result != -E2BIG)
        server->request.kind = 0;
}

static void reply(struct server *server, const uint32_t words[3])
{
    answered(server, worker_call(server->worker, SYS_LIMEN_reply, 0, words[0], words[1],
                                 words[2]));
}

static void reply_long(struct server *server, const uint32_t words[3])
{
    struct message message = make_answer(server, words);

    answered(server, worker_call(server->worker, SYS_LIMEN_message_reply,
                                 (uint32_t)&message, 0, 0, 0));
}

static void reply_receive_long(struct server *server, const uint32_t words[3])
{
    struct message message = make_answer(server, words);

    make_room(server);
    receive_by(server, SYS_LIMEN_message_reply_receive,
               (const uint32_t[]){(uint32_t)&message, 0, 0});
}

/* --- Answering later --- */

static void defer(struct server *server, const uint32_t words[3])
{
    long handle = worker_call(server->worker, SYS_LIMEN_reply_defer, 0, 0, 0, 0);

    worker_expect(server->worker, handle > 0 || handle == -ESRCH, WRONG_RESULT);
    server->request.kind = 0;
    if (handle <= 0)
        return;
    server->deferred[server->deferred_count].handle = (uint32_t)handle;
    memcpy(server->deferred[server->deferred_count].words, words, 3 * sizeof(*words));
    server->deferred_count++;
}

/* Answers one of the deferred calls, any one, or forgets it. */
static void settle(struct server *server)
{
    struct worker *worker = server->worker;
    uint32_t which = worker_random(worker, server->deferred_count);
    uint32_t handle = server->deferred[which].handle;
    struct message message = make_answer(server, server->deferred[which].words);
    bool forget = worker_random(worker, 6) == 0;
    long result = forget ? worker_call(worker, SYS_LIMEN_handle_close, handle, 0, 0, 0)
                         : worker_call(worker, SYS_LIMEN_reply_to, handle,
                                       (uint32_t)&message, 0, 0);

    worker_expect(worker,
                  result == 0 || (!forget && (result == -ESRCH || result == -E2BIG)),
                  WRONG_RESULT);
    if (result == -E2BIG)
        return;
    server->deferred[which] = server->deferred[--server->deferred_count];
}

/* --- What else may happen before the answer --- */

/* Reads from what the client sends, wherever that lies, or writes where it receives. A
 * client may send bytes that it does not have; its words are 0 then. */
static void use_parts(struct server *server)
{
    struct worker *worker = server->worker;
    uint32_t word = server->request.words[0];
    uint32_t offset = random_size(worker) & ~3u;
    uint32_t size = random_size(worker);
    uint8_t *buffer = worker->bytes + BYTES;
    bool read = worker_random(worker, 2);
    long result =
        worker_call(worker, read ? SYS_LIMEN_message_read : SYS_LIMEN_message_write, 0,
                    offset, (uint32_t)buffer, size);

    if (result < 0)
        worker_expect(worker, result == -ESRCH || (result == -EIO && word == 0),
                      WRONG_RESULT);
    else
        worker_expect(worker, (uint32_t)result <= size, WRONG_RESULT);
    if (read && result > 0 && (uint32_t)result <= size)
        worker_expect(worker, right_bytes(buffer, (uint32_t)result, word, offset),
                      WRONG_BYTES);
}

/* Asks a server of a later port. */
static void ask(struct server *server)
{
    struct worker *worker = server->worker;
    uint32_t port = server->port + 1 + worker_random(worker, PORTS - 1 - server->port);
    uint32_t words[3] = {worker_random(worker, UINT32_MAX), 2, 3};
    struct crossing crossing = {.words = {SYS_LIMEN_call, setup.endpoints[port][0]}};

    memcpy(crossing.words + 2, words, sizeof(words));
    long result = worker_cross(worker, &crossing, 1);
    worker_expect(worker, result == 0 || result == -EPIPE, WRONG_RESULT);
    if (result == 0)
        answer_words(words, badge_of(setup.process, setup.generation, port, 0));
    worker_expect(worker, memcmp(words, crossing.words + 2, sizeof(words)) == 0,
                  WRONG_WORDS);
}

/* The client may have ended meanwhile; then something else may come. */
static void receive_while_busy(struct server *server)
{
    const uint64_t past = 1;

    receive_by(server, SYS_LIMEN_receive, (const uint32_t[]){(uint32_t)&past, 0, 0});
}

/* Ends a client of the process that is there to be ended. */
static void refuse(struct server *server)
{
    long result =
        worker_call(server->worker, SYS_LIMEN_client_fault, 0, CLIENT_FAULT_STATUS, 0, 0);

    worker_expect(server->worker, result == 0 || result == -ESRCH, WRONG_RESULT);
    server->request.kind = 0;
}

static bool from_victim(const struct request *request)
{
    return (request->badge >> 4 & 15) == VICTIM;
}

/* --- The loop --- */

static void deal_with_call(struct server *server)
{
    struct worker *worker = server->worker;
    uint32_t words[3];
    bool nothing_deferred = server->deferred_count == 0;

    memcpy(words, server->request.words, sizeof(words));
    answer_words(words, server->request.badge);
    switch (worker_random(worker, 40)) {
    case 0 ... 2:
        reply(server, words);
        return;
    case 3 ... 5:
        reply_long(server, words);
        return;
    case 6 ... 10:
        if (server->deferred_count < DEFERRED)
            defer(server, words);
        return;
    case 11 ... 13:
        use_parts(server);
        return;
    case 14 ... 16:
        if (server->port + 1 < PORTS)
            ask(server);
        return;
    case 17:
        if (!from_victim(&server->request)) /* it may have ended meanwhile */
            receive_while_busy(server);
        return;
    case 18:
        worker_wait(worker);
        return;
    case 19:
        if (from_victim(&server->request) && !VICTIM_ASKS(setup.seed) &&
            worker_random(worker, 4) == 0)
            refuse(server);
        return;
    case 20:
        if (server->may_leave && worker_random(worker, 8) == 0)
            worker_leave(worker);
        return;
    case 21:
        worker_priority(worker);
        return;
    case 22 ... 24:
        if (nothing_deferred)
            reply_receive_long(server, words);
        return;
    default:
        if (nothing_deferred)
            receive_by(server, SYS_LIMEN_reply_receive, words);
        else
            reply(server, words);
        return;
    }
}

/* A message that wants no answer gets none, even if one is tried. */
static void deal_with_rest(struct server *server)
{
    struct worker *worker = server->worker;

    if (worker_random(worker, 4) == 0) {
        long result = worker_call(worker, SYS_LIMEN_reply, 0, 1, 2, 3);
        worker_expect(worker, result == -ESRCH, WRONG_RESULT);
    }
    server->request.kind = 0;
}

/* Closes the port of everybody who serves it in this process: late, and not often. */
static void maybe_close_port(struct server *server)
{
    struct worker *worker = server->worker;

    if (worker->log->count < RECORDS / 2 || worker_random(worker, 100) != 0)
        return;
    (void)worker_call(worker, SYS_LIMEN_handle_close, setup.ports[server->port], 0, 0, 0);
}

_Noreturn void server_run(struct worker *worker, uint32_t port, bool may_leave)
{
    struct server server = {.worker = worker, .port = port, .may_leave = may_leave};

    for (;;) {
        if (server.deferred_count > 0 && worker_random(worker, 2))
            settle(&server);
        if (is_call(server.request.kind))
            deal_with_call(&server);
        else if (server.request.kind > 0)
            deal_with_rest(&server);
        else if (is_error(server.request.kind) && server.deferred_count == 0)
            worker_leave(worker);
        else
            receive(&server);
        maybe_close_port(&server);
    }
}
