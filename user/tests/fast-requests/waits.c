/* SPDX-License-Identifier: MIT */
/* Who waits for an answer, and what becomes of them, of the server, and of the port
 * meanwhile. */
#include "../upcalls.h"
#include "ask.h"

#define WORKER 1 /* of the stage's threads; and the one behind it */
#define OTHER 3

/* How a worker waits. */
struct wait {
    const char *text;
    bool by_int81, named, timed, by_version;
};

static const struct wait waits[] = {
    {"any, by int 0x81", true, false, false, false},
    {"any, by number", false, false, false, false},
    {"any, by int 0x81, with a deadline", true, false, true, false},
    {"any, by number, with a deadline", false, false, true, false},
    {"one, by int 0x81", true, true, false, false},
    {"one, by number", false, true, false, false},
    {"one anywhere, by int 0x81", true, true, false, true},
};
#define WAITS (sizeof(waits) / sizeof(*waits))

static struct system_message messages[4];
static uint32_t turns; /* that were taken */

static struct {
    const struct wait *wait;
    struct system_message *message; /* that is named; then that came */
    volatile bool done;
    long result;
    uint32_t count, turn;
} workers[2];

static void work(uint32_t thread)
{
    uint32_t which = thread - WORKER;
    const struct wait *wait = workers[which].wait;
    uint64_t never = UINT64_MAX;
    struct limen_crossing crossing = {.port = wait->by_version ? LIMEN_SYSTEM : ask_port,
                                      .message =
                                          wait->named ? workers[which].message : NULL,
                                      .deadline = wait->timed ? &never : NULL};
    workers[which].result = ask_cross(wait->by_int81, &crossing);
    workers[which].message = crossing.message;
    workers[which].count = crossing.count;
    workers[which].turn = ++turns;
    workers[which].done = true;
}

/* Lets a worker wait. */
static bool start(uint32_t which, const struct wait *wait, struct system_message *message,
                  uint32_t priority)
{
    workers[which].wait = wait;
    workers[which].message = message;
    workers[which].done = false;
    bool right = stage_start(WORKER + which, work, priority);
    stage_settle();
    return step_ok(!workers[which].done, "it waits", workers[which].result) && right;
}

static void finish(uint32_t which)
{
    (void)limen_handle_close(stage_threads[WORKER + which]);
    stage_threads[WORKER + which].value = 0;
}

/* The worker was told that this message came. */
static bool told(uint32_t which, const struct system_message *message)
{
    bool right = step_ok(workers[which].done, "told", which) &&
                 step_ok(workers[which].result == 0, "result", workers[which].result) &&
                 step_ok(workers[which].message == message, "message",
                         workers[which].message - messages) &&
                 step_ok(workers[which].count == 1, "count", workers[which].count);
    finish(which);
    return right;
}

static bool fails(uint32_t which, long error)
{
    bool right = step_ok(workers[which].done, "told", which) &&
                 step_ok(workers[which].result == error, "result", workers[which].result);
    finish(which);
    return right;
}

static bool send(uint32_t which)
{
    messages[which] = ask_message(which, 10, 20);
    return ask_sent(true, &messages[which]);
}

static bool answered(uint32_t which)
{
    return ask_right(&messages[which], which, 10, 20);
}

/* --- Waits --- */

/* The message is in the server's queue when the worker names it. */
static bool wait_once(const struct wait *wait, uint32_t server, uint32_t priority)
{
    bool right = ask_begin(server);
    if (wait->named) {
        right = limen_thread_suspend(stage_threads[SERVER]) == 0 && send(0) && right;
        right = start(0, wait, &messages[0], priority) && right;
        right = limen_thread_resume(stage_threads[SERVER]) == 0 && right;
    } else {
        right = start(0, wait, NULL, priority) && send(0) && right;
    }
    stage_settle();
    right = told(0, &messages[0]) && answered(0) && right;
    right = step_ok(stage_priority(SERVER) == server, "the server's priority",
                    stage_priority(SERVER)) &&
            right;
    return ask_end(step_ok(right, wait->text, priority));
}

bool every_way_to_wait(void)
{
    bool right = true;
    for (uint32_t i = 0; i < WAITS; i++)
        for (uint32_t server = 0; server < ASK_PRIORITIES; server++)
            for (uint32_t worker = 0; worker < ASK_PRIORITIES; worker++)
                right = wait_once(&waits[i], ask_priorities[server],
                                  ask_priorities[worker]) &&
                        right;
    return right;
}

