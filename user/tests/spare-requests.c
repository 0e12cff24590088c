/* SPDX-License-Identifier: MIT */
/*
 * A request that is over may serve the next message of its port: nothing of the one
 * before is left in it, however that ended.
 */
#include <errno.h>

#include <limen/async.h>

#include "cases.h"
#include "queue-port.h"

static struct system_message message;
static struct message carried;
static handle_t port, server_port, endpoint;
static uint32_t word = 5;
static const uint64_t past = 1;

static bool close(handle_t handle)
{
    return limen_handle_close(handle) == 0;
}

static bool begin(void)
{
    port = queue_port();
    server_port = handle_of(limen_port_create());
    endpoint = handle_of(limen_endpoint_mint(server_port, 7));
    return (int32_t)(port.value & server_port.value & endpoint.value) > 0;
}

static bool end(bool right)
{
    right = close(server_port) && right;
    return close(endpoint) && close(port) && right;
}

/* --- What a request may have been --- */

static long send_to(handle_t to, uint16_t operation, uint32_t first, uint32_t second)
{
    message = (struct system_message){
        .operation = operation,
        .flags = MSG_ASYNC,
        .reply_port = port,
        .words = {first, second},
        .time = operation == SYSTEM_TIMER && to.value < SYSTEM_VERSIONS ? UINT64_MAX : 0,
    };
    return limen_msg_send(to, &message);
}

static long send_carried(void)
{
    return send_to(endpoint, PORT_MESSAGE_CALL, (uint32_t)&carried, 0);
}

/* Receives with a window that takes all that comes. */
static long receive(struct limen_words *words)
{
    static uint8_t buffer[64];
    static handle_t handles[MESSAGE_HANDLES];
    struct message_window window = {.buffer = buffer,
                                    .size = sizeof(buffer),
                                    .handles = handles,
                                    .handle_room = MESSAGE_HANDLES};
    (void)limen_message_window(&window);
    uint32_t list[4] = {server_port.value, (uint32_t)&past, 0, 0};
    long tag = limen_cross_words(SYS_LIMEN_receive, list);
    *words = (struct limen_words){list[0], {list[1], list[2], list[3]}};
    return tag;
}

static bool cancel(void)
{
    return limen_msg_cancel(&message) == 0 &&
           limen_msg_wait(port, &message, NULL) == -ECANCELED;
}

static bool too_long(void)
{
    carried = (struct message){.send_size = 0x3fefedcb, .handle_count = 77};
    return send_carried() == -E2BIG;
}

static bool kernel_bytes(void)
{
    carried = (struct message){.send = (void *)KERNEL_BASE, .send_size = 8};
    return send_carried() == -EFAULT;
}

static bool bytes_in_a_hole(void)
{
    struct limen_words words;
    carried = (struct message){.send = (void *)0x48000000, .send_size = 8};
    return send_carried() == -EASYNC && receive(&words) == -ETIMEDOUT &&
           limen_msg_wait(port, &message, NULL) == -EFAULT;
}

static bool gift_of_nothing(void)
{
    struct limen_words words;
    carried = (struct message){.handle_count = 1, .handles = {{0x7ffffff0}}};
    return send_carried() == -EASYNC && receive(&words) == -ETIMEDOUT &&
           limen_msg_wait(port, &message, NULL) == -EBADF;
}

static bool answered_with_handles(void)
{
    struct limen_words words;
    struct message answer = {
        .handle_count = 1, .handles = {endpoint}, .rights = {RIGHTS_SAME}};
    carried = (struct message){.handle_room = 1};
    bool right = send_carried() == -EASYNC && receive(&words) >= 0 &&
                 limen_message_reply(&answer) == 0 &&
                 limen_msg_wait(port, &message, NULL) >= 0;
    return right && close(carried.handles[0]);
}

static bool answered_but_unwanted(void)
{
    struct limen_words words;
    struct message answer = {
        .handle_count = 1, .handles = {endpoint}, .rights = {RIGHTS_SAME}};
    carried = (struct message){.handle_room = 1};
    return send_carried() == -EASYNC && receive(&words) >= 0 &&
           limen_message_reply(&answer) == 0 &&
           limen_handle_close((handle_t){message.id}) == 0;
}

static bool long_and_cancelled(void)
{
    carried = (struct message){.send = &word, .send_size = 4};
    return send_carried() == -EASYNC && cancel();
}

static bool received_and_cancelled(void)
{
    struct limen_words words;
    carried = (struct message){.send = &word, .send_size = 4};
    return send_carried() == -EASYNC && receive(&words) >= 0 && cancel() &&
           limen_reply(0, 1, 2, 3) == -ESRCH;
}

static bool deferred_and_cancelled(void)
{
    struct limen_words words;
    carried = (struct message){.send = &word, .send_size = 4};
    bool right = send_carried() == -EASYNC && receive(&words) >= 0;
    handle_t reply = handle_of(limen_reply_defer());
    return right && cancel() && close(reply);
}

