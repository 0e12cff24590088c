/* SPDX-License-Identifier: MIT */
/*
 * Calls between a client and a server, two bare threads of two processes or of one. Their
 * loops name the gate themselves, as a native program's would that takes its calls
 * seriously. A value is the whole turn, with both users' halves and the client's loop,
 * minus what the server does only to show that nothing was lost (server.S).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <limen/abi.h>
#include <limen/syscall.h>

#include "client.h"

#define STACK_SIZE 4096u
#define ONE_WAY_USER 6u /* the client's instructions, its RDTSC to SYSENTER */

#define LONG_BYTES (16u << 20) /* what one size of long messages sends in all */
#define LONG_WARM_UP 2u
#define LONG_LEAST (4u << 10)
#define LONG_MOST SERVER_BUFFER_SIZE


struct call_words {
    handle_t endpoint;
    uint32_t words[3];
};

struct call_long {
    handle_t endpoint;
    struct message *message;
};

static const uint32_t first_words[3] = {1000, 2000, 3000};

/* --- The server --- */

static uint32_t word_at(const struct server *server, uint32_t address)
{
    uint32_t word = 0;
    check("memory_read",
          limen_memory_read(server->process, address, &word, sizeof(word)));
    return word;
}

static void map(handle_t process, uint32_t address, uint32_t size)
{
    struct memory_map map = {
        .address = address,
        .size = size,
        .flags = MEMORY_READ | MEMORY_WRITE | MEMORY_EXECUTE | MEMORY_FIXED,
    };
    check("memory_map", limen_memory_map(process, &map));
}

static bool in_same_process(const struct server *server)
{
    return server->process.value == HANDLE_SELF.value;
}

void server_start(struct server *server, const char *begin,
                         const struct message_window *window)
{
    const uint32_t runs = 1;
    struct thread_start start = {
        .eip = SERVER_ADDRESS + (uint32_t)(begin - server_begin),
        .esp = SERVER_STACK,
        .flags = server->segments ? THREAD_FS | THREAD_GS : 0,
        .fs_base = SERVER_DATA,
        .gs_base = SERVER_DATA,
    };
    server->port = (handle_t){(uint32_t)check("port_create", limen_port_create())};
    server->endpoint =
        (handle_t){(uint32_t)check("mint", limen_endpoint_mint(server->port, 4711))};
    start.eax = server->port.value;
    if (!in_same_process(server))
        start.eax = (uint32_t)check(
            "give", limen_handle_give(server->process, server->port, RIGHTS_SAME));
    map(server->process, SERVER_ADDRESS, SERVER_SIZE);
    check("memory_write",
          limen_memory_write(server->process, SERVER_ADDRESS, server_begin,
                             (uint32_t)(server_end - server_begin)));
    check("memory_write",
          limen_memory_write(server->process, SERVER_WINDOW, window, sizeof(*window)));
    check("memory_write",
          limen_memory_write(server->process, SERVER_RUNS, &runs, sizeof(runs)));
    long thread = check("thread_create", limen_thread_create(server->process, &start));
    check("handle_close", limen_handle_close((handle_t){(uint32_t)thread}));
}

void server_end_in(struct server *server)
{
    check("handle_close", limen_handle_close(server->port));
    check("handle_close", limen_handle_close(server->endpoint));
    if (in_same_process(server)) {
        while (word_at(server, SERVER_RUNS) != 0)
            check("thread_yield", limen_thread_yield());
        check("memory_unmap",
              limen_memory_unmap(HANDLE_SELF, SERVER_ADDRESS, SERVER_SIZE));
        return;
    }
    check("process_kill", limen_process_kill(server->process, 0));
    check("handle_close", limen_handle_close(server->process));
}

struct server new_process(uint32_t pages)
{
    long made = check("process_create", limen_process_create(pages));
    return (struct server){.process = {(uint32_t)made}};
}

/* --- The client --- */

/* What the client's thread is to do, and what it found out. */
static struct {
    ruler_loop *loop;
    uint32_t iterations;
    uint32_t address; /* the loop's argument */
    uint32_t ticks;   /* of its turns */
    uint32_t runs;    /* 0 when nothing is left of it */
} client;

