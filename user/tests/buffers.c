/* SPDX-License-Identifier: MIT */
/*
 * Buffers that go away while the kernel copies a message between two processes. A thread
 * of a higher priority does something to one of the buffers at a moment that is swept
 * over the length of the copy: it always ends, with the whole message or with an error
 * for the one whose buffer it was, and no page frame is lost.
 */
#include <errno.h>

#include <limen/message.h>

#include "cases.h"

#define RW (MEMORY_READ | MEMORY_WRITE)
#define SIZE (64 * PAGE_SIZE)
#define CLIENT_BUFFER 0x50000000u
#define SERVER_BUFFER 0x58000000u
#define TWIN_PAGES 400
#define STEPS 24u
#define ENOUGH 5u /* times that something is to be done in the middle of a copy */
#define LOW                                                                     \
    (PRIORITY_DEFAULT - 2) /* the server's; the client's and the other's follow \
                            */

/* One of the two buffers: pages of a process's own, or of a memory object. */
struct buffer {
    handle_t process;
    uint32_t address;
    handle_t memory;
};

struct scene;

/* What is done meanwhile, and what it does to whom. */
struct deed {
    const char *text;
    void (*act)(struct scene *scene, const struct buffer *buffer);
    bool objects;  /* the buffers are memory objects */
    bool harmless; /* all comes, whenever it is done */
    bool kills;    /* the client */
};

struct scene {
    struct child client;
    handle_t control, port;   /* the client tells how it fared at the first */
    struct buffer buffers[2]; /* the client's and the server's */
    uint32_t round;
    handle_t clone;
    bool right;
};

static uint8_t stack[4096] __attribute__((aligned(16)));
static uint8_t bytes[4 * PAGE_SIZE];

/* --- The client, a twin: calls, and tells the result, for ever --- */

struct client_start {
    handle_t control, endpoint;
    bool receives;
};
static struct client_start client_start;

static void be_client(uint32_t unused)
{
    (void)unused;
    uint32_t words[3] = {0};
    while (limen_call_words(client_start.control, words) == 0) {
        struct message message = {0};
        if (client_start.receives) {
            message.receive = (void *)CLIENT_BUFFER;
            message.receive_size = SIZE;
        } else {
            message.send = (const void *)CLIENT_BUFFER;
            message.send_size = SIZE;
        }
        words[0] = (uint32_t)limen_call_message(client_start.endpoint, &message);
    }
    (void)limen_process_exit(1);
}

static handle_t give(struct child child, handle_t handle)
{
    return handle_of(limen_handle_give(child.process, handle, RIGHTS_SAME));
}

static bool start_client(struct scene *scene, bool receives)
{
    handle_t control = handle_of(limen_endpoint_mint(scene->control, 1));
    handle_t endpoint = handle_of(limen_endpoint_mint(scene->port, 2));
    bool right = twin_load(&scene->client, TWIN_PAGES);
    struct client_start values = {
        .control = give(scene->client, control),
        .endpoint = give(scene->client, endpoint),
        .receives = receives,
    };
    right = right &&
            child_write(scene->client, (uint32_t)&client_start, &values, sizeof(values));
    (void)limen_handle_close(control);
    (void)limen_handle_close(endpoint);
    scene->buffers[0] = (struct buffer){scene->client.process, CLIENT_BUFFER, {0}};
    scene->buffers[1] = (struct buffer){HANDLE_SELF, SERVER_BUFFER, {0}};
    return right && twin_start(&scene->client, be_client, 0) &&
           limen_thread_priority(scene->client.thread, LOW + 1) == 0;
}

/* --- The thread that does it --- */

static struct scene *scene_now;
static const struct deed *deed_now;
static const struct buffer *buffer_now;
static uint64_t when; /* it is to be done */
static uint64_t done_at;
static volatile uint32_t order; /* counts; 0: to end */
static volatile uint32_t done;

