/* SPDX-License-Identifier: MIT */
/*
 * A server's loop: answer the last, receive the next, check it, call its handler. What is
 * checked and which handler there must be come from the protocol's rows
 * (limen/protocol.h):
 *
 *     #define OPERATION SERVER_HANDLER
 *     #include <limen/names.def>
 *     #undef OPERATION
 *
 *     static const struct server_operation operations[] = {
 *     #define OPERATION SERVER_ROW
 *     #include <limen/names.def>
 *     #undef OPERATION
 *     };
 *
 * declares on_NAME for each operation, which the server must then have, and makes the
 * table. A handler gets a request that keeps to its row, and answers the result, or
 * defers the answer (server_wait).
 */
#ifndef LIMEN_SERVER_H
#define LIMEN_SERVER_H

#include <stdbool.h>

#include <limen/protocol.h>

/* One request, and what its answer brings beside the reply. What a client sends is an
 * allegation. */
struct server_request {
    uint32_t badge;
    const uint8_t *bytes; /* those that there was room for, borrowed until answered */
    uint32_t size;        /* their number */
    uint32_t whole_size;  /* bytes that the client sends, up to the row's most */
    handle_t handles[MESSAGE_HANDLES]; /* closed after the handler, but for values 0 */

    const void *answer_bytes; /* set by the handler; they must outlive it */
    uint32_t answer_size;
    handle_t answer_handle; /* the client gets a copy of it, with these rights */
    uint32_t answer_rights;
};

struct server_operation {
    const char *name; /* null: there is no such operation */
    uint32_t least, most, handles;
    long (*serve)(struct server_request *request, uint32_t words[PROTOCOL_WORDS]);
};

struct server {
    handle_t port;
    const struct server_operation *operations; /* by number */
    uint32_t operation_count;
    uint8_t *buffer; /* for a request's bytes */
    uint32_t buffer_size;
    uint32_t handle_room; /* the most handles that an operation takes */
    void (*event)(uint32_t kind, uint32_t badge); /* MESSAGE_CLOSED and others */
};

#define SERVER_HANDLER(number, name, request_type, reply_type, least, most, handles) \
    static long on_##name(struct server_request *, const request_type *, reply_type *); \
    static long serve_##name(struct server_request *call,                             \
                             uint32_t words[PROTOCOL_WORDS])                          \
    {                                                                                 \
        request_type request;                                                         \
        reply_type reply = {};                                                        \
        memcpy(&request, words, sizeof request);                                      \
        long result = on_##name(call, &request, &reply);                              \
        memcpy(words, &reply, sizeof reply);                                          \
        return result;                                                                \
    }

#define SERVER_ROW(number, name, request, reply, least, most, handles) \
    [number] = {#name, least, most, handles, serve_##name},

/* Serves for ever; answers an error only where the port is no good, or there is no memory
 * to begin with. */
long server_run(const struct server *server);

/* --- Answers that come later --- */

/* A deferred request. Its client waits, unless it has ended meanwhile. */
struct server_waiter {
    struct server_waiter *next, *previous; /* in its queue */
    struct server_waiter *all_next, *all_previous;
    struct server_queue *queue;
    handle_t reply;    /* owned */
    uint32_t words[3]; /* the server's own */
};

/* Deferred requests, the longest waiting first. Begins as zeros; does not move. */
struct server_queue {
    struct server_waiter *first, *last;
};

/* Makes room for deferred requests: server_run does. */
bool server_wait_init(void);

/* Defers the request that is being handled. Its handler's result goes nowhere then. 0, or
 * ENOMEM: more wait than there is room for in half of this process's quota; nothing is
 * deferred. Clients that have ended are dropped before that, from any queue. */
long server_wait(struct server_queue *queue, struct server_waiter **waiter);

/* Answers a deferred request, which is gone afterwards, with a result alone, or with a
 * handle or bytes, too (words[0] of the message is set here). ESRCH: the client is no
 * more. */
long server_answer(struct server_waiter *waiter, long result);
long server_answer_with(struct server_waiter *waiter, long result,
                        struct message *message);

/* Drops a deferred request, whose client gets EPIPE if it still waits. */
void server_drop(struct server_waiter *waiter);

#endif
