/* SPDX-License-Identifier: MIT */
/*
 * Windows: what comes with a message is put where the receiving thread said, whichever
 * call receives it, from this process and from another, into pages that are there and
 * into such that are not; and what can't be put there costs nobody more than that
 * message.
 */
#include <errno.h>

#include <limen/message.h>

#include "cases.h"

#define STACK_SIZE 2048
#define ROOM 20000u
#define BADGE 4242u
#define GUARD 0xa5
#define CHILD_PAGES_MANY 200

static uint8_t stack[STACK_SIZE] __attribute__((aligned(16)));
static uint8_t sent[ROOM + 8], received[ROOM + 8];
static handle_t handles[MESSAGE_HANDLES];
static volatile uint32_t flag;
static volatile long result;
static handle_t port, endpoint;

static const uint32_t sizes[] = {0,    1,    3,    4,    63,   4093, 4094,
                                 4095, 4096, 4097, 8192, 8193, 19999};
#define SIZES (sizeof(sizes) / sizeof(*sizes))

static bool open_port(void)
{
    port = handle_of(limen_port_create());
    endpoint = handle_of(limen_endpoint_mint(port, BADGE));
    flag = 1;
    result = 1;
    return (long)port.value > 0 && (long)endpoint.value > 0;
}

static void close_port(void)
{
    (void)limen_message_window(NULL);
    (void)limen_handle_close(endpoint);
    (void)limen_handle_close(port);
}

static bool open_window(void *buffer, uint32_t size, handle_t *to, uint32_t room)
{
    const struct message_window window = {buffer, size, to, room};
    return limen_message_window(&window) == 0;
}

/* receive and reply_receive, with the tag as it is. */
static long receive(uint32_t words[4])
{
    words[0] = port.value;
    words[1] = 0;
    return limen_cross_words(SYS_LIMEN_receive, words);
}

static long answer_receive(uint32_t words[4])
{
    words[0] = port.value;
    return limen_cross_words(SYS_LIMEN_reply_receive, words);
}

static uint8_t byte_at(uint32_t i, uint32_t seed)
{
    return (uint8_t)((i + seed) * 2654435761u >> 24);
}

static bool filled(const uint8_t *bytes, uint32_t size, uint32_t seed)
{
    for (uint32_t i = 0; i < size; i++)
        if (bytes[i] != byte_at(i, seed))
            return false;
    return true;
}

/* --- Bytes of all sizes --- */

/* A long call of each size from each of four places, a short one after each; whether
 * every answer was right. */
static bool send_sizes(handle_t to)
{
    bool right = true;
    for (uint32_t at = 0; at < SIZES * 4; at++) {
        uint32_t size = sizes[at / 4];
        struct message message = {
            .words = {1, at, size}, .send = sent + at % 4, .send_size = size};
        uint32_t words[3] = {2, at, size};
        for (uint32_t i = 0; i < size; i++)
            sent[at % 4 + i] = byte_at(i, at);
        right = limen_call_message(to, &message) == 0 && right;
        right = message.words[0] == 11 && message.words[1] == at && right;
        right = message.send_size == 0 && right;
        right = limen_call_words(to, words) == 0 && right;
        right = words[0] == 12 && words[1] == at && right;
    }
    return right;
}

static void thread_sends_sizes(uint32_t handle)
{
    result = send_sizes((handle_t){handle}) ? 0 : 1;
    for (;;)
        (void)limen_thread_exit((uint32_t *)&flag, 0, 0);
}

static void twin_sends_sizes(uint32_t handle)
{
    (void)limen_process_exit(send_sizes((handle_t){handle}) ? 0 : 1);
}

/* Receives what send_sizes sends, into a window that begins at each of four places. */
static bool receive_sizes(void)
{
    uint32_t words[4] = {0};
    long tag = 0;
    bool right = true;
    for (uint32_t at = 0; at < SIZES * 4; at++) {
        uint32_t size = sizes[at / 4];
        uint8_t *buffer = received + at / 2 % 4;
        right = open_window(buffer, size / 2 + 1, NULL, 0) && right;
        memset(received, GUARD, sizeof(received));
        tag = at == 0 ? receive(words) : answer_receive(words);
        uint32_t came = size < size / 2 + 1 ? size : size / 2 + 1;
        right =
            step_ok(tag == (long)MESSAGE_TAG(MESSAGE_CALL, 0, size), "tag", tag) && right;
        right = words[0] == BADGE && words[1] == 1 && words[2] == at &&
                words[3] == size && right;
        right = filled(buffer, came, at) && buffer[came] == GUARD && right;
        memset(received, GUARD, sizeof(received));
        words[1] = 11;
        tag = answer_receive(words);
        right = step_ok(tag == MESSAGE_CALL, "tag of a short one", tag) && right;
        right = words[1] == 2 && buffer[0] == GUARD && right;
        words[1] = 12;
    }
    return limen_reply(0, words[1], words[2], 0) == 0 && right;
}