static bool word_cancelled(void)
{
    return send_to(LIMEN_SYSTEM, SYSTEM_FUTEX, (uint32_t)&word, word) == -EASYNC &&
           cancel() && limen_futex_wake(&word, 1) == 0;
}

static bool word_woken(void)
{
    return send_to(LIMEN_SYSTEM, SYSTEM_FUTEX, (uint32_t)&word, word) == -EASYNC &&
           limen_futex_wake(&word, 1) == 1 && limen_msg_wait(port, &message, NULL) == 0;
}

static bool word_changed(void)
{
    return send_to(LIMEN_SYSTEM, SYSTEM_FUTEX, (uint32_t)&word, word + 1) == -EAGAIN;
}

static bool timer_cancelled(void)
{
    return send_to(LIMEN_SYSTEM, SYSTEM_TIMER, 0, 0) == -EASYNC && cancel();
}

static bool no_operation(void)
{
    return send_to(LIMEN_SYSTEM, 99, 0, 0) == -EINVAL;
}

static const struct {
    const char *text;
    bool (*run)(void);
} lives[] = {
    {"too long", too_long},
    {"bytes of the kernel", kernel_bytes},
    {"bytes in a hole", bytes_in_a_hole},
    {"a gift of nothing", gift_of_nothing},
    {"answered with handles", answered_with_handles},
    {"answered, and its handle closed", answered_but_unwanted},
    {"long, and cancelled", long_and_cancelled},
    {"received, and cancelled", received_and_cancelled},
    {"deferred, and cancelled", deferred_and_cancelled},
    {"a word, cancelled", word_cancelled},
    {"a word, woken", word_woken},
    {"a word that has changed", word_changed},
    {"a timer, cancelled", timer_cancelled},
    {"no operation at all", no_operation},
};
#define LIVES (sizeof(lives) / sizeof(*lives))

/* --- What it is next --- */

/* A call with three words, and nothing else, there and back. */
static bool plain_call(const char *after)
{
    struct limen_words words;
    message = (struct system_message){.operation = PORT_CALL,
                                      .flags = MSG_ASYNC,
                                      .reply_port = port,
                                      .words = {11, 22, 33}};
    bool right = step_ok(limen_msg_send(endpoint, &message) == -EASYNC, after, 0);
    long tag = receive(&words);
    right = right && step_ok(tag == MESSAGE_CALL, after, tag) && words.badge == 7 &&
            words.words[0] == 11 && words.words[1] == 22 && words.words[2] == 33;
    right = right && step_ok(limen_reply(0, 1, 2, 3) == 0, after, 0) &&
            limen_msg_wait(port, &message, NULL) == 0 && message.words[0] == 1 &&
            message.words[1] == 2 && message.words[2] == 3;
    return step_ok(right, after, message.error);
}

static bool plain_word(const char *after)
{
    return step_ok(word_woken() && message.words[0] == 0 && message.words[1] == 0, after,
                   0);
}

static bool plain_timer(const char *after)
{
    message = (struct system_message){
        .operation = SYSTEM_TIMER, .flags = MSG_ASYNC, .reply_port = port, .time = 1};
    return step_ok(limen_msg_send(LIMEN_SYSTEM, &message) == -EASYNC &&
                       limen_msg_wait(port, &message, NULL) == 0 &&
                       (message.words[0] | message.words[1] | message.words[2]) == 0,
                   after, message.words[0]);
}

static bool handles_as(uint32_t before)
{
    uint32_t handles = process_now().handles;
    return step_ok(handles == before, "handles", handles);
}

static bool after_each(bool (*next)(const char *))
{
    uint32_t handles = process_now().handles;
    bool right = true;
    for (uint32_t i = 0; i < LIVES; i++) {
        right = begin() && right;
        right = step_ok(lives[i].run(), lives[i].text, message.error) && right;
        right = next(lives[i].text) && right;
        right = end(right) && handles_as(handles) && right;
    }
    return right;
}

static bool then_a_call(void)
{
    return after_each(plain_call);
}

static bool then_a_word(void)
{
    return after_each(plain_word);
}

static bool then_a_timer(void)
{
    return after_each(plain_timer);
}

/* One after the other, by the same port: the next is whatever the last left. */
static bool one_after_the_other(void)
{
    bool right = begin();
    for (uint32_t step = 1; right && step < LIVES; step++)
        for (uint32_t i = 0; right && i < LIVES; i++) {
            const char *text = lives[i * step % LIVES].text;
            right = step_ok(lives[i * step % LIVES].run(), text, message.error) &&
                    plain_call(text) && plain_word(text) && plain_timer(text);
        }
    return end(right);
}

static const struct test_case cases[] = {
    {"then it is a call", then_a_call},
    {"then it is a word's", then_a_word},
    {"then it is a timer", then_a_timer},
    {"one after the other", one_after_the_other},
};

int main(void)
{
    return RUN_CASES(cases);
}
