/* SPDX-License-Identifier: MIT */
/*
 * Messages between threads and processes: what arrives is what was sent, to whoever it
 * was sent, once; and whoever waits for an answer that can't come is told. Servers and
 * clients are bare threads and twins with native calls only.
 */
#include <errno.h>

#include <limen/message.h>

#include "cases.h"

#define STACK_SIZE 2048
#define BIG (64 * 1024)
#define CHILD_PAGES_BIG 400

static uint8_t stacks[4][STACK_SIZE] __attribute__((aligned(16)));
static volatile uint32_t flag;
static volatile long result;
static uint8_t big[BIG], big_answer[BIG];
static handle_t port, endpoint;

static void *stack_of(int i)
{
    return stacks[i] + STACK_SIZE;
}

/* Ends a bare thread; `flag` is 0 only when nothing is left of it. */
static _Noreturn void leave(void)
{
    for (;;)
        (void)limen_thread_exit((uint32_t *)&flag, 0, 0);
}

static bool open_port(uint32_t badge)
{
    port = handle_of(limen_port_create());
    endpoint = handle_of(limen_endpoint_mint(port, badge));
    flag = 1;
    result = 1;
    return (long)port.value > 0 && (long)endpoint.value > 0;
}

static void close_port(void)
{
    (void)limen_handle_close(endpoint);
    (void)limen_handle_close(port);
}

static bool start(void (*function)(uint32_t), uint32_t argument, int stack)
{
    long thread = bare_thread(function, argument, stack_of(stack));
    if (thread < 0)
        return false;
    (void)limen_handle_close(handle_of(thread));
    return true;
}

/* A client: one call, whose words are answered, and its result. */
static struct limen_words answered;

static void call_once(uint32_t handle)
{
    uint32_t words[3] = {11, 22, 33};
    long error = limen_call_words((handle_t){handle}, words);
    memcpy(answered.words, words, sizeof(words));
    result = error;
    leave();
}

static bool words_are(const uint32_t *words, uint32_t a, uint32_t b, uint32_t c)
{
    return words[0] == a && words[1] == b && words[2] == c;
}

/* --- Three words --- */

static bool call_arrives(void)
{
    struct limen_words got;
    bool right = open_port(4711) && start(call_once, endpoint.value, 0);
    right = right &&
            step_ok(limen_receive_words(port, &got, NULL) == MESSAGE_CALL, "kind", 0);
    right = right && got.badge == 4711 && words_are(got.words, 11, 22, 33);
    right = right && limen_reply(0, 1, 2, 3) == 0 && wait_for(&flag, 0);
    right = right && result == 0 && words_are(answered.words, 1, 2, 3);
    right = right && step_ok(limen_reply(0, 9, 9, 9) == -ESRCH, "a second reply", 0);
    close_port();
    return right;
}

static bool busy_server(void)
{
    struct limen_words got;
    bool right = open_port(1) && start(call_once, endpoint.value, 0);
    right = right && limen_receive_words(port, &got, NULL) == MESSAGE_CALL;
    right = right && limen_receive_words(port, &got, NULL) == -EBUSY;
    right = right && limen_reply(0, 5, 6, 7) == 0 && wait_for(&flag, 0);
    close_port();
    return right && words_are(answered.words, 5, 6, 7);
}

static void send_once(uint32_t handle)
{
    result = limen_send((handle_t){handle}, 7, 8, 9);
    leave();
}

static bool send_waits_for_nothing(void)
{
    struct limen_words got;
    bool right = open_port(2) && start(send_once, endpoint.value, 0);
    right = right && limen_receive_words(port, &got, NULL) == MESSAGE_SEND;
    right = right && got.badge == 2 && words_are(got.words, 7, 8, 9);
    right = right && limen_reply(0, 0, 0, 0) == -ESRCH;
    right = right && wait_for(&flag, 0) && result == 0;
    close_port();
    return right;
}

static bool closed_badge(void)
{
    struct limen_words got;
    bool right = open_port(3);
    handle_t copy = handle_of(limen_handle_duplicate(endpoint, RIGHTS_SAME));
    uint64_t past = 1;
    (void)limen_handle_close(endpoint);
    right = right && limen_receive_words(port, &got, &past) == -ETIMEDOUT;
    (void)limen_handle_close(copy);
    right = right && limen_receive_words(port, &got, NULL) == MESSAGE_CLOSED;
    right = right && got.badge == 3;
    right = right && limen_receive_words(port, &got, &past) == -ETIMEDOUT;
    close_port();
    return right;
}

