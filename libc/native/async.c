/* SPDX-License-Identifier: MIT */
/* System-call messages: see limen/async.h. */
#include <limen/async.h>

static_assert(offsetof(struct upcall, port) == 64, "UPCALL_PORT, upcall.S");

long limen_sendsys_by_number(struct limen_crossing *crossing)
{
    uint32_t words[4] = {
        crossing->port.value,
        (uint32_t)crossing->message,
        crossing->size,
        (uint32_t)crossing->deadline,
    };
    long result = limen_cross_words(SYS_LIMEN_sendsys, words);
    crossing->message = (struct system_message *)words[1];
    crossing->count = words[2];
    return result;
}

long limen_sendsys_by_int81(struct limen_crossing *crossing)
{
    uint32_t size = crossing->size;
    long result = (long)crossing->port.value;
    __asm__ volatile("int $0x81"
                     : "+a"(result), "+c"(crossing->message), "+d"(size)
                     : "b"(crossing->deadline)
                     : "memory", "cc");
    crossing->count = size;
    return result;
}

long limen_msg_send_all(handle_t port, struct system_message *messages, uint32_t count,
                        uint32_t *taken)
{
    uint32_t done = 0;
    long result = 0;
    while (done < count && result == 0) {
        struct limen_crossing crossing = {
            .port = port,
            .message = messages + done,
            .size = (count - done) * sizeof(*messages),
        };
        result = limen_sendsys_by_int81(&crossing);
        /* Of one that was left, the result is its own. */
        if (crossing.size == sizeof(*messages) && crossing.count == 1)
            result = 0;
        done += crossing.count;
    }
    if (taken)
        *taken = done;
    return result;
}

static long wait_any(handle_t port, uint32_t size, struct system_message **message,
                     const uint64_t *deadline)
{
    struct limen_crossing crossing = {.port = port, .size = size, .deadline = deadline};
    long result = limen_sendsys_by_int81(&crossing);
    *message = crossing.message;
    return result;
}

long limen_msg_wait_any(handle_t port, struct system_message **message,
                        const uint64_t *deadline)
{
    return wait_any(port, 0, message, deadline);
}

long limen_msg_test_any(handle_t port, struct system_message **message)
{
    return wait_any(port, (uint32_t)-1, message, NULL);
}

long limen_msg_cancel(struct system_message *message)
{
    struct system_message cancel = {
        .operation = SYSTEM_CANCEL,
        .words = {(uint32_t)message},
    };
    return limen_msg_send(LIMEN_SYSTEM, &cancel);
}
