/* SPDX-License-Identifier: MIT */
/*
 * The name server: who may publish, what is found, who waits, and that nothing a client
 * sends ends it. Most cases run a name server of their own, of which they are the
 * administrator.
 */
#include <limen/inherit.h>
#include <limen/names.h>

#include "server.h"

#define PROGRAM "servers/names"
#define PAGES 96
#define PAGES_SMALL 48
#define PAGES_MANY 400
#define CHILD_PAGES_BIG 400
#define NAMES_MANY 1000
#define BOMB 300
#define BOMB_STACK 1024
#define RANDOM_CALLS 20000
#define OPERATIONS 5

static struct test_server server;
static handle_t administrator, reader, publisher, port, endpoint;

static struct protocol_none none;

static struct message about(const char *name)
{
    return (struct message){
        .send = name,
        .send_size = (uint32_t)strlen(name),
        .handle_room = 1,
    };
}

static long grant(handle_t by, const char *name, uint32_t badge)
{
    struct names_grant_request request = {badge};
    struct message message = about(name);
    return names_grant_call(by, &request, &none, &message);
}

static long publish(handle_t by, const char *name, uint32_t rights)
{
    struct message message = about(name);
    message.handle_count = 1;
    message.handles[0] = endpoint;
    message.rights[0] = rights;
    return names_publish_call(by, &none, &none, &message);
}

static long withdraw(handle_t by, const char *name)
{
    struct message message = about(name);
    return names_withdraw_call(by, &none, &none, &message);
}

/* A handle, or an error. */
static long handle_in(long result, const struct message *message)
{
    return result < 0 ? result : (long)message->handles[0].value;
}

static long look_up(handle_t by, const char *name)
{
    struct message message = about(name);
    return handle_in(names_look_up_call(by, &none, &none, &message), &message);
}

static long wait_name(handle_t by, const char *name)
{
    struct message message = about(name);
    return handle_in(names_wait_call(by, &none, &none, &message), &message);
}

static bool found(handle_t by, const char *name)
{
    long handle = look_up(by, name);
    if (handle > 0)
        (void)limen_handle_close(handle_of(handle));
    return handle > 0;
}

/* Starts a name server, and a port to publish. */
static bool begin(uint32_t pages)
{
    bool right = server_begin(&server, PROGRAM, pages, NULL, 0);
    administrator = server_endpoint(&server, NAMES_ADMINISTRATOR);
    reader = server_endpoint(&server, NAMES_READER);
    publisher = server_endpoint(&server, NAMES_FIRST_PUBLISHER);
    port = handle_of(limen_port_create());
    endpoint = handle_of(limen_endpoint_mint(port, 4711));
    return right && grant(administrator, "a.name", NAMES_FIRST_PUBLISHER) == 0;
}

static bool end(bool right)
{
    (void)limen_handle_close(administrator);
    (void)limen_handle_close(reader);
    (void)limen_handle_close(publisher);
    right = server_end(&server) && right;
    (void)limen_handle_close(endpoint);
    (void)limen_handle_close(port);
    return right;
}

/* --- Publish and look up --- */

static bool own_server(void)
{
    handle_t names = limen_inherited(AT_LIMEN_NAMES);
    bool right = names.value != 0 && limen_name_look_up("nobody.here") == -ENOENT;
    endpoint = handle_of(limen_port_create()); /* never given: the right is missing */
    right = right && publish(names, "nobody.here", RIGHTS_SAME) == -EPERM;
    right = right && grant(names, "nobody.here", NAMES_READER) == -EPERM;
    right = right && grant(names, "nobody.here", NAMES_NOBODY) == -EPERM;
    right = right && withdraw(names, "nobody.here") == -EPERM;
    (void)limen_handle_close(endpoint);
    return right;
}

static bool published_and_found(void)
{
    bool right = begin(PAGES) && look_up(reader, "a.name") == -ENOENT;
    right = right && publish(publisher, "a.name", RIGHTS_SAME) == 0;
    long handle = look_up(reader, "a.name");
    right = right && step_ok(handle > 0, "look up", handle);
    /* What is found has the rights of NAME_RIGHTS and leads to the port. */
    right = right && limen_handle_duplicate(handle_of(handle), RIGHTS_ALL) == -EPERM;
    (void)limen_handle_close(endpoint);
    endpoint = handle_of(handle);
    struct message message = {.words = {0}};
    uint64_t past = 1;
    right = right && limen_receive_message(port, &message, &past) == -ETIMEDOUT;
    right = right && withdraw(publisher, "a.name") == 0;
    right = right && look_up(reader, "a.name") == -ENOENT;
    (void)limen_handle_close(endpoint);
    right = right && limen_receive_message(port, &message, NULL) == MESSAGE_CLOSED;
    return end(right && message.badge == 4711);
}