static uint8_t client_stack[STACK_SIZE] __attribute__((aligned(16)));

static _Noreturn void client_main(void)
{
    client.ticks = client.loop(client.iterations, client.address) - LOOP_ONCE;
    for (;;)
        (void)limen_thread_exit(&client.runs, 0, 0);
}

uint32_t client_run(ruler_loop *loop, uint32_t iterations, const void *argument,
                    bool segments)
{
    const struct thread_start start = {
        .eip = (uint32_t)client_main,
        .esp = (uint32_t)client_stack + sizeof(client_stack) - 4, /* as after a call */
        .flags = segments ? THREAD_FS | THREAD_GS : 0,
        .fs_base = (uint32_t)client_stack,
        .gs_base = (uint32_t)client_stack,
    };
    client.loop = loop;
    client.iterations = iterations;
    client.address = (uint32_t)argument;
    client.runs = 1;
    long thread = check("thread_create", limen_thread_create(HANDLE_SELF, &start));
    check("handle_close", limen_handle_close((handle_t){(uint32_t)thread}));
    while (*(volatile uint32_t *)&client.runs != 0)
        (void)limen_futex_wait(&client.runs, 1, NULL);
    return client.ticks;
}

/* --- Three words --- */

/* Ends the program unless the words are what so many turns of the server make of them. */
static void words_check(const char *name, const uint32_t words[3], uint32_t turns)
{
    uint32_t wanted[3];
    memcpy(wanted, first_words, sizeof(wanted));
    for (uint32_t i = 0; i < turns; i++) {
        wanted[0] += 1;
        wanted[1] += wanted[0];
        wanted[2] += wanted[1];
    }
    if (memcmp(wanted, words, sizeof(wanted)) != 0) {
        printf("%s: the words came back as %u, %u, %u, not %u, %u, %u\n", name, words[0],
               words[1], words[2], wanted[0], wanted[1], wanted[2]);
        exit(1);
    }
}

struct words_bench {
    const char *name;
    ruler_loop *loop;
    const char *server;
    bool same_process;
    bool segments;
};

static void measure_words(const struct words_bench *bench)
{
    struct server server = bench->same_process ? (struct server){.process = HANDLE_SELF}
                                               : new_process(SERVER_PAGES);
    server.segments = bench->segments;
    server_start(&server, bench->server, &(struct message_window){0});
    struct call_words call = {.endpoint = server.endpoint};
    memcpy(call.words, first_words, sizeof(call.words));
    (void)client_run(bench->loop, WARM_UP, &call, bench->segments);
    words_check(bench->name, call.words, WARM_UP);
    uint32_t ticks = client_run(bench->loop, ITERATIONS, &call, bench->segments);
    words_check(bench->name, call.words, WARM_UP + ITERATIONS);
    ruler_report(bench->name, ticks - WORK_WORDS * ITERATIONS, ITERATIONS);
    server_end_in(&server);
}

/* The way there alone, by the clock that both sides read. */
static void measure_one_way(void)
{
    struct server server = new_process(SERVER_PAGES);
    server_start(&server, server_one_way, &(struct message_window){0});
    struct call_words call = {.endpoint = server.endpoint};
    (void)client_run(loop_call_one_way, WARM_UP, &call, false);
    call.words[1] = 0;
    (void)client_run(loop_call_one_way, ITERATIONS, &call, false);
    ruler_report("call_oneway_kernel", call.words[1] - ONE_WAY_USER * ITERATIONS,
                 ITERATIONS);
    server_end_in(&server);
}

/* --- More than words --- */

static uint8_t bytes[LONG_MOST] __attribute__((aligned(PAGE_SIZE)));

static void turns_check(const char *name, uint32_t turns, uint32_t wanted)
{
    if (turns != wanted) {
        printf("%s: the server made %u turns, not %u\n", name, turns, wanted);
        exit(1);
    }
}

static void bytes_check(const char *name, const struct server *server, uint32_t size)
{
    static uint8_t got[PAGE_SIZE];

    for (uint32_t at = 0; at < size; at += sizeof(got)) {
        check("memory_read",
              limen_memory_read(server->process, SERVER_BUFFER + at, got, sizeof(got)));
        if (memcmp(got, bytes + at, sizeof(got)) != 0) {
            printf("%s: other bytes arrived than were sent\n", name);
            exit(1);
        }
    }
}

