/* SPDX-License-Identifier: MIT */
/*
 * Asynchronous system-call messages (limen/system_message.h) for programs: sendsys,
 * waitsys and flushsys by either gate, and upcalls as C functions.
 *
 *     struct system_message tick = {
 *         .operation = SYSTEM_TIMER, .flags = MSG_ASYNC, .reply_port = port, .time = t,
 *     };
 *     if (limen_msg_send(LIMEN_SYSTEM, &tick) == -EASYNC)
 *         …
 *     error = limen_msg_wait(port, &tick, NULL);
 */
#ifndef LIMEN_ASYNC_H
#define LIMEN_ASYNC_H

#include <limen/message.h>
#include <limen/system_message.h>

/* The kernel's errors, of which <errno.h> lacks one. */
enum {
#define ERROR(name, number, text) LIMEN_##name = number,
#include <limen/errors.def>
#undef ERROR
};
#define EASYNC LIMEN_EASYNC

/* Where a message is sent that asks the kernel. */
#define LIMEN_SYSTEM ((handle_t){SYSTEM_VERSION})

/* What crosses, and what comes back. */
struct limen_crossing {
    handle_t port;
    struct system_message *message;
    uint32_t size;
    const uint64_t *deadline;
    uint32_t count;
};

/* Crosses by number, through limen_gate, and by int 0x81. They answer the result, and
 * change `message` and `count`. */
long limen_sendsys_by_number(struct limen_crossing *crossing);
long limen_sendsys_by_int81(struct limen_crossing *crossing);

/* Sends a message: its error, -EASYNC: it is in flight. */
static inline long limen_msg_send(handle_t port, struct system_message *message)
{
    return limen_sendsys(port, message, sizeof(*message), NULL);
}

/* Sends `count` messages; *taken, if not null, is how many went before one was refused,
 * whose error is the answer. */
long limen_msg_send_all(handle_t port, struct system_message *messages, uint32_t count,
                        uint32_t *taken);

/* Waits until the message has come back to the reply port; its error. */
static inline long limen_msg_wait(handle_t port, struct system_message *message,
                                  const uint64_t *deadline)
{
    return limen_sendsys(port, message, 0, deadline);
}

/* Waits until any message has come back, which is *message; its error. */
long limen_msg_wait_any(handle_t port, struct system_message **message,
                        const uint64_t *deadline);

/* The same two without waiting: -EAGAIN. */
static inline long limen_msg_test(handle_t port, struct system_message *message)
{
    return limen_sendsys(port, message, (uint32_t)-1, NULL);
}
long limen_msg_test_any(handle_t port, struct system_message **message);

/* Cancels a message in flight; -ESRCH: it has come back. */
long limen_msg_cancel(struct system_message *message);

/* Takes the upcalls that a critical section held. */
static inline long limen_msg_flush(void)
{
    return limen_sendsys(LIMEN_SYSTEM, NULL, 0, NULL);
}

/*
 * Defines the function NAME_upcall, for reply_policy.entry: it calls the C function
 *
 *     void NAME(struct upcall *upcall);
 *
 * and goes on with upcall->state.
 */
#define LIMEN_UPCALL(name)                              \
    void name(struct upcall *upcall);                   \
    void name##_upcall(void);                           \
    __asm__(".pushsection .text\n\t"                    \
            ".type " #name "_upcall, @function\n"       \
            #name "_upcall:\n\t"                        \
            "subl $12, %esp\n\t"                        \
            "pushl %eax\n\t"                            \
            "call " #name "\n\t"                        \
            "popl %eax\n\t"                             \
            "addl $12, %esp\n\t"                        \
            "jmp limen_upcall_end\n\t"                  \
            ".size " #name "_upcall, . - " #name "_upcall\n\t" \
            ".popsection")

/* Goes on with an upcall's state (eax); not a C function. */
void limen_upcall_end(void);

#endif