static bool rights_to_publish(void)
{
    bool right = begin(PAGES);
    handle_t other = server_endpoint(&server, NAMES_FIRST_PUBLISHER + 1);
    const handle_t others[] = {other, reader, administrator};
    for (unsigned i = 0; right && i < 3; i++)
        right =
            step_ok(publish(others[i], "a.name", RIGHTS_SAME) == -EPERM, "other", i) &&
            withdraw(others[i], "a.name") == -EPERM;
    right = right && publish(publisher, "another.name", RIGHTS_SAME) == -EPERM;
    right = right && publish(publisher, "a.nam", RIGHTS_SAME) == -EPERM;
    right = right && grant(publisher, "another.name", 3) == -EPERM;
    right = right && grant(reader, "a.name", NAMES_FIRST_PUBLISHER + 1) == -EPERM;
    right = right && grant(administrator, "a.name", NAMES_READER) == -EINVAL;
    right = right && grant(administrator, "a.name", NAMES_ADMINISTRATOR) == -EINVAL;
    /* An endpoint that could not be used, or passed on, is no good. */
    right = right && publish(publisher, "a.name", RIGHT_SEND) == -EPERM;
    right = right && !found(reader, "a.name");
    (void)limen_handle_close(other);
    return end(right);
}

static bool granted_anew(void)
{
    bool right = begin(PAGES) && publish(publisher, "a.name", RIGHTS_SAME) == 0;
    handle_t next = server_endpoint(&server, NAMES_FIRST_PUBLISHER + 1);
    right = right && publish(publisher, "a.name", RIGHTS_SAME) == 0;
    right = right && grant(administrator, "a.name", NAMES_FIRST_PUBLISHER + 1) == 0;
    right = right && !found(reader, "a.name");
    right = right && publish(publisher, "a.name", RIGHTS_SAME) == -EPERM;
    right = right && publish(next, "a.name", RIGHTS_SAME) == 0 && found(reader, "a.name");
    right = right && grant(administrator, "a.name", NAMES_NOBODY) == 0;
    right = right && publish(next, "a.name", RIGHTS_SAME) == -EPERM;
    (void)limen_handle_close(next);
    return end(right && !found(reader, "a.name"));
}

/* --- Waiting --- */

/* Twins: wait for the name by the endpoint, and use what they find. */
static void twin_waits(uint32_t handle)
{
    uint32_t words[3] = {1, 2, 3};
    long got = wait_name((handle_t){handle}, "a.name");
    long error = got > 0 ? limen_call_words(handle_of(got), words) : got;
    (void)limen_process_exit(error == 0 && words[0] == 99 ? 0 : 1);
}

static void twin_is_told(uint32_t handle)
{
    (void)limen_process_exit(wait_name((handle_t){handle}, "a.name") == -ENOENT ? 0 : 1);
}

/* Lets others run until they all wait. */
static void let_wait(void)
{
    for (int i = 0; i < 50; i++)
        (void)limen_thread_yield();
}

/* Answers so many calls that come by what was published. */
static bool serve(int count)
{
    struct limen_words got;
    uint64_t deadline = clock_now() + PATIENCE;
    bool right = true;
    for (int i = 0; right && i < count; i++) {
        long kind = limen_receive_words(port, &got, &deadline);
        right = step_ok(kind == MESSAGE_CALL && got.badge == 4711, "call", kind) &&
                limen_reply(0, 99, 0, 0) == 0;
    }
    return right;
}

static bool waiters_served(void)
{
    struct child first, second;
    struct process_end how;
    bool right = begin(PAGES) &&
                 twin_given(&first, CHILD_PAGES_BIG, twin_waits, reader) &&
                 twin_given(&second, CHILD_PAGES_BIG, twin_waits, reader);
    let_wait();
    right = right && publish(publisher, "a.name", RIGHTS_SAME) == 0 && serve(2);
    right = right && child_wait(first, &how) == EXIT_0;
    right = right && child_wait(second, &how) == EXIT_0;
    child_close(&first);
    child_close(&second);
    return end(right);
}

static bool waiter_killed(void)
{
    struct child first, second;
    struct process_end how;
    bool right = begin(PAGES) &&
                 twin_given(&first, CHILD_PAGES_BIG, twin_waits, reader) &&
                 twin_given(&second, CHILD_PAGES_BIG, twin_waits, reader);
    let_wait();
    (void)limen_process_kill(first.process, 0);
    child_close(&first);
    right = right && publish(publisher, "a.name", RIGHTS_SAME) == 0 && serve(1);
    right = right && child_wait(second, &how) == EXIT_0;
    child_close(&second);
    return end(right);
}