static void measure_long(uint32_t size)
{
    uint32_t turns = LONG_BYTES / size;
    struct server server = new_process(SERVER_PAGES + SERVER_BUFFER_SIZE / PAGE_SIZE);
    const struct message_window window = {
        .buffer = (void *)SERVER_BUFFER,
        .size = SERVER_BUFFER_SIZE,
    };
    struct message message = {
        .words = {(uint32_t)&message}, .send = bytes, .send_size = size};
    char name[32];

    snprintf(name, sizeof(name), "call_%uk", (unsigned)(size >> 10));
    for (uint32_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)((i + size) * 2654435761u >> 24);
    map(server.process, SERVER_BUFFER, SERVER_BUFFER_SIZE);
    server_start(&server, server_long, &window);
    const struct call_long call = {server.endpoint, &message};
    (void)client_run(loop_call_long, LONG_WARM_UP, &call, false);
    uint32_t before = word_at(&server, SERVER_MESSAGE);
    uint32_t ticks = client_run(loop_call_long, turns, &call, false);
    turns_check(name, word_at(&server, SERVER_MESSAGE) - before, turns);
    bytes_check(name, &server, size);
    ruler_report(name, ticks - WORK_LONG * turns, turns);
    server_end_in(&server);
}

static void measure_handle(void)
{
    struct server server = new_process(SERVER_PAGES);
    server_start(&server, server_handle,
                 &(struct message_window){.handles = (void *)SERVER_HANDLES,
                                          .handle_room = 1});
    struct message message = {
        .words = {(uint32_t)&message},
        .handle_count = 1,
        .handles = {server.endpoint},
        .rights = {RIGHTS_SAME},
    };
    const struct call_long call = {server.endpoint, &message};
    (void)client_run(loop_call_long, WARM_UP, &call, false);
    uint32_t before = word_at(&server, SERVER_MESSAGE);
    uint32_t ticks = client_run(loop_call_long, ITERATIONS, &call, false);
    turns_check("call_handle", word_at(&server, SERVER_MESSAGE) - before, ITERATIONS);
    ruler_report("call_handle", ticks - WORK_LONG * ITERATIONS, ITERATIONS);
    server_end_in(&server);
}

static void measure_deferred(void)
{
    struct server server = new_process(SERVER_PAGES);
    server_start(&server, server_deferred, &(struct message_window){0});
    struct call_words call = {.endpoint = server.endpoint};
    (void)client_run(loop_call, WARM_UP, &call, false);
    uint32_t ticks = client_run(loop_call, ITERATIONS, &call, false);
    turns_check("call_deferred", call.words[0], WARM_UP + ITERATIONS);
    ruler_report("call_deferred", ticks - WORK_LONG * ITERATIONS, ITERATIONS);
    server_end_in(&server);
}

/* --- What main runs --- */

static void check_gate(void)
{
    const volatile struct threshold_page *threshold = (const void *)THRESHOLD_ADDRESS;
    if (!(threshold->gates_open & 1u << GATE_SYSENTER)) {
        printf("calls are measured with SYSENTER, which is not open\n");
        exit(1);
    }
}

void bench_call(void)
{
    check_gate();
    measure_words(&(struct words_bench){
        .name = "call_roundtrip", .loop = loop_call, .server = server_words});
}

void bench_call_kinds(void)
{
    static const struct words_bench benches[] = {
        {.name = "call_roundtrip_same_process",
         .loop = loop_call,
         .server = server_words,
         .same_process = true},
        {.name = "call_roundtrip_tls",
         .loop = loop_call,
         .server = server_words,
         .segments = true},
        {.name = "call_int80_roundtrip",
         .loop = loop_call_int80,
         .server = server_words_int80},
    };
    check_gate();
    for (size_t i = 0; i < sizeof(benches) / sizeof(benches[0]); i++)
        measure_words(&benches[i]);
    measure_one_way();
    measure_handle();
    measure_deferred();
}

void bench_call_sizes(void)
{
    check_gate();
    for (uint32_t size = LONG_LEAST; size <= LONG_MOST; size *= 2)
        measure_long(size);
}