/* The first who waits gets the first that comes, by whichever way. */
bool two_wait(void)
{
    bool right = true;
    for (uint32_t i = 0; i < 16; i++) {
        right = ask_begin(i & 4 ? OWN : LESS) && right;
        right = start(0, &waits[i & 3], NULL, i & 8 ? LESS : HIGHEST) && right;
        right = start(1, &waits[(i ^ 1) & 3], NULL, OWN) && right;
        right = send(0) && send(1) && right;
        stage_settle();
        right = told(0, &messages[0]) && told(1, &messages[1]) && answered(0) &&
                answered(1) && right;
        right = ask_end(step_ok(right, "two", i));
    }
    return right;
}

/* Who names the message gets it, before those that wait longer for any. */
bool named_and_any(void)
{
    bool right = true;
    for (uint32_t i = 0; i < 4; i++) {
        right = ask_begin(OWN) && limen_thread_suspend(stage_threads[SERVER]) == 0 &&
                send(0) && right;
        right = start(0, &waits[i & 1], NULL, OWN) && right;
        right = start(1, &waits[4 + i / 2], &messages[0], OWN) && right;
        right = limen_thread_resume(stage_threads[SERVER]) == 0 && right;
        stage_settle();
        right = told(1, &messages[0]) && answered(0) && !workers[0].done && right;
        right = send(1) && right;
        stage_settle();
        right = told(0, &messages[1]) && answered(1) && right;
        right = ask_end(step_ok(right, "named", i));
    }
    return right;
}

/* --- What happens between request and answer --- */

static void suspend_worker(void)
{
    (void)limen_thread_suspend(stage_threads[WORKER]);
}

/* It is given the message, but told when it is resumed. */
bool waiter_suspended(void)
{
    bool right = true;
    for (uint32_t i = 0; i < 4; i++) {
        right = ask_begin(i & 2 ? OWN : LESS) && right;
        right = start(0, &waits[i & 1], NULL, OWN) && right;
        ask_hook = suspend_worker;
        right = send(0) && right;
        stage_settle();
        right = step_ok(!workers[0].done, "suspended", 0) &&
                step_ok(messages[0].error == -EASYNC, "error", messages[0].error) &&
                limen_msg_test(ask_port, &messages[0]) == -ESRCH && right;
        right = limen_thread_resume(stage_threads[WORKER]) == 0 && right;
        stage_settle();
        right = told(0, &messages[0]) && answered(0) && right;
        right = ask_end(step_ok(right, "suspended", i));
    }
    return right;
}

static void end_worker(void)
{
    if (!stage_make_leave(WORKER))
        ask_wrong++;
}

/* Who has left got nothing: neither before the answer nor after it. */
bool waiter_leaves(void)
{
    bool right = true;
    for (uint32_t i = 0; i < 4; i++) {
        right = ask_begin(OWN) && start(0, &waits[i & 1], NULL, OWN) && right;
        ask_hook = i & 2 ? end_worker : suspend_worker;
        right = send(0) && right;
        stage_settle();
        if (!(i & 2))
            end_worker();
        stage_settle();
        right =
            !workers[0].done && ask_comes(true, &messages[0], 0) && answered(0) && right;
        finish(0);
        right = ask_end(step_ok(right, "leaves", i));
    }
    return right;
}

static void post_to_worker(void)
{
    if (post_to(stage_threads[WORKER], 1) != 0)
        ask_wrong++;
}

/* An upcall ends its wait, and the answer waits for the next. */
bool waiter_interrupted(void)
{
    static struct system_message heard;
    bool right = true;
    for (uint32_t i = 0; i < 2; i++) {
        upcalls_begin();
        right = ask_begin(OWN) && start(0, &waits[i], NULL, OWN) && right;
        handle_t port = upcall_port(stage_threads[WORKER]);
        right = listen_for(&heard, port, stage_threads[WORKER], 1) && right;
        ask_hook = post_to_worker;
        right = send(0) && right;
        stage_settle();
        right = fails(0, -EINTR) && upcalls_were(1) && heard.words[0] == 1 && right;
        right = ask_comes(true, &messages[0], 0) && answered(0) && right;
        right = ask_close(port) && right;
        right = ask_end(step_ok(right, "interrupted", i));
    }
    return right;
}

static void close_reply_port(void)
{
    (void)limen_handle_close(ask_port);
}

