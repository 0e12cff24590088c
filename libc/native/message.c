/* SPDX-License-Identifier: MIT */
/* Long messages: limen/message.h. */
#include <limen/message.h>

#include <stdbool.h>
#include <stddef.h>

long limen_message_came(struct message *message, const uint32_t list[4], long tag,
                        uint32_t room)
{
    if (tag < 0)
        return tag;
    message->badge = list[0];
    for (int i = 0; i < 3; i++)
        message->words[i] = list[i + 1];
    message->kind = MESSAGE_KIND(tag);
    message->send_size = MESSAGE_SIZE(tag);
    message->receive_size = message->send_size < room ? message->send_size : room;
    message->handle_count = MESSAGE_HANDLE_COUNT(tag);
    return (long)message->kind;
}

long limen_call_message(handle_t endpoint, struct message *message)
{
    uint32_t list[4] = {endpoint.value, (uint32_t)message, 0, 0};
    long tag = limen_cross_words(SYS_LIMEN_message_call, list);
    return limen_message_came(message, list, tag, message->receive_size);
}

long limen_message_open(struct message *message)
{
    const struct message_window window = {
        .buffer = message->receive,
        .size = message->receive_size,
        .handles = message->handles,
        .handle_room = message->handle_room,
    };
    return limen_message_window(&window);
}

long limen_answer_receive(handle_t port, struct message *message, uint32_t room)
{
    bool plain = message->send_size == 0 && message->handle_count == 0;
    uint32_t list[4] = {port.value, message->words[0], message->words[1],
                        message->words[2]};
    if (!plain)
        list[1] = (uint32_t)message;
    long tag = limen_cross_words(
        plain ? SYS_LIMEN_reply_receive : SYS_LIMEN_message_reply_receive, list);
    return limen_message_came(message, list, tag, room);
}

long limen_receive_message(handle_t port, struct message *message,
                           const uint64_t *deadline)
{
    uint32_t list[4] = {port.value, (uint32_t)deadline, 0, 0};
    long error = limen_message_open(message);
    if (error < 0)
        return error;
    long tag = limen_cross_words(SYS_LIMEN_receive, list);
    (void)limen_message_window(NULL);
    return limen_message_came(message, list, tag, message->receive_size);
}

long limen_reply_receive_message(handle_t port, struct message *message)
{
    long error = limen_message_open(message);
    if (error < 0)
        return error;
    long kind = limen_answer_receive(port, message, message->receive_size);
    (void)limen_message_window(NULL);
    return kind;
}
