/* SPDX-License-Identifier: MIT */
/*
 * The console's driver, the one that all programs use: what is written comes whole, who
 * waits to read is forgotten when it ends, and nothing that a client sends ends it. What
 * is read here was received nowhere: no machine sends to its data port while tests run.
 */
#include <limen/console.h>
#include <limen/inherit.h>
#include <limen/names.h>

#include "server.h"

#define CHILD_PAGES_BIG 400
#define READERS 100
#define READER_STACK 1024
#define READER_ROUNDS 20
#define FLOOD_THREADS 8
#define FLOOD_WRITES 40 /* 5 s for a port that takes its time */
#define RANDOM_CALLS 20000
#define OPERATIONS 4

static handle_t console; /* of this program's standard output */
static handle_t data;    /* the data port; value 0: the machine has none */
static struct protocol_none none;

#define NEEDS_DATA       \
    if (data.value == 0) \
    return case_skip("this machine has no data port")

/* The driver's answer to a call that could not go wrong in any other way. */
static bool serves(void)
{
    return step_ok(limen_console_drain(console) == 0, "the driver serves", 0);
}

static long read_call(handle_t by, uint32_t size, void *buffer, uint32_t room)
{
    struct console_read_request request = {.size = size, .flags = 0};
    struct message message = {.receive = buffer, .receive_size = room};
    return console_read_call(by, &request, &none, &message);
}

static long write_call(handle_t by, const void *bytes, uint32_t size)
{
    struct message message = {.send = bytes, .send_size = size};
    return console_write_call(by, &none, &none, &message);
}

/* --- Writing --- */

static bool published(void)
{
    long main = limen_name_look_up(CONSOLE_MAIN_NAME);
    bool right = console.value != 0 && main > 0;
    right = right && limen_console_drain(handle_of(main)) == 0;
    (void)limen_handle_close(handle_of(main));
    return right;
}

static bool sizes(void)
{
    static char text[3 * CONSOLE_WRITE_MAX];
    memset(text, 'x', sizeof text);
    text[0] = '#';
    text[CONSOLE_WRITE_MAX - 1] = '\n';
    long result = write_call(console, text, sizeof text);
    bool right = step_ok(result == CONSOLE_WRITE_MAX, "written", result);
    right = right && write_call(console, text, 0) == -EINVAL;
    right = right && write_call(console, "# one\n", 6) == 6;
    return right && limen_console_write(console, text, 0) == 0 && serves();
}

/* Twins write at the same time: where the port takes its time, all of them wait. */
static void twin_floods(uint32_t handle)
{
    char line[200];
    memset(line, '.', sizeof line);
    line[0] = '#';
    line[sizeof line - 1] = '\n';
    for (int i = 0; i < FLOOD_WRITES; i++) {
        long written = write_call((handle_t){handle}, line, sizeof line);
        if (written != sizeof line)
            (void)limen_process_exit(1);
    }
    (void)limen_process_exit(0);
}

static bool flood(void)
{
    NEEDS_DATA;
    struct child children[FLOOD_THREADS];
    struct process_end end;
    bool right = true;
    for (int i = 0; i < FLOOD_THREADS; i++)
        right = twin_given(&children[i], CHILD_PAGES_BIG, twin_floods, data) && right;
    for (int i = 0; i < FLOOD_THREADS; i++) {
        right = child_wait(children[i], &end) == EXIT_0 && right;
        child_close(&children[i]);
    }
    return right && serves();
}

static bool killed_in_a_flood(void)
{
    NEEDS_DATA;
    struct child children[FLOOD_THREADS];
    bool right = true;
    for (int i = 0; i < FLOOD_THREADS; i++)
        right = twin_given(&children[i], CHILD_PAGES_BIG, twin_floods, data) && right;
    for (int i = 0; i < FLOOD_THREADS; i++) {
        sleep_for(MILLISECOND);
        (void)limen_process_kill(children[i].process, 0);
        child_close(&children[i]);
    }
    return right && limen_console_drain(data) == 0 && serves();
}

/* --- Reading --- */

static uint8_t stacks[READERS][READER_STACK] __attribute__((aligned(16)));

