/* SPDX-License-Identifier: MIT */
/*
 * limen/server.h. One struct message serves both ways. An answer that the kernel refuses,
 * because the client takes no handle or a handle has gone, is made again without what it
 * was to bring, so that no client can stop the loop.
 */
#include <limen/server.h>

#include <errno.h>

#define STACK_TAKEN 0x4000

/* Closes what a request brought and its handler did not keep. */
static void close_handles(const struct server_request *request)
{
    for (int i = 0; i < MESSAGE_HANDLES; i++)
        if (request->handles[i].value)
            limen_handle_close(request->handles[i]);
}

static const struct server_operation *find(const struct server *server, uint32_t number)
{
    if (number >= server->operation_count || !server->operations[number].name)
        return NULL;
    return &server->operations[number];
}

/* Handles one call: the result, with the reply's words in place. */
static long dispatch(const struct server *server, struct server_request *request,
                     const struct message *message, uint32_t words[PROTOCOL_WORDS])
{
    const struct server_operation *operation = find(server, message->words[0]);
    if (!operation)
        return -ENOSYS;
    if (message->send_size < operation->least || message->send_size > operation->most
        || message->handle_count != operation->handles)
        return -EINVAL;
    return operation->serve(request, words);
}

/* Puts the answer to a received call in the call's place. */
static void answer(const struct server *server, struct message *message)
{
    uint32_t words[PROTOCOL_WORDS];
    struct server_request request = {
        .badge = message->badge,
        .bytes = server->buffer,
        .size = message->receive_size,
        .whole_size = message->send_size,
    };
    for (uint32_t i = 0; i < message->handle_count; i++)
        request.handles[i] = message->handles[i];
    memcpy(words, message->words + 1, sizeof words);
    long result = dispatch(server, &request, message, words);
    close_handles(&request);

    *message = (struct message){.words = {(uint32_t)result}};
    if (result < 0)
        return;
    memcpy(message->words + 1, words, sizeof words);
    message->send = request.answer_bytes;
    message->send_size = request.answer_size;
    if (request.answer_handle.value) {
        message->handle_count = 1;
        message->handles[0] = request.answer_handle;
        message->rights[0] = request.answer_rights;
    }
}

/* A message that nobody waits for has no meaning in any protocol. */
static void discard(struct message *message)
{
    for (uint32_t i = 0; i < message->handle_count; i++)
        limen_handle_close(message->handles[i]);
    *message = (struct message){.words = {0}};
}

static void take(const struct server *server, long kind, struct message *message)
{
    if (kind == MESSAGE_CALL) {
        answer(server, message);
    } else if (kind == MESSAGE_SEND) {
        discard(message);
    } else {
        server->event((uint32_t)kind, message->badge);
        *message = (struct message){.words = {0}};
    }
}

/* Takes the memory that the program has, so that no request can need a page that the
 * quota then lacks. */
static void take_memory(void)
{
    extern uint8_t __bss_start[], _end[];
    volatile uint8_t stack[STACK_TAKEN];
    for (uint32_t at = 0; at < sizeof stack; at += PAGE_SIZE)
        stack[at] = 0;
    for (volatile uint8_t *byte = __bss_start; byte < _end; byte += PAGE_SIZE)
        *byte = *byte;
}

long server_run(const struct server *server)
{
    struct message message = {
        .receive = server->buffer,
        .receive_size = server->buffer_size,
        .handle_room = server->handle_room,
    };
    take_memory();
    if (!server_wait_init())
        return -ENOMEM;
    long error = limen_message_open(&message);
    if (error < 0)
        return error;
    for (;;) {
        long kind = limen_answer_receive(server->port, &message, server->buffer_size);
        if (kind >= 0) {
            take(server, kind, &message);
            continue;
        }
        if (limen_reply(0, (uint32_t)kind, 0, 0) < 0)
            return kind;        /* there was no answer to refuse: it is the port */
        message = (struct message){.words = {0}};
    }
}