bool reply_port_closed(void)
{
    bool right = true;
    for (uint32_t i = 0; i < 4; i++) {
        right = ask_begin(i & 2 ? OWN : LESS) && right;
        right = start(0, &waits[i & 1], NULL, OWN) && right;
        ask_hook = close_reply_port;
        right = send(0) && right;
        stage_settle();
        right = fails(0, -EPIPE) && limen_msg_cancel(&messages[0]) == -ESRCH &&
                messages[0].error == -EASYNC && right;
        ask_port = ask_queue();
        right = ask_end(step_ok(right, "closed", i));
    }
    return right;
}

static void suspend_server(void)
{
    (void)limen_thread_suspend(stage_threads[SERVER]);
}

bool server_suspended(void)
{
    bool right = true;
    for (uint32_t i = 0; i < 2; i++) {
        right = ask_begin(OWN) && start(0, &waits[i], NULL, OWN) && right;
        ask_hook = suspend_server;
        right = send(0) && right;
        stage_settle();
        right = step_ok(!workers[0].done, "it waits", 0) && right;
        right = limen_thread_resume(stage_threads[SERVER]) == 0 && right;
        stage_settle();
        right = told(0, &messages[0]) && answered(0) && right;
        /* It receives again, and nothing came. */
        suspend_server();
        right = limen_thread_resume(stage_threads[SERVER]) == 0 && right;
        stage_settle();
        right = step_ok(asked == 2, "asked", asked) && right;
        right = ask_end(step_ok(right, "suspended", i));
    }
    return right;
}

/* A server leaves, and a new one goes on with what is in the queue. */
bool server_leaves(void)
{
    bool right = true;
    for (uint32_t i = 0; i < 2; i++) {
        right = ask_begin(OWN) && start(0, &waits[i], NULL, OWN) && right;
        ask_hook = stage_leave;
        right = send(0) && send(1) && right;
        stage_settle();
        right = fails(0, -EPIPE) && messages[0].error == -EPIPE && right;
        right = ask_close(stage_threads[SERVER]) && right;
        right = stage_start(SERVER, ask_serve, LESS) && right;
        right = ask_comes(true, &messages[1], 0) && answered(1) && right;
        right = ask_end(step_ok(right, "left", i));
    }
    return right;
}

/* A server answers, and receives at another port from then on. */
bool server_moves(void)
{
    bool right = ask_begin(OWN) && start(0, &waits[0], NULL, OWN);
    handle_t first = stage_endpoints[SERVER];
    ask_second = stage_ports[1].value;
    right = send(0) && right;
    stage_settle();
    right = told(0, &messages[0]) && answered(0) && right;
    right = send(1) && right; /* which nobody receives */
    stage_settle();
    right =
        step_ok(limen_msg_test(ask_port, &messages[1]) == -EAGAIN, "left", 1) && right;
    stage_endpoints[SERVER] = stage_endpoints[1];
    right = send(2) && ask_comes(true, &messages[2], 0) && answered(2) && right;
    ask_second = stage_ports[SERVER].value;
    right = send(3) && ask_comes(true, &messages[3], 0) && answered(3) && right;
    stage_endpoints[SERVER] = first;
    right = ask_comes(true, &messages[1], 0) && answered(1) && right;
    return ask_end(right);
}

/* --- Who runs first --- */

static volatile uint32_t other_may, other_turn;

static void take_turn(uint32_t unused)
{
    (void)unused;
    stage_wait_on(&other_may, 1);
    other_turn = ++turns;
}

static void wake_other(void)
{
    stage_tell(&other_may, 1);
}

/* Another thread is ready when the answer comes: who waited goes before it, unless its
 * priority is higher. */
bool somebody_goes_first(void)
{
    static const uint32_t priorities[] = {LESS, MIDDLE, BETWEEN};
    bool right = true;
    for (uint32_t i = 0; i < 6; i++) {
        turns = other_may = other_turn = 0;
        right = ask_begin(LESS) && start(0, &waits[i / 3], NULL, MIDDLE) && right;
        right = stage_start(OTHER, take_turn, priorities[i % 3]) && right;
        stage_settle();
        ask_hook = wake_other;
        right = send(0) && right;
        stage_settle();
        bool before = other_turn < workers[0].turn;
        right = told(0, &messages[0]) && answered(0) && turns == 2 &&
                step_ok(before == (i % 3 == 2), "the other was first", i) && right;
        right = ask_end(right);
    }
    return right;
}

/* --- Deadlines, and upcalls that are held --- */

static volatile uint32_t waited_twice;

