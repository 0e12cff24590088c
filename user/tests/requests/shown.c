/* SPDX-License-Identifier: MIT */
/* Cases: answers to requests that have no reply port, or that are waited for at once. */
#include "requests.h"

static struct system_message message;
static struct message text;

static bool shows(struct system_message *one, long wanted)
{
    return wait_for((volatile uint32_t *)&one->error, (uint32_t)wanted) ||
           step_ok(false, "shown", one->error);
}

bool shown_answer(void)
{
    static uint8_t bytes[BYTES];
    handle_t none = {0};
    bool right = req_begin();
    uint32_t before = process_now().handles;
    message = req_call(none, SERVE_ADD, 3, 4);
    right = right && req_in_flight(stage_endpoints[0], &message);
    stage_settle();
    right = right && shows(&message, 0) && req_answer(&message, 7, 0, 0) &&
            limen_msg_cancel(&message) == -ESRCH;
    text = (struct message){.words = {SERVE_BYTES},
                            .send = bytes,
                            .send_size = BYTES,
                            .receive = bytes,
                            .receive_size = BYTES};
    memset(bytes, 8, BYTES);
    message = req_long(none, &text);
    right = right && req_in_flight(stage_endpoints[0], &message);
    stage_settle();
    right = right && shows(&message, 0) && bytes[0] == 9 && bytes[BYTES - 1] == 9;
    message = req_call(none, SERVE_DIE, 0, 0);
    right = right && req_in_flight(stage_endpoints[0], &message);
    stage_settle();
    right = right && shows(&message, -EPIPE);
    message = req_call(none, SERVE_ADD, 0, 0);
    right = right && req_in_flight(stage_endpoints[0], &message) &&
            limen_msg_cancel(&message) == 0 && shows(&message, -ECANCELED);
    message = req_call(none, SERVE_ADD, 0, 0);
    message.time = clock_now() + MILLISECOND;
    right = right && limen_msg_send(stage_endpoints[0], &message) == -EASYNC &&
            shows(&message, -ETIMEDOUT) &&
            step_ok(process_now().handles == before, "handles", process_now().handles);
    return stage_close() && right;
}

static void ask_for_handles(struct message *at)
{
    *at = (struct message){.words = {SERVE_HANDLE},
                           .handle_room = MESSAGE_HANDLES,
                           .handle_count = MESSAGE_HANDLES};
    for (int i = 0; i < MESSAGE_HANDLES; i++) {
        at->handles[i] = stage_endpoints[0];
        at->rights[i] = RIGHTS_SAME;
    }
}

/* The handles are told, also where they cross a page. */
bool shown_handles(void)
{
    static uint8_t pages[2 * PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
    bool right = req_begin();
    uint32_t before = process_now().handles;
    for (uint32_t shift = 0; shift < 20; shift++) {
        struct message *at =
            (void *)(pages + PAGE_SIZE - offsetof(struct message, handles) - shift);
        ask_for_handles(at);
        message = req_long((handle_t){0}, at);
        right = right && req_in_flight(stage_endpoints[0], &message);
        stage_settle();
        right = right && shows(&message, 0) &&
                MESSAGE_HANDLE_COUNT(message.words[0]) == MESSAGE_HANDLES;
        for (int i = 0; right && i < MESSAGE_HANDLES; i++)
            right = at->handles[i].value != stage_endpoints[0].value &&
                    req_close(at->handles[i]);
    }
    right = right &&
            step_ok(process_now().handles == before, "handles", process_now().handles);
    return stage_close() && right;
}

/* Where they cannot be told they are closed, and the message says so. */
bool shown_where_handles_cannot_be(void)
{
    struct memory_map map = {.size = PAGE_SIZE, .flags = MEMORY_READ | MEMORY_WRITE};
    bool right = req_begin() && limen_memory_map(HANDLE_SELF, &map) == 0;
    uint32_t before = process_now().handles;
    struct message *at = (void *)map.address;
    ask_for_handles(at);
    message = req_long((handle_t){0}, at);
    right = right && limen_thread_suspend(stage_threads[0]) == 0 &&
            req_in_flight(stage_endpoints[0], &message) &&
            limen_memory_protect(HANDLE_SELF, map.address, PAGE_SIZE, MEMORY_READ) == 0 &&
            limen_thread_resume(stage_threads[0]) == 0;
    stage_settle();
    right = right && shows(&message, -EFAULT) && message.words[0] == 0 &&
            step_ok(process_now().handles == before, "handles", process_now().handles);
    (void)limen_memory_unmap(HANDLE_SELF, map.address, PAGE_SIZE);
    return stage_close() && right;
}

bool synchronous_call(void)
{
    bool right = req_begin();
    uint32_t before = process_now().handles;
    message = req_call((handle_t){0}, SERVE_ADD, 3, 4);
    message.flags = 0;
    right = right && limen_msg_send(stage_endpoints[0], &message) == 0 &&
            message.error == 0 && req_answer(&message, 7, 0, 0);
    ask_for_handles(&text);
    message = req_long((handle_t){0}, &text);
    message.flags = 0;
    right = right && limen_msg_send(stage_endpoints[0], &message) == 0 &&
            MESSAGE_HANDLE_COUNT(message.words[0]) == MESSAGE_HANDLES;
    for (int i = 0; i < MESSAGE_HANDLES; i++)
        right = req_close(text.handles[i]) && right;
    message = req_call((handle_t){0}, SERVE_DEFER, 0, 0);
    message.flags = 0;
    message.time = clock_now() + MILLISECOND;
    right = right && limen_msg_send(stage_endpoints[0], &message) == -ETIMEDOUT;
    message = req_call((handle_t){0}, SERVE_DIE, 0, 0);
    message.flags = 0;
    right = right && limen_msg_send(stage_endpoints[0], &message) == -EPIPE;
    /* The time may have been over before the server deferred. */
    uint32_t after = process_now().handles;
    bool deferred = limen_handle_close(served[2].reply) == 0;
    right = right && step_ok(after == before + deferred, "handles", after);
    return stage_close() && right;
}

static void call_and_wait(uint32_t which)
{
    (void)which;
    (void)limen_msg_send(stage_endpoints[0], &message);
}

/* It is taken out of its call, cancelled by another thread, or told by one. */
bool synchronous_caller_ends(void)
{
    bool right = stage_open(1);
    struct limen_words words;
    message = req_call((handle_t){0}, 1, 2, 3);
    message.flags = 0;
    right = right && stage_start(0, call_and_wait, HIGH);
    stage_settle();
    right = right && message.error == -EASYNC &&
            limen_receive_words(stage_ports[0], &words, NULL) == MESSAGE_CALL &&
            stage_make_leave(0) && limen_reply(0, 0, 0, 0) == -ESRCH &&
            limen_msg_cancel(&message) == -ESRCH;
    message = req_call((handle_t){0}, 1, 2, 3);
    message.flags = 0;
    right = right && stage_start(1, call_and_wait, HIGH);
    stage_settle();
    right = right && limen_msg_cancel(&message) == 0;
    stage_settle();
    right = right && step_ok(message.error == -ECANCELED, "error", message.error);
    uint64_t past = 1;
    right = right && limen_receive_words(stage_ports[0], &words, &past) == -ETIMEDOUT;
    return stage_close() && right;
}
