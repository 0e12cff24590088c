/* SPDX-License-Identifier: MIT */
/* The server: one loop, which does not know a call from a request. */
#include "requests.h"

struct served served[SERVED_MOST];
volatile uint32_t served_count;
handle_t serve_port;
volatile uint32_t *serve_stop;

static uint8_t bytes[BYTES];

static void note(const struct message *message)
{
    if (served_count < SERVED_MOST) {
        struct served *one = &served[served_count];
        memcpy(one->words, message->words, sizeof(one->words));
        one->badge = message->badge;
        one->reply.value = 0;
    }
    served_count++;
}

/* Fetches 7 bytes from place 5000 of the sender's, and puts them where its room ends. The
 * answer: how many these were, and how many are behind the last. */
static void parts(struct message *message)
{
    uint8_t part[7];
    handle_t now = {0};
    long got = limen_message_read(now, 5000, part, sizeof(part));
    long put = limen_message_write(now, BYTES - sizeof(part), part, sizeof(part));
    long past = limen_message_read(now, BYTES, part, sizeof(part));
    message->words[0] = (uint32_t)(got + put);
    message->words[1] = (uint32_t)past;
}

static void release(struct message *message)
{
    struct message answer = {.words = {served[message->words[1]].words[1], 77, 78}};
    long error = limen_reply_to(served[message->words[1]].reply, &answer);
    message->words[0] = (uint32_t)error;
}

static void defer(void)
{
    handle_t reply = handle_of(limen_reply_defer());
    if (served_count <= SERVED_MOST)
        served[served_count - 1].reply = reply;
}

static void add(struct message *message)
{
    message->words[0] = message->words[1] + message->words[2];
    message->words[1] = message->badge;
    message->words[2] = message->send_size;
}

/* Makes the answer in place of what came. */
static void answer(struct message *message)
{
    uint32_t size = message->receive_size, handles = message->handle_count;
    message->send = bytes;
    message->send_size = 0;
    message->handle_count = 0;
    switch (message->words[0]) {
    case SERVE_ADD:
        message->send_size = size;
        add(message);
        message->send_size = 0;
        break;
    case SERVE_BYTES:
        for (uint32_t i = 0; i < size; i++)
            bytes[i]++;
        message->send_size = size;
        break;
    case SERVE_HANDLE:
        message->handle_count = handles;
        for (uint32_t i = 0; i < handles; i++)
            message->rights[i] = RIGHTS_SAME;
        break;
    case SERVE_PARTS:
        parts(message);
        break;
    case SERVE_RELEASE:
        release(message);
        break;
    case SERVE_DEFER:
        defer();
        break;
    case SERVE_SILENT:
        (void)limen_handle_close(handle_of(limen_reply_defer()));
        break;
    case SERVE_FAULT:
        (void)limen_client_fault((handle_t){0}, 42);
        break;
    }
}

static void drop_handles(struct message *message)
{
    for (uint32_t i = 0; i < message->handle_count; i++)
        (void)limen_handle_close(message->handles[i]);
}

void serve(uint32_t which)
{
    static struct message message;
    uint32_t gifts;
    served_count = 0;
    (void)which;
    message = (struct message){
        .receive = bytes, .receive_size = BYTES, .handle_room = MESSAGE_HANDLES};
    long kind = limen_receive_message(serve_port, &message, NULL);
    while (kind > 0) {
        note(&message);
        if (message.words[0] == SERVE_DIE)
            return;
        if (message.words[0] == SERVE_KEEP)
            stage_wait_on(serve_stop, 1);
        if (kind == MESSAGE_CALL)
            answer(&message);
        gifts = message.handle_count;
        handle_t given[MESSAGE_HANDLES];
        memcpy(given, message.handles, sizeof(given));
        message.receive = bytes;
        message.receive_size = BYTES;
        message.handle_room = MESSAGE_HANDLES;
        /* What is answered is copied, then closed here. */
        if (gifts) {
            struct message out = message;
            (void)limen_message_reply(&out);
            out.handle_count = gifts;
            memcpy(out.handles, given, sizeof(given));
            drop_handles(&out);
            message.handle_count = 0;
            kind = limen_receive_message(serve_port, &message, NULL);
        } else {
            kind = limen_reply_receive_message(serve_port, &message);
        }
    }
}
