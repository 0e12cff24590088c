/* SPDX-License-Identifier: MIT */
/* Long messages: what a struct message adds to three words. */
#ifndef KERNEL_MESSAGE_H
#define KERNEL_MESSAGE_H

#include "thread.h"
#include "user_copy.h"

/* Whether the receiver takes as many handles as the sender's message has. */
static inline bool message_fits(const struct thread *sender,
                                const struct thread *receiver)
{
    return !sender->long_message ||
           sender->message.handle_count <= receiver->window.handle_room;
}

/* Where a struct message of the user's has its handles. */
static inline struct user_ptr message_handles(struct user_ptr message)
{
    return user_add(message, offsetof(struct message, handles));
}

/* Reads the struct message that the sender, the running thread or a proxy, is to send. */
[[nodiscard]] long message_begin(struct thread *sender, struct user_ptr at);

/* Copies to the receiver what belongs to the running thread's long message, if that is at
 * most a page and no fault is in the way; false: the receiver has to finish it. */
[[nodiscard]] bool message_pass(struct thread *receiver);

/* Copies into the running thread what belongs to the message that was put aside for it,
 * and tells it: the message's tag, -EFAULT, or -EAGAIN: its sender is gone or could not
 * be copied from, so there is no message. */
[[nodiscard]] long message_finish_receive(void);

#endif