static void read_for_ever(uint32_t handle)
{
    uint8_t byte;
    (void)read_call((handle_t){handle}, 1, &byte, 1);
    (void)limen_process_exit(1);
}

static void twin_reads(uint32_t handle)
{
    for (int i = 1; i < READERS; i++)
        (void)bare_thread(read_for_ever, handle, stacks[i] + READER_STACK);
    read_for_ever(handle);
}

/* More readers in all than the driver could keep: those that ended are forgotten. */
static bool readers_killed(void)
{
    NEEDS_DATA;
    struct child child;
    struct process_end end;
    uint64_t past = 1;
    bool right = true;
    for (int i = 0; right && i < READER_ROUNDS; i++) {
        right = twin_given(&child, CHILD_PAGES_BIG, twin_reads, data);
        for (int turn = 0; turn < 20; turn++)
            (void)limen_thread_yield();
        right =
            right && step_ok(limen_process_wait(child.process, &end, &past) == -ETIMEDOUT,
                             "a reader was answered", i);
        (void)limen_process_kill(child.process, 0);
        child_close(&child);
    }
    return right && serves();
}

static bool bad_reads(void)
{
    uint8_t byte;
    bool right = read_call(console, 0, &byte, 1) == -EINVAL;
    right = right && read_call(console, 1, (void *)KERNEL_BASE, 1) == -EFAULT;
    return right && limen_console_read(console, &byte, 0) == 0 && serves();
}

/* --- Hostile --- */

static bool malformed(void)
{
    NEEDS_DATA;
    memset(hostile_bytes, '#', sizeof hostile_bytes);
    bool right = hostile_numbers(data) && hostile_handles(data, OPERATIONS) &&
                 hostile_buffers(data, OPERATIONS);
    right = right && hostile_call(data, OPERATION_console_drain, 1, 0) == -EINVAL;
    right = right && hostile_call(data, OPERATION_console_read, 1, 0) == -EINVAL;
    right = right && hostile_call(data, OPERATION_console_write, 1, 1) == -E2BIG;
    long result = hostile_call(data, OPERATION_console_write, HOSTILE_BYTES, 0);
    right = right && step_ok(result == CONSOLE_WRITE_MAX, "a huge write", result);
    return right && serves();
}

/* Bytes that end in the middle: what is there of them may be written. */
static bool half_a_buffer(void)
{
    NEEDS_DATA;
    struct memory_map map = {.size = 2 * PAGE_SIZE, .flags = MEMORY_READ | MEMORY_WRITE};
    bool right = limen_memory_map(HANDLE_SELF, &map) == 0;
    (void)limen_memory_unmap(HANDLE_SELF, map.address + PAGE_SIZE, PAGE_SIZE);
    memset((void *)map.address, '.', PAGE_SIZE);
    long result = write_call(data, (void *)(map.address + PAGE_SIZE - 100), 200);
    right = right && step_ok(result == -EFAULT, "half a buffer", result);
    (void)limen_memory_unmap(HANDLE_SELF, map.address, PAGE_SIZE);
    return right && serves();
}

static bool by_chance(void)
{
    NEEDS_DATA;
    tap_note("seed 2");
    const uint32_t wait = 1u << OPERATION_console_read | 1u << OPERATION_console_poll;
    hostile_random(data, OPERATIONS, wait, RANDOM_CALLS, 2);
    return serves();
}

static const struct test_case cases[] = {
    {"the console has a name", published},
    {"writes of all sizes", sizes},
    {"reads that make no sense", bad_reads},
    {"many write at once", flood},
    {"writers that are killed", killed_in_a_flood},
    {"readers that are killed", readers_killed},
    {"requests that break the protocol", malformed},
    {"a buffer that is there in part", half_a_buffer},
    {"requests by chance", by_chance},
};

int main(void)
{
    console = limen_inherited(AT_LIMEN_OUTPUT);
    data = handle_of(limen_name_wait(CONSOLE_DATA_NAME));
    if (limen_console_drain(data) < 0)
        data = handle_of(0);
    if (data.value != 0)
        (void)readers_killed(); /* the driver's handles take pages, which it keeps */
    return RUN_CASES(cases);
}
