/* SPDX-License-Identifier: MIT */
/*
 * Protocols between a server and its clients. A protocol's operations stand once, in its
 * own file limen/NAME.def, as rows
 *
 *     OPERATION(number, name, request, reply, least, most, handles)
 *
 * `request` and `reply` are plain structures of at most two words. A request comes with
 * `least` to `most` bytes beside them and exactly so many handles. Out of the rows come
 * the numbers and the clients' stubs (here), and the checks and the dispatch of the
 * server (limen/server.h).
 *
 * On the way a request's words are the number and the structure, an answer's the result,
 * >= 0 or a negative error, and the structure. Bytes and handles that an answer brings
 * are the protocol's matter. Every server answers ENOSYS to a number it does not know,
 * EINVAL to fewer or more bytes or handles than the row says (E2BIG where it has no room
 * at all for handles).
 */
#ifndef LIMEN_PROTOCOL_H
#define LIMEN_PROTOCOL_H

#include <string.h>

#include <limen/message.h>

#define PROTOCOL_WORDS 2

/* For requests and replies without words. */
struct protocol_none {
};

/* An enumerator for each row. */
#define PROTOCOL_NUMBER(number, name, request, reply, least, most, handles) \
    OPERATION_##name = number,

/* NAME_call: sends the request by an endpoint, with the bytes and handles that the
 * message already holds; answers the result, with the reply filled in. */
#define PROTOCOL_STUB(number, name, request_type, reply_type, least, most, handles)    \
    static_assert(sizeof(request_type) <= PROTOCOL_WORDS * sizeof(uint32_t), "");      \
    static_assert(sizeof(reply_type) <= PROTOCOL_WORDS * sizeof(uint32_t), "");        \
    static inline long name##_call(handle_t endpoint, const request_type *request,     \
                                   reply_type *reply, struct message *message)         \
    {                                                                                  \
        message->words[0] = number;                                                    \
        memcpy(message->words + 1, request, sizeof(request_type));                     \
        long error = limen_call_message(endpoint, message);                            \
        if (error < 0)                                                                 \
            return error;                                                              \
        memcpy(reply, message->words + 1, sizeof(reply_type));                         \
        return (long)message->words[0];                                                \
    }

#endif