static void disturb(uint32_t unused)
{
    (void)unused;
    for (uint32_t seen = 1;; seen = order) {
        while (order == seen)
            (void)limen_futex_wait((uint32_t *)&order, seen, NULL);
        if (order == 0)
            break;
        (void)limen_clock_sleep(&when);
        deed_now->act(scene_now, buffer_now);
        done_at = clock_now();
        done = order;
    }
    for (;;)
        (void)limen_thread_exit((uint32_t *)&done, 0, 0);
}

static void give_order(uint32_t value)
{
    order = value;
    (void)limen_futex_wake((uint32_t *)&order, 1);
}

static void unmap_all(struct scene *scene, const struct buffer *buffer)
{
    scene->right &= limen_memory_unmap(buffer->process, buffer->address, SIZE) == 0;
}

static void unmap_one(struct scene *scene, const struct buffer *buffer)
{
    uint32_t page = buffer->address + SIZE / 2;
    scene->right &= limen_memory_unmap(buffer->process, page, PAGE_SIZE) == 0;
}

static void protect(struct scene *scene, const struct buffer *buffer)
{
    scene->right &= limen_memory_protect(buffer->process, buffer->address, SIZE, 0) == 0;
}

static void shrink(struct scene *scene, const struct buffer *buffer)
{
    scene->right &= limen_memory_resize(buffer->memory, PAGE_SIZE) == 0;
}

static void clone(struct scene *scene, const struct buffer *buffer)
{
    scene->clone = handle_of(limen_memory_clone(buffer->memory));
    scene->right &= (long)scene->clone.value > 0;
}

/* As a debugger that reads and writes, a page after the other: all is as it was. */
static void touch(struct scene *scene, const struct buffer *buffer)
{
    for (uint32_t at = buffer->address; at < buffer->address + SIZE; at += PAGE_SIZE) {
        uint32_t word;
        scene->right &= limen_memory_read(buffer->process, at, &word, 4) == 4 &&
                        limen_memory_write(buffer->process, at, &word, 4) == 4;
    }
}

static void kill_client(struct scene *scene, const struct buffer *buffer)
{
    (void)buffer;
    scene->right &= limen_process_kill(scene->client.process, 0) == 0;
}

static const struct deed deeds[] = {
    {"unmapped", unmap_all, .objects = false},
    {"unmapped, of an object", unmap_all, .objects = true},
    {"a page of it unmapped", unmap_one, .objects = false},
    {"protected", protect, .objects = false},
    {"shrunk", shrink, .objects = true},
    {"cloned", clone, .objects = true, .harmless = true},
    {"read and written", touch, .objects = true, .harmless = true},
    {"its process killed", kill_client, .objects = true, .kills = true},
};

/* Done when all is over, to see how long that takes when nobody interferes. */
static const struct deed nothing = {"looked at", touch, .harmless = true};
#define MANY_TIMES (20 * MILLISECOND)

/* --- Buffers --- */

static void make_buffer(struct scene *scene, struct buffer *buffer, bool object)
{
    struct memory_map map = {
        .address = buffer->address,
        .size = SIZE,
        .flags = RW | MEMORY_FIXED,
    };
    if (object)
        map.memory = buffer->memory = handle_of(limen_memory_create(SIZE));
    scene->right &= limen_memory_map(buffer->process, &map) == 0;
}

static void drop_buffer(struct scene *scene, struct buffer *buffer)
{
    (void)limen_memory_unmap(buffer->process, buffer->address, SIZE);
    if (buffer->memory.value)
        scene->right &= limen_handle_close(buffer->memory) == 0;
    buffer->memory.value = 0;
}

static uint32_t mark(const struct scene *scene, uint32_t at)
{
    return (at + scene->round) * 2654435761u;
}

static void fill(struct scene *scene, const struct buffer *buffer)
{
    struct child child = {.process = buffer->process};
    for (uint32_t done = 0; done < SIZE; done += sizeof(bytes)) {
        for (uint32_t i = 0; i < sizeof(bytes); i += 4)
            *(uint32_t *)(bytes + i) = mark(scene, done + i);
        scene->right &= child_write(child, buffer->address + done, bytes, sizeof(bytes));
    }
}

