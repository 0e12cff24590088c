/* SPDX-License-Identifier: MIT */
/*
 * The calls whose messages come back in registers. They answer as limen/syscalls.def
 * says; the words are exchanged in place.
 */
#ifndef LIMEN_MESSAGE_H
#define LIMEN_MESSAGE_H

#include <limen/syscall.h>

/* Crosses with a number and four words (ebx, esi, edi, ebp); keeps what comes back. */
static inline long limen_cross_words(uint32_t number, uint32_t words[4])
{
    uint32_t gate = (uint32_t)limen_gate;
    uint32_t w3 = words[3];
    long result = (long)number;
    __asm__ volatile("pushl %%ebp\n\t"
                     "movl %%ecx, %%ebp\n\t"
                     "call *%%edx\n\t"
                     "movl %%ebp, %%ecx\n\t"
                     "popl %%ebp"
                     : "+a"(result), "+c"(w3), "+d"(gate), "+b"(words[0]),
                       "+S"(words[1]), "+D"(words[2])
                     :
                     : "memory", "cc");
    words[3] = w3;
    return result;
}

/* call: sends the words, and puts the answer's in their place. */
static inline long limen_call_words(handle_t endpoint, uint32_t words[3])
{
    uint32_t list[4] = {endpoint.value, words[0], words[1], words[2]};
    long result = limen_cross_words(SYS_LIMEN_call, list);
    for (int i = 0; i < 3; i++)
        words[i] = list[i + 1];
    return result;
}

/* A message in registers: what is received, or what is answered. */
struct limen_words {
    uint32_t badge;
    uint32_t words[3];
};

/* receive: waits for a message until the deadline (null: for ever). */
static inline long limen_receive_words(handle_t port, struct limen_words *message,
                                       const uint64_t *deadline)
{
    uint32_t list[4] = {port.value, (uint32_t)deadline, 0, 0};
    long result = limen_cross_words(SYS_LIMEN_receive, list);
    *message = (struct limen_words){list[0], {list[1], list[2], list[3]}};
    return result < 0 ? result : MESSAGE_KIND(result);
}

/* reply_receive: answers with the words in the message, and waits for the next one. */
static inline long limen_reply_receive_words(handle_t port, struct limen_words *message)
{
    uint32_t list[4] = {port.value, message->words[0], message->words[1],
                        message->words[2]};
    long result = limen_cross_words(SYS_LIMEN_reply_receive, list);
    *message = (struct limen_words){list[0], {list[1], list[2], list[3]}};
    return result < 0 ? result : MESSAGE_KIND(result);
}

/* --- With bytes and handles: libc/native/message.c --- */

/* Puts into the message what a call has told of the one that came: its words, badge and
 * kind, in send_size the bytes that the other side sends, in receive_size those that are
 * in the buffer, of `room` bytes, in handle_count the handles. The kind, or the error. */
long limen_message_came(struct message *message, const uint32_t list[4], long tag,
                        uint32_t room);

/* message_call: the answer overwrites the message. */
long limen_call_message(handle_t endpoint, struct message *message);

/* Makes the message's buffer, room and handles the thread's window. */
long limen_message_open(struct message *message);

/* reply_receive or message_reply_receive, whichever the answer needs, for a thread whose
 * window has `room` bytes and this message's handles: what comes overwrites the
 * answer. */
long limen_answer_receive(handle_t port, struct message *message, uint32_t room);

/* receive and limen_answer_receive, with the message as the window for this time. */
long limen_receive_message(handle_t port, struct message *message,
                           const uint64_t *deadline);
long limen_reply_receive_message(handle_t port, struct message *message);

#endif