static bool sizes_from_a_thread(void)
{
    bool right = open_port();
    long thread = bare_thread(thread_sends_sizes, endpoint.value, stack + STACK_SIZE);
    right = right && thread > 0 && receive_sizes();
    right = right && wait_for(&flag, 0) && step_ok(result == 0, "answers", result);
    (void)limen_handle_close(handle_of(thread));
    close_port();
    return right;
}

static bool sizes_from_a_process(void)
{
    struct process_end end = {0};
    struct child child = {0};
    bool right =
        open_port() && twin_given(&child, CHILD_PAGES_MANY, twin_sends_sizes, endpoint);
    right = right && receive_sizes();
    right = right && step_ok(child_wait(child, &end) == EXIT_0, "status", end.status);
    child_close(&child);
    close_port();
    return right;
}

/* --- One call --- */

static struct message call_message;
static struct message call_answer;

static void thread_calls(uint32_t handle)
{
    call_answer = call_message;
    result = limen_call_message((handle_t){handle}, &call_answer);
    for (;;)
        (void)limen_thread_exit((uint32_t *)&flag, 0, 0);
}

/* Lets a thread make the call. */
static bool start_call(void)
{
    long thread = bare_thread(thread_calls, endpoint.value, stack + STACK_SIZE);
    (void)limen_handle_close(handle_of(thread));
    return thread > 0;
}

/* The call's answer must be that error, or none. */
static bool call_ends(long error)
{
    return wait_for(&flag, 0) && step_ok(result == error, "the call's result", result);
}

static bool no_window(void)
{
    static uint8_t part[100];
    struct limen_words got;
    uint32_t words[4] = {0};
    call_message = (struct message){.send = sent, .send_size = 5000};
    for (uint32_t i = 0; i < 5000; i++)
        sent[i] = byte_at(i, 7);
    bool right = open_port() && start_call();
    long tag = receive(words);
    right = right && tag == (long)MESSAGE_TAG(MESSAGE_CALL, 0, 5000);
    right = right && limen_message_read((handle_t){0}, 4900, part, 100) == 100;
    right = right && filled(part, 100, 4907);
    right = right && limen_receive_words(port, &got, NULL) == -EBUSY;
    right = right && limen_reply(0, 1, 2, 3) == 0 && call_ends(0);
    close_port();
    return right;
}

/* A window that can't be written is the receiver's fault; the call can be answered. */
static bool bad_window(void *buffer)
{
    struct limen_words got;
    call_message = (struct message){.send = sent, .send_size = 5000};
    bool right = open_port() && open_window(buffer, 8000, NULL, 0) && start_call();
    long kind = limen_receive_words(port, &got, NULL);
    right = right && step_ok(kind == -EFAULT, "receive", kind);
    right = right && limen_reply(0, 1, 2, 3) == 0 && call_ends(0);
    right = right && call_answer.words[2] == 3;
    close_port();
    return right;
}

static uint32_t map_pages(uint32_t count, uint32_t flags)
{
    struct memory_map map = {.size = count * PAGE_SIZE, .flags = flags};
    return limen_memory_map(HANDLE_SELF, &map) == 0 ? map.address : 0;
}

static bool bad_windows(void)
{
    uint32_t pages = map_pages(3, MEMORY_READ | MEMORY_WRITE);
    bool right = pages != 0;
    right = limen_memory_protect(HANDLE_SELF, pages + PAGE_SIZE, PAGE_SIZE,
                                 MEMORY_READ) == 0 &&
            right;
    right = bad_window((void *)0x70000000) && right;
    right = bad_window((void *)pages) && right;
    right = bad_window((void *)no_window) && right;
    right = limen_memory_unmap(HANDLE_SELF, pages, 3 * PAGE_SIZE) == 0 && right;
    return right;
}

/* Pages that nobody has touched, of the sender and of the receiver. */
static bool fresh_pages(void)
{
    uint32_t from = map_pages(2, MEMORY_READ | MEMORY_WRITE);
    uint32_t to = map_pages(2, MEMORY_READ | MEMORY_WRITE);
    struct limen_words got;
    call_message = (struct message){.send = (void *)from, .send_size = 4096};
    call_message.send = (const uint8_t *)from + 2048;
    bool right = from && to && open_port() &&
                 open_window((void *)(to + 1024), PAGE_SIZE, NULL, 0) && start_call();
    right = right && limen_receive_words(port, &got, NULL) == MESSAGE_CALL;
    for (uint32_t i = 0; i < PAGE_SIZE; i++)
        right = ((uint8_t *)to)[1024 + i] == 0 && right;
    right = right && limen_reply(0, 0, 0, 0) == 0 && call_ends(0);
    right = limen_memory_unmap(HANDLE_SELF, from, 2 * PAGE_SIZE) == 0 && right;
    right = limen_memory_unmap(HANDLE_SELF, to, 2 * PAGE_SIZE) == 0 && right;
    close_port();
    return right;
}

/* --- Handles --- */