/* The caller waits in the queue and closes nothing; its badge's handle goes meanwhile. */
static bool badge_closed_while_queued(void)
{
    struct limen_words got;
    bool right = open_port(5) && start(call_once, endpoint.value, 0);
    (void)limen_thread_yield();
    (void)limen_handle_close(endpoint);
    right = right && limen_receive_words(port, &got, NULL) == MESSAGE_CALL;
    right = right && limen_reply(0, 1, 1, 1) == 0 && wait_for(&flag, 0) && result == 0;
    right = right && limen_receive_words(port, &got, NULL) == MESSAGE_CLOSED;
    (void)limen_handle_close(port);
    return right;
}

static bool port_closed_with_callers(void)
{
    bool right = open_port(6) && start(call_once, endpoint.value, 0);
    (void)limen_thread_yield();
    (void)limen_handle_close(port);
    right = right && wait_for(&flag, 0) && step_ok(result == -EPIPE, "queued", result);
    right = right && limen_call(endpoint, 0, 0, 0) == -EPIPE;
    (void)limen_handle_close(endpoint);
    return right;
}

static void receive_once(uint32_t handle)
{
    struct limen_words got;
    result = limen_receive_words((handle_t){handle}, &got, NULL);
    leave();
}

static bool port_closed_with_receivers(void)
{
    bool right = open_port(6) && start(receive_once, port.value, 0) &&
                 start(receive_once, port.value, 1);
    (void)limen_thread_yield();
    (void)limen_handle_close(port);
    right = right && wait_for(&flag, 0) && result == -EPIPE;
    (void)limen_handle_close(endpoint);
    return right;
}

/* --- Ends --- */

static void receive_and_leave(uint32_t handle)
{
    struct limen_words got;
    (void)limen_receive_words((handle_t){handle}, &got, NULL);
    leave();
}

static bool server_thread_ends(void)
{
    bool right = open_port(7) && start(receive_and_leave, port.value, 0);
    uint32_t words[3] = {0};
    right = right && limen_call_words(endpoint, words) == -EPIPE;
    close_port();
    return right;
}

/* A twin calls by the endpoint that was given to it. */
static void twin_calls(uint32_t handle)
{
    uint32_t words[3] = {100, 200, 300};
    long error = limen_call_words((handle_t){handle}, words);
    (void)limen_process_exit(error == 0 && words_are(words, 101, 201, 301) ? 0 : 1);
}

static bool call_from_another_process(void)
{
    struct child child;
    struct limen_words got;
    struct process_end end;
    bool right =
        open_port(8) && twin_given(&child, CHILD_PAGES_BIG, twin_calls, endpoint);
    right = right && limen_receive_words(port, &got, NULL) == MESSAGE_CALL;
    right = right && words_are(got.words, 100, 200, 300);
    right = right && limen_reply(0, 101, 201, 301) == 0;
    right = right && child_wait(child, &end) == EXIT_0;
    child_close(&child);
    close_port();
    return right;
}

/* Killed while its call is queued, and while it is being answered. */
static bool client_killed(bool received)
{
    struct child child;
    struct limen_words got;
    uint64_t past = 1;
    bool right =
        open_port(9) && twin_given(&child, CHILD_PAGES_BIG, twin_calls, endpoint);
    if (received)
        right = right && limen_receive_words(port, &got, NULL) == MESSAGE_CALL;
    else
        for (int i = 0; i < 10; i++)
            (void)limen_thread_yield();
    (void)limen_process_kill(child.process, 0);
    if (received)
        right = right && step_ok(limen_reply(0, 0, 0, 0) == -ESRCH, "reply", 0);
    right = right && limen_receive_words(port, &got, &past) == -ETIMEDOUT;
    child_close(&child);
    close_port();
    return right;
}

static bool client_killed_queued(void)
{
    return client_killed(false);
}

static bool client_killed_received(void)
{
    return client_killed(true);
}

static bool client_refused(void)
{
    struct child child;
    struct limen_words got;
    struct process_end end = {0};
    bool right =
        open_port(9) && twin_given(&child, CHILD_PAGES_BIG, twin_calls, endpoint);
    right = right && limen_receive_words(port, &got, NULL) == MESSAGE_CALL;
    right = right && limen_client_fault((handle_t){0}, 77) == 0;
    (void)child_wait(child, &end);
    right = right && end.reason == PROCESS_REFUSED && end.status == 77;
    right = right && limen_client_fault((handle_t){0}, 77) == -ESRCH;
    child_close(&child);
    close_port();
    return right;
}

