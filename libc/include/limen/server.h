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
 * table. A handler gets a request that keeps to its row, and answers the result. It may
 * defer the answer (server_defer): then its result goes nowhere.
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

/* Serves for ever; answers an error only where the port is no good. */
long server_run(const struct server *server);

/* Defers the answer to the request that is being handled: a reply handle, or an error. */
static inline long server_defer(void)
{
    return limen_reply_defer();
}

/* Answers a deferred request by its handle, which is gone afterwards, with a result
 * alone, or with a handle or bytes, too (message's `words` are set here). ESRCH: the
 * client is no more. */
long server_answer(handle_t reply, long result);
long server_answer_with(handle_t reply, long result, struct message *message);

/* Whether the client of a deferred request still waits. */
bool server_awaited(handle_t reply);

#endif