static bool handles_come(void)
{
    struct limen_words got;
    uint32_t words[4] = {0};
    bool right = open_port() && open_window(received, 100, handles, 3);
    call_message = (struct message){
        .handle_count = 3,
        .handles = {endpoint, endpoint, endpoint},
        .rights = {RIGHTS_SAME, RIGHT_SEND, RIGHT_SEND},
    };
    memset(handles, 0, sizeof(handles));
    right = right && start_call();
    long tag = receive(words);
    right = right && step_ok(tag == (long)MESSAGE_TAG(MESSAGE_CALL, 3, 0), "tag", tag);
    for (int i = 0; i < 3; i++)
        right = limen_handle_close(handles[i]) == 0 && right;
    right = right && handles[3].value == 0;
    right = right && limen_reply(0, 0, 0, 0) == 0 && call_ends(0);
    /* No room for so many: the caller is told, and nobody receives. */
    uint64_t soon = clock_now() + 200 * MILLISECOND;
    flag = 1;
    right = right && open_window(received, 100, handles, 2) && start_call();
    right = right && limen_receive_words(port, &got, &soon) == -ETIMEDOUT;
    right = right && call_ends(-E2BIG);
    close_port();
    return right;
}

/* Handles that can't be told are not given. */
static bool nowhere_for_handles(void)
{
    struct limen_words got;
    bool right = open_port() && open_window(received, 100, (handle_t *)0x70000000, 1);
    call_message = (struct message){
        .handle_count = 1, .handles = {endpoint}, .rights = {RIGHTS_SAME}};
    right = right && start_call();
    right = right && limen_receive_words(port, &got, NULL) == -EFAULT;
    right = right && limen_reply(0, 0, 0, 0) == 0 && call_ends(0);
    close_port();
    return right;
}

/* An answer's handles are put into the caller's message, and only there. */
static bool handles_answered(void)
{
    struct limen_words got;
    struct message answer = {.words = {5, 6, 7}, .handle_count = 2};
    call_message = (struct message){.handle_room = 2};
    bool right = open_port() && start_call();
    right = right && limen_receive_words(port, &got, NULL) == MESSAGE_CALL;
    for (int i = 0; i < 2; i++) {
        answer.handles[i] = endpoint;
        answer.rights[i] = RIGHTS_SAME;
    }
    right = right && limen_message_reply(&answer) == 0 && call_ends(0);
    right = right && call_answer.handle_count == 2 && call_answer.words[2] == 7;
    for (int i = 0; i < 2; i++)
        right = limen_handle_close(call_answer.handles[i]) == 0 && right;
    right = right && call_answer.handles[2].value == 0;
    close_port();
    return right;
}

/* --- Mistakes --- */

static bool too_many_bytes(void)
{
    struct limen_words got;
    struct message answer = {.send = sent, .send_size = MESSAGE_SIZE_MAX + 1};
    bool right = open_port();
    long error = limen_call_message(endpoint, &answer);
    right = right && step_ok(error == -E2BIG, "call", error);
    call_message = (struct message){.words = {1, 2, 3}};
    right = right && start_call();
    right = right && limen_receive_words(port, &got, NULL) == MESSAGE_CALL;
    right = right && limen_message_reply(&answer) == -E2BIG;
    right = right && limen_reply(0, 8, 0, 0) == 0 && call_ends(0);
    right = right && call_answer.words[0] == 8;
    close_port();
    return right;
}

static bool bad_windows_refused(void)
{
    const struct message_window many = {NULL, 0, handles, MESSAGE_HANDLES + 1};
    const struct message_window wraps = {(void *)8, 0xfffffff8, NULL, 0};
    struct limen_words got;
    bool right = open_port() && open_window(received, 50, NULL, 0);
    right = right && limen_message_window(&many) == -E2BIG;
    right = right && limen_message_window(&wraps) == -EFAULT;
    right = right && limen_message_window((void *)KERNEL_BASE) == -EFAULT;
    /* The one before stays. */
    sent[0] = 77;
    received[0] = 0;
    call_message = (struct message){.send = sent, .send_size = 1};
    right = right && start_call();
    right = right && limen_receive_words(port, &got, NULL) == MESSAGE_CALL;
    right = right && received[0] == 77;
    right = right && limen_reply(0, 0, 0, 0) == 0 && call_ends(0);
    close_port();
    return right;
}

static const struct test_case cases[] = {
    {"bytes of all sizes from a thread", sizes_from_a_thread},
    {"bytes of all sizes from a process", sizes_from_a_process},
    {"without a window the tag tells what could be read", no_window},
    {"a window that can't be written", bad_windows},
    {"pages that are not there yet", fresh_pages},
    {"handles come, as many as there is room for", handles_come},
    {"nowhere to put handles", nowhere_for_handles},
    {"an answer's handles", handles_answered},
    {"more bytes than a message can have", too_many_bytes},
    {"windows that make no sense", bad_windows_refused},
};

int main(void)
{
    return RUN_CASES(cases);
}