/* --- Deferred answers --- */

static bool deferred_answer(void)
{
    struct limen_words got;
    struct message answer = {.words = {4, 5, 6}};
    bool right = open_port(10) && start(call_once, endpoint.value, 0);
    right = right && limen_receive_words(port, &got, NULL) == MESSAGE_CALL;
    long later = limen_reply_defer();
    right = right && later > 0 && limen_reply(0, 0, 0, 0) == -ESRCH;
    uint64_t past = 1;
    right = right && limen_receive_words(port, &got, &past) == -ETIMEDOUT;
    right = right && limen_reply_to(handle_of(later), &answer) == 0;
    right = right && wait_for(&flag, 0) && words_are(answered.words, 4, 5, 6);
    right = right && limen_reply_to(handle_of(later), &answer) == -EBADF;
    close_port();
    return right;
}

static bool deferred_and_dropped(void)
{
    struct limen_words got;
    bool right = open_port(11) && start(call_once, endpoint.value, 0);
    right = right && limen_receive_words(port, &got, NULL) == MESSAGE_CALL;
    long later = limen_reply_defer();
    (void)limen_handle_close(handle_of(later));
    right = right && wait_for(&flag, 0) && result == -EPIPE;
    close_port();
    return right;
}

static bool deferred_and_killed(void)
{
    struct child child;
    struct limen_words got;
    struct message answer = {.words = {4, 5, 6}};
    bool right =
        open_port(12) && twin_given(&child, CHILD_PAGES_BIG, twin_calls, endpoint);
    right = right && limen_receive_words(port, &got, NULL) == MESSAGE_CALL;
    long later = limen_reply_defer();
    (void)limen_process_kill(child.process, 0);
    right = right && limen_reply_to(handle_of(later), &answer) == -ESRCH;
    right = right && limen_handle_close(handle_of(later)) == -EBADF;
    child_close(&child);
    close_port();
    return right;
}

/* --- Bytes and handles --- */

static void fill(uint8_t *bytes, uint32_t size, uint32_t seed)
{
    for (uint32_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)((i + seed) * 2654435761u >> 24);
}

static bool filled(const uint8_t *bytes, uint32_t size, uint32_t seed)
{
    for (uint32_t i = 0; i < size; i++)
        if (bytes[i] != (uint8_t)((i + seed) * 2654435761u >> 24))
            return false;
    return true;
}

/* Sends bytes and expects other bytes back, one more. */
static void twin_sends_bytes(uint32_t handle)
{
    struct message message = {
        .words = {1, 2, 3},
        .send = big + 1,
        .send_size = BIG - 7,
        .receive = big_answer + 3,
        .receive_size = BIG - 3,
    };
    fill(big + 1, BIG - 7, 5);
    long error = limen_call_message((handle_t){handle}, &message);
    bool right = error == 0 && message.receive_size == BIG - 100 &&
                 message.send_size == BIG - 100 && message.words[2] == 30 &&
                 filled(big_answer + 3, BIG - 100, 9);
    (void)limen_process_exit(right ? 0 : 1);
}

static bool bytes_both_ways(void)
{
    struct child child;
    struct process_end end;
    struct message message = {.receive = big, .receive_size = BIG};
    bool right =
        open_port(13) && twin_given(&child, CHILD_PAGES_BIG, twin_sends_bytes, endpoint);
    long kind = limen_receive_message(port, &message, NULL);
    right = right && step_ok(kind == MESSAGE_CALL, "kind", kind);
    right =
        right && step_ok(message.receive_size == BIG - 7, "size", message.receive_size);
    right = right && message.badge == 13 && message.words[2] == 3;
    right = right && filled(big, BIG - 7, 5);
    fill(big_answer, BIG - 100, 9);
    message = (struct message){
        .words = {10, 20, 30}, .send = big_answer, .send_size = BIG - 100};
    right = right && limen_message_reply(&message) == 0;
    outcome_t outcome = child_wait(child, &end);
    right = right && step_ok(outcome == EXIT_0, "client's status", end.status);
    child_close(&child);
    close_port();
    return right;
}