static bool is_filled(const struct scene *scene, const struct buffer *buffer)
{
    struct child child = {.process = buffer->process};
    bool right = true;
    for (uint32_t done = 0; done < SIZE; done += sizeof(bytes)) {
        right = right && child_read(child, buffer->address + done, bytes, sizeof(bytes));
        for (uint32_t i = 0; right && i < sizeof(bytes); i += 4)
            right = *(uint32_t *)(bytes + i) == mark(scene, done + i);
    }
    return right;
}

/* --- One copy --- */

struct result {
    long server, client; /* 1: a message; 0: it was answered; or an error */
    bool meanwhile;      /* it was done in the middle of the copy */
    uint64_t time;
};

/* The message from the client's buffer to the server's. */
static long receive_bytes(struct scene *scene)
{
    uint64_t past = 1;
    struct message message = {
        .receive = (void *)SERVER_BUFFER,
        .receive_size = SIZE,
    };
    long result = limen_receive_message(scene->port, &message, &past);
    bool whole = result != MESSAGE_CALL || message.receive_size == SIZE;
    scene->right &= step_ok(whole, "bytes received", message.receive_size);
    return result;
}

/* The answer from the server's buffer to the client's. */
static long answer_bytes(void)
{
    struct message message = {
        .send = (const void *)SERVER_BUFFER,
        .send_size = SIZE,
    };
    return limen_message_reply(&message);
}

/* Lets the client make its call, which is then in the queue or received. */
static bool let_client_call(struct scene *scene, bool receives)
{
    uint64_t past = 1;
    struct message message = {0};
    bool right = limen_reply(0, 0, 0, 0) == 0; /* it runs at once */
    return right && (!receives ||
                     limen_receive_message(scene->port, &message, &past) == MESSAGE_CALL);
}

/* What the client says of its call, or -ESRCH if it can say nothing. */
static long ask_client(struct scene *scene)
{
    struct limen_words got;
    uint64_t deadline = clock_now() + PATIENCE;
    (void)limen_reply(0, 0, 0, 0); /* if it still waits for an answer */
    long kind = limen_receive_words(scene->control, &got, &deadline);
    return kind == MESSAGE_CALL ? (long)got.words[0] : -ESRCH;
}

static struct result copy_once(struct scene *scene, bool receives, uint64_t delay)
{
    struct result result = {0};
    scene->right &= let_client_call(scene, receives);
    uint64_t begin = clock_now();
    when = begin + delay;
    give_order(order + 1);
    result.server = receives ? answer_bytes() : receive_bytes(scene);
    uint64_t end = clock_now();
    scene->right &= wait_for(&done, order);
    result.meanwhile = done_at > begin && done_at < end;
    result.time = end - begin;
    result.client = ask_client(scene);
    return result;
}

/* Whether the results go with each other, and with what was done to whom. */
static bool result_fits(const struct deed *deed, bool receives, bool to_server,
                        const struct result *result)
{
    long good = receives ? 0 : MESSAGE_CALL;
    if (deed->kills)
        return result->client == -ESRCH &&
               (result->server == good ||
                result->server == (receives ? -ESRCH : MESSAGE_CLOSED));
    if (result->server == good && result->client == 0)
        return true;
    if (deed->harmless)
        return false;
    if (to_server)
        return result->server == -EFAULT && result->client == 0;
    return result->client == -EFAULT && result->server == (receives ? 0 : -ETIMEDOUT);
}

static bool copy_and_check(struct scene *scene, const struct deed *deed, bool receives,
                           bool to_server, uint64_t delay, struct result *result)
{
    const struct buffer *from = &scene->buffers[receives];
    const struct buffer *to = &scene->buffers[!receives];
    scene->round++;
    make_buffer(scene, &scene->buffers[0], deed->objects);
    make_buffer(scene, &scene->buffers[1], deed->objects);
    fill(scene, from);
    scene_now = scene;
    deed_now = deed;
    buffer_now = &scene->buffers[to_server];
    *result = copy_once(scene, receives, delay);
    bool right = result_fits(deed, receives, to_server, result);
    if (deed->harmless)
        right = right && is_filled(scene, to);
    if (!right)
        tap_note("%s, %s's, after %u us: server %ld, client %ld", deed->text,
                 to_server ? "server" : "client", (uint32_t)(delay / 1000),
                 result->server, result->client);
    drop_buffer(scene, &scene->buffers[0]);
    drop_buffer(scene, &scene->buffers[1]);
    if (scene->clone.value)
        (void)limen_handle_close(scene->clone);
    scene->clone.value = 0;
    return right && scene->right;
}