static bool nobody_will(void)
{
    struct child child;
    struct process_end how;
    bool right =
        begin(PAGES) && twin_given(&child, CHILD_PAGES_BIG, twin_is_told, reader);
    let_wait();
    right = right && grant(administrator, "a.name", NAMES_NOBODY) == 0;
    right = right && child_wait(child, &how) == EXIT_0;
    child_close(&child);
    return end(right);
}

/* --- Publishers that end --- */

static void twin_publishes(uint32_t handle)
{
    port = handle_of(limen_port_create());
    endpoint = handle_of(limen_endpoint_mint(port, 1));
    long error = publish((handle_t){handle}, "a.name", RIGHTS_SAME);
    struct limen_words got;
    if (error == 0)
        (void)limen_receive_words(port, &got, NULL);
    (void)limen_process_exit(1);
}

static bool publisher_dies(void)
{
    struct child child, waiter;
    struct process_end how;
    bool right =
        begin(PAGES) && twin_given(&child, CHILD_PAGES_BIG, twin_publishes, publisher);
    (void)limen_handle_close(publisher); /* the twin's is the last */
    long handle = wait_name(reader, "a.name");
    right = right && step_ok(handle > 0, "wait", handle);
    (void)limen_process_kill(child.process, 0);
    (void)child_wait(child, &how);
    right = right && limen_call(handle_of(handle), 0, 0, 0) == -EPIPE;
    right = right && look_up(reader, "a.name") == -ENOENT;
    (void)limen_handle_close(handle_of(handle));
    /* Who waits now is served by the next publisher. */
    right = right && twin_given(&waiter, CHILD_PAGES_BIG, twin_waits, reader);
    let_wait();
    publisher = server_endpoint(&server, NAMES_FIRST_PUBLISHER + 1);
    right = right && publish(publisher, "a.name", RIGHTS_SAME) == -EPERM;
    right = right && grant(administrator, "a.name", NAMES_FIRST_PUBLISHER + 1) == 0;
    right = right && publish(publisher, "a.name", RIGHTS_SAME) == 0 && serve(1);
    right = right && child_wait(waiter, &how) == EXIT_0;
    child_close(&waiter);
    child_close(&child);
    return end(right);
}

/* --- Many --- */

static bool many_names(void)
{
    char name[NAME_BYTES_MAX + 1];
    bool right = begin(PAGES_MANY);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; right && i < NAMES_MANY; i++) {
            snprintf(name, sizeof name, "name.%0*d", round ? 57 : 1, i);
            right = grant(administrator, name, NAMES_FIRST_PUBLISHER) == 0 &&
                    publish(publisher, name, RIGHTS_SAME) == 0;
        }
        for (int i = 0; right && i < NAMES_MANY; i++) {
            snprintf(name, sizeof name, "name.%0*d", round ? 57 : 1, i);
            right = found(reader, name) && grant(administrator, name, NAMES_NOBODY) == 0;
            right = right && !found(reader, name);
        }
    }
    return end(right);
}

/* More threads wait than the server has room for: some are refused, all others served,
 * and publishing is none the worse. */
static uint8_t bomb_stacks[BOMB][BOMB_STACK] __attribute__((aligned(16)));
static volatile uint32_t bomb_served, bomb_refused, bomb_other;

static void bomb_thread(uint32_t)
{
    long got = wait_name(reader, "a.name");
    volatile uint32_t *count = got > 0          ? &bomb_served
                               : got == -ENOMEM ? &bomb_refused
                                                : &bomb_other;
    if (got > 0)
        (void)limen_handle_close(handle_of(got));
    __atomic_add_fetch(count, 1, __ATOMIC_RELAXED);
    for (;;)
        (void)limen_thread_exit(NULL, 0, 0);
}

static bool bomb(bool *full)
{
    bool right = true;
    bomb_served = bomb_refused = bomb_other = 0;
    for (int i = 0; right && i < BOMB; i++) {
        long thread = bare_thread(bomb_thread, 0, bomb_stacks[i] + BOMB_STACK);
        right = step_ok(thread > 0, "thread", thread);
        (void)limen_handle_close(handle_of(thread));
    }
    uint64_t deadline = clock_now() + PATIENCE;
    let_wait();
    right = right && publish(publisher, "a.name", RIGHTS_SAME) == 0;
    while (bomb_served + bomb_refused + bomb_other < BOMB && clock_now() < deadline)
        (void)limen_thread_yield();
    *full = bomb_refused > 0;
    let_wait();
    right = right && step_ok(bomb_served + bomb_refused == BOMB, "answered",
                             bomb_served + bomb_refused);
    return right && step_ok(bomb_served > 0, "served", bomb_served);
}