/* Has room for bytes and handles, sends some, and is answered with words alone. */
static void twin_gets_words(uint32_t handle)
{
    struct message message = {
        .send = big,
        .send_size = 100,
        .receive = big_answer,
        .receive_size = 200,
        .handle_room = 2,
        .handle_count = 1,
        .handles = {{handle}},
        .rights = {RIGHTS_SAME},
    };
    long error = limen_call_message((handle_t){handle}, &message);
    bool right = error == 0 && words_are(message.words, 7, 8, 9) &&
                 message.send_size == 0 && message.receive_size == 0 &&
                 message.handle_count == 0;
    (void)limen_process_exit(right ? 0 : 1);
}

static bool words_alone(bool reply_receive)
{
    struct child child;
    struct process_end end;
    struct message message = {.handle_room = 1};
    struct limen_words got = {.words = {7, 8, 9}};
    bool right =
        open_port(18) && twin_given(&child, CHILD_PAGES_BIG, twin_gets_words, endpoint);
    right = right && limen_receive_message(port, &message, NULL) == MESSAGE_CALL;
    (void)limen_handle_close(message.handles[0]);
    (void)limen_handle_close(endpoint);
    if (reply_receive)
        right = right && limen_reply_receive_words(port, &got) == MESSAGE_CLOSED;
    else
        right = right && limen_reply(0, 7, 8, 9) == 0;
    right = right && child_wait(child, &end) == EXIT_0;
    child_close(&child);
    (void)limen_handle_close(port);
    return right;
}

static bool reply_of_words_alone(void)
{
    return words_alone(false);
}

static bool reply_receive_of_words_alone(void)
{
    return words_alone(true);
}

/* A receiver with little room takes the rest in parts, and answers in parts. */
static bool bytes_in_parts(void)
{
    struct child child;
    struct process_end end;
    uint8_t part[1000];
    struct message message = {.receive = part, .receive_size = 10};
    bool right =
        open_port(14) && twin_given(&child, CHILD_PAGES_BIG, twin_sends_bytes, endpoint);
    right = right && limen_receive_message(port, &message, NULL) == MESSAGE_CALL;
    right = right && message.receive_size == 10 && message.send_size == BIG - 7;
    for (uint32_t at = 0; at < BIG - 7;) {
        long got = limen_message_read((handle_t){0}, at, part, sizeof(part));
        if (got <= 0)
            break;
        memcpy(big + at, part, (uint32_t)got);
        at += (uint32_t)got;
    }
    right = right && filled(big, BIG - 7, 5);
    right = right && limen_message_read((handle_t){0}, BIG, part, 4) == 0;
    fill(big_answer, BIG - 100, 9);
    right = right && limen_message_write((handle_t){0}, 500, big_answer + 500,
                                         BIG - 600) == BIG - 600;
    message =
        (struct message){.words = {0, 0, 30}, .send = big_answer, .send_size = BIG - 100};
    right = right && limen_message_reply(&message) == 0;
    right = right && child_wait(child, &end) == EXIT_0;
    child_close(&child);
    close_port();
    return right;
}

/* A sender whose bytes are not there is told; the receiver never hears of it. */
static void twin_sends_nothing(uint32_t handle)
{
    struct message message = {.send = (void *)0x70000000, .send_size = 100};
    long error = limen_call_message((handle_t){handle}, &message);
    (void)limen_process_exit(error == -EFAULT ? 0 : 1);
}

static bool bytes_not_there(void)
{
    struct child child;
    struct process_end end;
    uint64_t soon = clock_now() + 200 * MILLISECOND;
    struct message message = {.receive = big, .receive_size = BIG};
    bool right = open_port(15) &&
                 twin_given(&child, CHILD_PAGES_BIG, twin_sends_nothing, endpoint);
    right = right && limen_receive_message(port, &message, &soon) == -ETIMEDOUT;
    right = right && child_wait(child, &end) == EXIT_0;
    child_close(&child);
    close_port();
    return right;
}

/* Gives a port of its own by a message, and calls who serves it. */
static void twin_gives_handle(uint32_t handle)
{
    handle_t own = handle_of(limen_port_create());
    handle_t to_own = handle_of(limen_endpoint_mint(own, 1234));
    struct message message = {
        .handle_count = 1,
        .handles = {to_own},
        .rights = {RIGHT_SEND},
        .handle_room = 1,
    };
    long error = limen_call_message((handle_t){handle}, &message);
    struct limen_words got;
    long kind = limen_receive_words(own, &got, NULL);
    (void)limen_reply(0, got.words[0] + 1, 0, 0);
    (void)limen_process_exit(error == 0 && kind == MESSAGE_CALL && got.badge == 1234 ? 0
                                                                                     : 1);
}