static bool begin_client(struct scene *scene, bool receives)
{
    struct limen_words got;
    uint64_t deadline = clock_now() + PATIENCE;
    return start_client(scene, receives) &&
           limen_receive_words(scene->control, &got, &deadline) == MESSAGE_CALL;
}

static void end_client(struct scene *scene)
{
    struct limen_words got;
    uint64_t past = 1;
    struct process_end end;
    (void)limen_process_kill(scene->client.process, 0);
    (void)child_wait(scene->client, &end);
    child_close(&scene->client);
    while (limen_receive_words(scene->control, &got, &past) == MESSAGE_CLOSED ||
           limen_receive_words(scene->port, &got, &past) == MESSAGE_CLOSED)
        ;
}

/* One deed, to one side's buffer, at all moments. */
static bool sweep(struct scene *scene, const struct deed *deed, bool receives,
                  bool to_server)
{
    struct result result;
    uint32_t meanwhile = 0;
    bool right = begin_client(scene, receives);
    uint64_t whole = SECOND;
    for (int i = 0; right && i < 3; i++) {
        right = copy_and_check(scene, &nothing, receives, to_server, MANY_TIMES, &result);
        whole = result.time < whole ? result.time : whole;
    }
    for (uint32_t step = 0; right && step < ENOUGH * STEPS; step++) {
        if (step >= STEPS && meanwhile >= ENOUGH)
            break;
        right = copy_and_check(scene, deed, receives, to_server,
                               whole * (step % STEPS) / (STEPS - 2), &result);
        meanwhile += result.meanwhile;
        if (!deed->kills)
            continue;
        end_client(scene);
        right = begin_client(scene, receives) && right;
    }
    end_client(scene);
    if (meanwhile < ENOUGH)
        tap_note("%s, %s's: %u times meanwhile, in %u us", deed->text,
                 to_server ? "server" : "client", meanwhile, (uint32_t)(whole / 1000));
    return right && meanwhile >= ENOUGH;
}

static bool sweep_all(bool receives, bool to_server)
{
    struct scene scene = {
        .control = handle_of(limen_port_create()),
        .port = handle_of(limen_port_create()),
        .right = true,
    };
    bool right = limen_thread_priority(HANDLE_SELF, LOW) == 0;
    order = 1;
    done = 1;
    long thread = bare_thread(disturb, 0, stack + sizeof(stack));
    right = right && limen_thread_priority(handle_of(thread), LOW + 2) == 0;
    for (uint32_t i = 0; right && i < sizeof(deeds) / sizeof(*deeds); i++)
        if (!to_server || !deeds[i].kills)
            right = sweep(&scene, &deeds[i], receives, to_server);
    done = 1;
    give_order(0);
    right = wait_for(&done, 0) && right;
    (void)limen_handle_close(handle_of(thread));
    (void)limen_handle_close(scene.control);
    (void)limen_handle_close(scene.port);
    return limen_thread_priority(HANDLE_SELF, PRIORITY_DEFAULT) == 0 && right;
}

static bool sent_by_client(void)
{
    return sweep_all(false, false);
}

static bool received_by_server(void)
{
    return sweep_all(false, true);
}

static bool answered_by_server(void)
{
    return sweep_all(true, true);
}

static bool received_by_client(void)
{
    return sweep_all(true, false);
}

static const struct test_case cases[] = {
    {"a call's bytes, the client's buffer", sent_by_client},
    {"a call's bytes, the server's buffer", received_by_server},
    {"an answer's bytes, the server's buffer", answered_by_server},
    {"an answer's bytes, the client's buffer", received_by_client},
};

int main(void)
{
    return RUN_CASES(cases);
}