static bool waiters_bomb(void)
{
    bool full = false;
    bool right = begin(PAGES_SMALL) && bomb(&full) && step_ok(full, "refused", 0);
    right = right && withdraw(publisher, "a.name") == 0;
    right = right && bomb(&full) && found(reader, "a.name");
    return end(right);
}

/* Twins that wait and are killed, more of them than the server has room for. */
static void twin_bomb(uint32_t handle)
{
    reader = (handle_t){handle};
    for (int i = 1; i < BOMB / 5; i++)
        (void)bare_thread(bomb_thread, 0, bomb_stacks[i] + BOMB_STACK);
    bomb_thread(0);
}

static bool ended_waiters_forgotten(void)
{
    struct child child;
    bool right = begin(PAGES_SMALL);
    for (int i = 0; right && i < 10; i++) {
        right = twin_given(&child, CHILD_PAGES_BIG, twin_bomb, reader);
        let_wait();
        (void)limen_process_kill(child.process, 0);
        child_close(&child);
    }
    right = right && twin_given(&child, CHILD_PAGES_BIG, twin_waits, reader);
    let_wait();
    right = right && publish(publisher, "a.name", RIGHTS_SAME) == 0 && serve(1);
    struct process_end how;
    right = right && child_wait(child, &how) == EXIT_0;
    child_close(&child);
    return end(right);
}

/* --- Hostile --- */

static bool bad_names(void)
{
    static const char *const names[] = {"", "a b", "a\n", "\x7f", "\x80", "a\x01", " "};
    char longest[NAME_BYTES_MAX + 2];
    bool right = begin(PAGES);
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        right = look_up(reader, names[i]) == -EINVAL &&
                wait_name(reader, names[i]) == -EINVAL &&
                publish(publisher, names[i], RIGHTS_SAME) == -EINVAL &&
                grant(administrator, names[i], 3) == -EINVAL && right;
    memset(longest, 'x', sizeof longest);
    longest[NAME_BYTES_MAX + 1] = '\0';
    right = right && look_up(reader, longest) == -EINVAL;
    longest[NAME_BYTES_MAX] = '\0';
    right = right && look_up(reader, longest) == -ENOENT;
    return end(right);
}

static bool malformed(void)
{
    bool right = begin(PAGES) && publish(publisher, "a.name", RIGHTS_SAME) == 0;
    memset(hostile_bytes, 'x', sizeof hostile_bytes);
    right = right && hostile_numbers(reader) && hostile_handles(reader, OPERATIONS) &&
            hostile_buffers(reader, OPERATIONS);
    for (uint32_t number = 1; number <= OPERATIONS; number++) {
        bool wants_handle = number == OPERATION_names_publish;
        right = right && hostile_call(reader, number, 5, !wants_handle) == -EINVAL;
        right = right && hostile_call(reader, number, HOSTILE_BYTES, 0) == -EINVAL;
        right = right && hostile_call(reader, number, 0, 0) == -EINVAL;
        right = right && limen_call(reader, number, ~0u, ~0u) == 0; /* three words */
    }
    /* Who has no room for the answer's handle is told. */
    struct message message = about("a.name");
    message.handle_room = 0;
    long result = names_look_up_call(reader, &none, &none, &message);
    right = right && step_ok(result == -E2BIG, "no room", result);
    return end(right && found(reader, "a.name"));
}

static bool by_chance(void)
{
    bool right = begin(PAGES) && publish(publisher, "a.name", RIGHTS_SAME) == 0;
    tap_note("seed 1");
    hostile_random(reader, OPERATIONS, 1u << OPERATION_names_wait, RANDOM_CALLS, 1);
    return end(right && found(reader, "a.name"));
}

static bool warm_up(void)
{
    return end(begin(PAGES));
}

static const struct test_case cases[] = {
    {"every program can ask the name server, and no more", own_server},
    {"what is published is found, with the rights to use it", published_and_found},
    {"a name is published by whom it was granted to", rights_to_publish},
    {"a name that is granted anew is another's", granted_anew},
    {"who waits for a name gets it", waiters_served},
    {"a waiter that was killed is forgotten", waiter_killed},
    {"who waits for what nobody will publish is told", nobody_will},
    {"a publisher's end ends what it published", publisher_dies},
    {"a thousand names", many_names},
    {"more waiters than there is room for", waiters_bomb},
    {"waiters that ended make room", ended_waiters_forgotten},
    {"what cannot be a name", bad_names},
    {"requests that break the protocol", malformed},
    {"requests by chance", by_chance},
};

int main(void)
{
    (void)warm_up(); /* the heap, and the archive's mapping */
    return RUN_CASES(cases);
}