/* Waits until soon, and once more for longer. */
static void wait_twice(uint32_t unused)
{
    uint64_t soon = clock_now() + 20 * MILLISECOND;
    struct limen_crossing first = {.port = ask_port, .deadline = &soon};
    struct limen_crossing second = {.port = ask_port};
    (void)unused;
    if (ask_cross(true, &first) != 0 || first.message != &messages[0])
        ask_wrong++;
    waited_twice = 1;
    if (ask_cross(true, &second) != 0 || second.message != &messages[1])
        ask_wrong++;
    waited_twice = 2;
}

/* The deadline of a wait that has ended does not end the next. */
bool waiter_timed(void)
{
    bool right = ask_begin(OWN) && stage_start(WORKER, wait_twice, OWN);
    waited_twice = 0;
    stage_settle();
    right = send(0) && right;
    stage_settle();
    right = step_ok(waited_twice == 1, "waits", waited_twice) && right;
    sleep_for(30 * MILLISECOND);
    right = step_ok(waited_twice == 1, "waits", waited_twice) && right;
    right = send(1) && right;
    stage_settle();
    right = step_ok(waited_twice == 2, "waits", waited_twice) && right;
    return ask_end(right);
}

static volatile uint32_t section;
static struct system_message held;

/* A port whose upcalls are held by `section`, for the running thread. */
static handle_t held_port(void)
{
    struct reply_policy policy = upcall_policy(HANDLE_SELF);
    policy.critical = (uint32_t *)&section;
    return handle_of(limen_reply_port_create(&policy));
}

static void wait_while_held(uint32_t unused)
{
    struct limen_crossing first = {.port = ask_port}, second = first;
    (void)unused;
    section = 1;
    handle_t port = held_port();
    if (!listen_for(&held, port, HANDLE_SELF, 1) || post_to(HANDLE_SELF, 1) != 0 ||
        ask_cross(true, &first) != 0 || first.message != &messages[0])
        ask_wrong++;
    section |= CRITICAL_INTERRUPT;
    if (ask_cross(true, &second) != -EINTR || upcalls != 0)
        ask_wrong++;
    section = 0;
    if (limen_msg_flush() != 0 || upcalls != 1 || !closed(port))
        ask_wrong++;
    waited_twice = 2;
}

/* An answer ends the wait, but not what is held. */
bool waiter_held(void)
{
    upcalls_begin();
    waited_twice = 0;
    bool right = ask_begin(OWN) && stage_start(WORKER, wait_while_held, OWN);
    stage_settle();
    right = send(0) && right;
    stage_settle();
    right = step_ok(waited_twice == 2, "waits", waited_twice) && answered(0) && right;
    return ask_end(right);
}

/* A server that may not wait answers, and does not wait. */
static void serve_while_held(uint32_t which)
{
    uint32_t list[4] = {stage_ports[which].value};
    section = 1 | CRITICAL_INTERRUPT;
    handle_t port = held_port();
    bool right = listen_for(&held, port, HANDLE_SELF, 1);
    right = limen_cross_words(SYS_LIMEN_receive, list) == MESSAGE_CALL && right;
    uint32_t words[3] = {list[1], list[2], list[3]};
    right = post_to(HANDLE_SELF, 1) == 0 && right;
    ask_answer(words, list + 1);
    list[0] = stage_ports[which].value;
    long result = limen_cross_words(SYS_LIMEN_reply_receive, list);
    right = step_ok(result == -EINTR, "reply_receive", result) && right;
    section = 0;
    right = limen_msg_flush() == 0 && upcalls == 1 && closed(port) && right;
    waited_twice = right;
}

bool server_held(void)
{
    static struct system_message message;
    upcalls_begin();
    waited_twice = 0;
    bool right = ask_begin(OWN) && start(0, &waits[0], NULL, OWN);
    ask_hook = stage_leave;
    message = ask_message(1, 2, 3);
    right = ask_sent(true, &message) && right;
    stage_settle();
    right = fails(0, -EPIPE) && ask_close(stage_threads[SERVER]) && right;
    right = start(0, &waits[0], NULL, OWN) && right;
    right = stage_start(SERVER, serve_while_held, OWN) && right;
    stage_settle();
    right = send(0) && right;
    stage_settle();
    right = told(0, &messages[0]) && answered(0) && right;
    right = step_ok(waited_twice == 1, "the server", waited_twice) && right;
    right = ask_close(stage_threads[SERVER]) && right;
    right = stage_start(SERVER, ask_serve, LESS) && right;
    return ask_end(right);
}
