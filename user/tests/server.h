/* SPDX-License-Identifier: MIT */
/*
 * For tests of servers: a server of the boot archive started with a port of the test's
 * own, and requests that no server should mind.
 */
#ifndef TESTS_SERVER_H
#define TESTS_SERVER_H

#include <errno.h>

#include <limen/message.h>
#include <limen/protocol.h>
#include <limen/spawn.h>

#include "cases.h"

/* A server, started by the test, and the port that it serves. */
struct test_server {
    struct limen_child child;
    handle_t port;
};

static inline bool server_begin(struct test_server *server, const char *path,
                                uint32_t pages, const struct limen_gift *more,
                                uint32_t more_count)
{
    char *const none[] = {NULL};
    struct limen_gift gifts[SPAWN_GIFTS_MAX] = {{0}};
    server->port = handle_of(limen_port_create());
    gifts[0] =
        (struct limen_gift){AT_LIMEN_PORT, server->port, RIGHT_RECEIVE | RIGHT_MINT};
    for (uint32_t i = 0; i < more_count; i++)
        gifts[i + 1] = more[i];
    const struct limen_spawn how = {
        .path = path,
        .envp = none,
        .pages = pages,
        .flags = SPAWN_NO_ARCHIVE | SPAWN_NO_CONSOLE,
        .gifts = gifts,
        .gift_count = more_count + 1,
    };
    return step_ok(limen_spawn(&server->child, &how) == 0, "the server's start", 0);
}

/* Ends the server; false: it had ended before. */
static inline bool server_end(struct test_server *server)
{
    struct process_end end;
    uint64_t past = 1;
    bool ran = limen_process_wait(server->child.process, &end, &past) == -ETIMEDOUT;
    (void)limen_process_kill(server->child.process, 0);
    (void)limen_process_wait(server->child.process, &end, NULL);
    limen_child_close(&server->child);
    (void)limen_handle_close(server->port);
    return step_ok(ran, "the server ended by itself", 0);
}

static inline handle_t server_endpoint(const struct test_server *server, uint32_t badge)
{
    return handle_of(limen_endpoint_mint(server->port, badge));
}

/* --- Requests that make no sense --- */

#define HOSTILE_BYTES 0x30000u

static uint8_t hostile_bytes[HOSTILE_BYTES];

/* A call with this number, so many bytes and handles; its result. */
static inline long hostile_call(handle_t endpoint, uint32_t number, uint32_t size,
                                uint32_t handles)
{
    struct message message = {
        .words = {number, ~0u, ~0u},
        .send = hostile_bytes,
        .send_size = size,
        .handle_count = handles,
    };
    for (uint32_t i = 0; i < handles; i++) {
        message.handles[i] = endpoint;
        message.rights[i] = RIGHTS_SAME;
    }
    long error = limen_call_message(endpoint, &message);
    return error < 0 ? error : (long)message.words[0];
}

/* Numbers that no protocol has. */
static inline bool hostile_numbers(handle_t endpoint)
{
    static const uint32_t numbers[] = {0, 1000, 0x7fffffff, 0x80000000, 0xffffffff};
    bool right = true;
    for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        long result = hostile_call(endpoint, numbers[i], 1, 0);
        right = step_ok(result == -ENOSYS, "an unknown operation", result) && right;
    }
    return right;
}

/* Every operation with handles that it does not take. */
static inline bool hostile_handles(handle_t endpoint, uint32_t operations)
{
    bool right = true;
    for (uint32_t number = 1; number <= operations; number++) {
        for (uint32_t count = 2; count <= MESSAGE_HANDLES; count++) {
            long result = hostile_call(endpoint, number, 1, count);
            bool refused = result == -EINVAL || result == -E2BIG;
            right = step_ok(refused, "too many handles", result) && right;
        }
    }
    return right;
}

/* Buffers that are not there, and one-way messages of all kinds. */
static inline bool hostile_buffers(handle_t endpoint, uint32_t operations)
{
    bool right = true;
    for (uint32_t number = 0; number <= operations; number++) {
        struct message message = {
            .words = {number},
            .send = (void *)0x70000000,
            .send_size = 10,
            .receive = (void *)0x70000000,
            .receive_size = 10,
        };
        long result = limen_call_message(endpoint, &message);
        right = step_ok(result < 0, "bytes that are not there", result) && right;
        message.send = (void *)(KERNEL_BASE - 5);
        result = limen_call_message(endpoint, &message);
        right = step_ok(result == -EFAULT, "bytes in the kernel", result) && right;
        right = limen_send(endpoint, number, ~0u, ~0u) == 0 && right;
    }
    return right;
}

/* Requests by chance, of which the seed makes the same again. What keeps the caller
 * waiting must not be among them: numbers with a bit in `waiting` are left out. */
static inline void hostile_random(handle_t endpoint, uint32_t operations,
                                  uint32_t waiting, uint32_t count, uint32_t seed)
{
    for (uint32_t i = 0; i < count; i++) {
        seed = seed * 1103515245u + 12345u;
        uint32_t number = (seed >> 16) % (operations + 2);
        uint32_t size = (seed >> 8) % 7 == 0 ? (seed >> 4) % HOSTILE_BYTES : seed >> 20;
        if (number < 32 && waiting & 1u << number)
            continue;
        for (uint32_t at = 0; at < 8; at++)
            hostile_bytes[at] = (uint8_t)(seed >> at);
        (void)hostile_call(endpoint, number, size % 100 < 90 ? size % 70 : size,
                           (seed >> 12) % 5);
    }
}

#endif
