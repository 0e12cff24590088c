/* SPDX-License-Identifier: MIT */
/* Long messages: what a struct message adds to three words. */
#ifndef KERNEL_MESSAGE_H
#define KERNEL_MESSAGE_H

#include "thread.h"

/* Whether the receiver takes as many handles as the sender's message has. */
static inline bool message_fits(const struct thread *sender,
                                const struct thread *receiver)
{
    return !sender->long_message ||
           sender->message.handle_count <=
               (receiver->long_message ? receiver->message.handle_room : 0);
}

/* Copies into the running thread what belongs to the message that it has received, and
 * tells it: the message's kind, -EFAULT, or -EAGAIN: its sender is gone or could not be
 * copied from, so there is no message. */
[[nodiscard]] long message_finish_receive(void);

/* The client's long message is answered with words alone: no bytes or handles come. */
void message_bring_words(struct thread *client);

#endif
