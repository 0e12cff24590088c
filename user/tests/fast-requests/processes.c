/* SPDX-License-Identifier: MIT */
/* Requests from one process to another: the sender dies, runs step by step, or may use
 * I/O ports, which the server may not. */
#include <limen/io_ports.h>

#include "ask.h"

#define TWIN_PAGES 300
#define USE_PORT 99 /* word with which a server uses it */

static struct child child;
static struct system_message message;

/* A child process with a handle of this one's, which runs the function with it. */
static bool start(void (*function)(uint32_t), handle_t handle)
{
    bool right = twin_load(&child, TWIN_PAGES);
    long given = limen_handle_give(child.process, handle, RIGHTS_SAME);
    return right && step_ok(given > 0, "handle_give", given) &&
           twin_start(&child, function, (uint32_t)given);
}

static outcome_t end(struct process_end *end)
{
    outcome_t outcome = child_wait(child, end);
    child_close(&child);
    return outcome;
}

/* --- The sender --- */

static void ask_and_wait(uint32_t endpoint)
{
    struct limen_crossing crossing = {
        .port = {endpoint}, .message = &message, .size = sizeof(message)};
    message = ask_message(1, 2, 3);
    if (limen_sendsys_by_int81(&crossing) != -EASYNC)
        (void)limen_process_exit(2);
    crossing = (struct limen_crossing){.port = ask_port};
    if (limen_sendsys_by_int81(&crossing) != 0 || crossing.message != &message)
        (void)limen_process_exit(3);
}

static void asks_again_and_again(uint32_t endpoint)
{
    ask_port = ask_queue();
    for (;;)
        ask_and_wait(endpoint);
}

static void kill_child(void)
{
    (void)limen_process_kill(child.process, 5);
}

/* Once the child has asked a few times, its process ends between a request and the
 * answer. */
static void kill_later(void)
{
    ask_hook = asked < 5 ? kill_later : kill_child;
}

bool sender_dies(void)
{
    bool right = true;
    for (uint32_t i = 0; i < ASK_PRIORITIES; i++) {
        struct process_end how;
        right = ask_begin(ask_priorities[i]) && right;
        ask_hook = kill_later;
        right = start(asks_again_and_again, stage_endpoints[SERVER]) && right;
        right = end(&how) == KILLED && step_ok(asked >= 5, "asked", asked) && right;
        right = ask_end(right);
    }
    return right;
}

void wait_stepping(uint32_t port);
extern const uint8_t waited_stepping[];
__asm__(".text\n"
        "wait_stepping:\n\t"
        "movl 4(%esp), %eax\n\t"
        "xorl %ebx, %ebx\n\t"
        "xorl %ecx, %ecx\n\t"
        "xorl %edx, %edx\n\t"
        "pushl $0x302\n\t" /* IF, TF */
        "popfl\n\t"
        "int $0x81\n"
        "waited_stepping:\n\t"
        "nop\n\t"
        "nop\n\t"
        "hlt\n");

static void asks_stepping(uint32_t endpoint)
{
    struct limen_crossing crossing = {
        .port = {endpoint}, .message = &message, .size = sizeof(message)};
    ask_port = ask_queue();
    ask_and_wait(endpoint);
    message = ask_message(1, 2, 3);
    (void)limen_sendsys_by_int81(&crossing);
    wait_stepping(ask_port.value);
}

/* Its step ends behind the wait, with the answer. */
bool sender_steps(void)
{
    bool right = true;
    for (uint32_t i = 0; i < ASK_PRIORITIES; i++) {
        struct process_end how;
        right = ask_begin(ask_priorities[i]) &&
                start(asks_stepping, stage_endpoints[SERVER]) && right;
        outcome_t outcome = end(&how);
        right = step_ok(outcome == FAULT(1), "a debug exception", how.vector) &&
                step_ok(how.state.eip - (uint32_t)waited_stepping == 1, "behind the call",
                        how.state.eip - (uint32_t)waited_stepping) &&
                how.state.eax == 0 && how.state.ecx == (uint32_t)&message &&
                how.state.edx == 1 && right;
        right = ask_end(right);
    }
    return right;
}

/* --- The server --- */

static void use_io_port(void)
{
    (void)in8(IO_PORT);
}

static void serves(uint32_t port)
{
    stage_ports[SERVER].value = port;
    asked = 0;
    ask_second = 0;
    for (;;) {
        uint32_t list[4] = {port};
        long kind = limen_cross_words(SYS_LIMEN_receive, list);
        while (kind > 0) {
            if (list[1] == USE_PORT)
                use_io_port();
            uint32_t words[3] = {list[1], list[2], list[3]};
            ask_answer(words, list + 1);
            list[0] = port;
            kind = limen_cross_words(SYS_LIMEN_reply_receive, list);
        }
    }
}

/* Who has I/O ports keeps them over requests; the server, which has none, gets none. */
bool io_ports_stay(void)
{
    handle_t root = handle_of((long)getauxval(AT_LIMEN_RESOURCE));
    struct process_end how;
    if (limen_ports_request(root, IO_PORT, 1) != 0)
        return case_skip("this program was given no resource");
    bool right = stage_open(1) && start(serves, stage_ports[SERVER]);
    ask_port = ask_queue();
    for (uint32_t i = 0; i < 20; i++) {
        if (i % 3 == 0)
            use_io_port();
        right = ask_once(true) && right;
        use_io_port();
    }
    message = ask_message(USE_PORT, 0, 0);
    right = ask_sent(true, &message) && ask_close(stage_ports[SERVER]) && right;
    stage_ports[SERVER].value = 0;
    right = ask_comes(true, &message, -EPIPE) && right;
    right = ask_close(stage_endpoints[SERVER]) && right;
    right = step_ok(end(&how) == FAULT(13), "the server's end", how.vector) && right;
    use_io_port();
    right = ask_close(ask_port) && right;
    return stage_close() && right;
}