static bool handle_given(void)
{
    struct child child;
    struct process_end end;
    struct message message = {.handle_room = 4};
    uint32_t words[3] = {50};
    bool right =
        open_port(16) && twin_given(&child, CHILD_PAGES_BIG, twin_gives_handle, endpoint);
    right = right && limen_receive_message(port, &message, NULL) == MESSAGE_CALL;
    right = right && step_ok(message.handle_count == 1, "handles", message.handle_count);
    handle_t given = message.handles[0];
    right = right && limen_handle_duplicate(given, RIGHT_SEND) == -EPERM;
    right = right && limen_reply(0, 0, 0, 0) == 0;
    right = right && limen_call_words(given, words) == 0 && words[0] == 51;
    right = right && child_wait(child, &end) == EXIT_0;
    (void)limen_handle_close(given);
    child_close(&child);
    close_port();
    return right;
}

/* All or none: one bad handle among four, and a receiver that takes none. */
static void twin_gives_badly(uint32_t handle)
{
    handle_t own = handle_of(limen_port_create());
    struct message message = {
        .handle_count = 4,
        .handles = {own, own, own, {0x12340001}},
        .rights = {RIGHTS_SAME, RIGHTS_SAME, RIGHTS_SAME, RIGHTS_SAME},
    };
    long bad = limen_call_message((handle_t){handle}, &message);
    message.handles[3] = own;
    long good = limen_call_message((handle_t){handle}, &message);
    message.handle_count = 4;
    long many = limen_call_message((handle_t){handle}, &message);
    (void)limen_process_exit(bad == -EBADF && good == 0 && many == -E2BIG ? 0 : 1);
}

static bool handles_all_or_none(void)
{
    struct child child;
    struct process_end end;
    struct message message = {.handle_room = 4};
    bool right =
        open_port(17) && twin_given(&child, CHILD_PAGES_BIG, twin_gives_badly, endpoint);
    uint32_t before = process_now().handles;
    right = right && limen_receive_message(port, &message, NULL) == MESSAGE_CALL;
    right = right && step_ok(process_now().handles == before + 4, "handles",
                             process_now().handles);
    for (uint32_t i = 0; i < message.handle_count; i++)
        right = limen_handle_close(message.handles[i]) == 0 && right;
    right = right && limen_reply(0, 0, 0, 0) == 0;
    uint64_t soon = clock_now() + 100 * MILLISECOND;
    message.handle_room = 3;
    right = right && limen_receive_message(port, &message, &soon) == -ETIMEDOUT;
    right = right &&
            step_ok(process_now().handles == before, "handles", process_now().handles);
    right = right && child_wait(child, &end) == EXIT_0;
    child_close(&child);
    close_port();
    return right;
}

static const struct test_case cases[] = {
    {"a call's words arrive, and so do the answer's", call_arrives},
    {"who has a call to answer receives no other", busy_server},
    {"a message that is sent waits only to be received", send_waits_for_nothing},
    {"the last handle to a badge tells the port when it goes", closed_badge},
    {"a call outlives the handle by which it was made", badge_closed_while_queued},
    {"a port that goes tells its callers", port_closed_with_callers},
    {"a port that goes tells its receivers", port_closed_with_receivers},
    {"a server that ends tells its caller", server_thread_ends},
    {"a call from another process", call_from_another_process},
    {"a caller killed in the queue is forgotten", client_killed_queued},
    {"a caller killed later can't be answered", client_killed_received},
    {"a caller can be refused", client_refused},
    {"an answer can come later", deferred_answer},
    {"a deferred answer that never comes", deferred_and_dropped},
    {"a deferred answer to somebody dead", deferred_and_killed},
    {"64 KiB go both ways", bytes_both_ways},
    {"an answer of words alone brings no bytes", reply_of_words_alone},
    {"nor does one that receives", reply_receive_of_words_alone},
    {"bytes go in parts", bytes_in_parts},
    {"bytes that are not there", bytes_not_there},
    {"a handle goes by message, with fewer rights", handle_given},
    {"handles go all or none", handles_all_or_none},
};

int main(void)
{
    return RUN_CASES(cases);
}
