/* SPDX-License-Identifier: MIT */
/*
 * Three servers of low priorities, each of which calls the next, and callers of them. The
 * last one waits at a gate before it answers, so that a case can look at the chain while
 * all of it is in a call. A thread of a priority in between takes all the time that it
 * gets.
 */
#include "lending.h"

#include "../stage.h"

#define TWIN_PAGES 400

enum {
    FIRST,
    NEXT,
    LAST,
    SERVERS, /* the threads behind them are callers, and who spins */
    CALLER = SERVERS,
    OTHER,
    SPINNER,
};

static const uint32_t own_priority[SERVERS] = {LITTLE, LESS, LEAST};
static uint32_t seen[SERVERS];            /* the servers' priorities when they answered */
static volatile uint32_t gate_open;       /* the last server may answer */
static volatile uint32_t answered;        /* calls of callers that have come back */
static volatile long result;              /* of the last of them */
static volatile uint32_t spun;            /* rounds of the spinner */
static volatile uint32_t spun_until;      /* there were so many when the call came back */
static volatile uint32_t answered_before; /* when the deferring server went on */

/* --- Threads --- */

/* What a server does for its caller. */
static void work_as(uint32_t which)
{
    if (which == LAST)
        stage_wait_on(&gate_open, 1);
    else
        (void)limen_call(stage_endpoints[which + 1], 0, 0, 0);
    seen[which] = stage_info(HANDLE_SELF).priority;
}

static void serve(uint32_t which)
{
    struct limen_words got = {0};
    long kind = limen_receive_words(stage_ports[which], &got, NULL);
    while (kind == MESSAGE_CALL) {
        work_as(which);
        kind = limen_reply_receive_words(stage_ports[which], &got);
    }
}

/* The same with messages that do not go by registers. */
static void serve_long(uint32_t which)
{
    uint8_t bytes[64];
    struct message message = {.receive = bytes, .receive_size = sizeof(bytes)};
    long kind = limen_receive_message(stage_ports[which], &message, NULL);
    while (kind == MESSAGE_CALL) {
        struct message next = {.send = bytes, .send_size = sizeof(bytes)};
        if (which == LAST)
            stage_wait_on(&gate_open, 1);
        else
            (void)limen_call_message(stage_endpoints[which + 1], &next);
        seen[which] = stage_info(HANDLE_SELF).priority;
        message = (struct message){.receive = bytes, .receive_size = sizeof(bytes)};
        kind = limen_reply_receive_message(stage_ports[which], &message);
    }
}

static void call(uint32_t unused)
{
    (void)unused;
    result = limen_call(stage_endpoints[FIRST], 0, 0, 0);
    spun_until = spun;
    stage_tell(&answered, answered + 1);
}

static void spin(uint32_t unused)
{
    (void)unused;
    while (!stage_stop)
        spun++;
}

/* --- Steps --- */

/* All three servers wait for their calls. */
static bool open_chain(void (*server)(uint32_t))
{
    bool right = stage_open(SERVERS);
    gate_open = answered = spun = 0;
    result = 1;
    spun_until = 1;
    for (uint32_t i = 0; i < SERVERS; i++)
        right = right && stage_start(i, server, own_priority[i]);
    stage_settle();
    return right;
}

static bool priorities_are(const char *when, uint32_t first, uint32_t second,
                           uint32_t last)
{
    const uint32_t wanted[SERVERS] = {first, second, last};
    bool right = true;
    for (uint32_t i = 0; i < SERVERS; i++) {
        uint32_t got = stage_priority(i);
        if (got != wanted[i])
            tap_note("%s: server %u has priority %u, not %u", when, i, got, wanted[i]);
        right = right && got == wanted[i];
    }
    return right;
}

static bool priorities_are_own(const char *when)
{
    return priorities_are(when, LITTLE, LESS, LEAST);
}

/* Opens the gate while somebody spins: the caller has its answer before the spinner has
 * turned once. The first thread waits, so that the spinner could. */
static bool answer_comes_first(uint32_t callers)
{
    bool right = stage_start(SPINNER, spin, MIDDLE);
    stage_tell(&gate_open, 1);
    right = right && stage_wait(&answered, callers) &&
            step_ok(spun_until == 0, "rounds that were spun before", spun_until) &&
            step_ok(result == 0, "the call's result", result);
    for (uint32_t i = 0; i < SERVERS; i++)
        right = step_ok(seen[i] == HIGH, "a server's priority", seen[i]) && right;
    return right;
}

/* --- Cases --- */

static bool chain(void (*server)(uint32_t))
{
    bool right = open_chain(server) && stage_start(CALLER, call, HIGH);
    stage_own_priority(BETWEEN); /* the call goes as far as the gate */
    right = right && priorities_are("in the call", HIGH, HIGH, HIGH);
    stage_own_priority(OWN);
    right = right && answer_comes_first(1) && priorities_are_own("afterwards");
    return stage_close() && right;
}

bool chain_of_calls(void)
{
    return chain(serve);
}

bool chain_of_long_calls(void)
{
    return chain(serve_long);
}

/* Another call, of a low priority, is under way when the high one comes. */
bool queue_before_a_chain(void)
{
    bool right = open_chain(serve) && stage_start(OTHER, call, LESS);
    stage_settle();
    right = right && priorities_are("before", LITTLE, LITTLE, LITTLE) &&
            stage_start(CALLER, call, HIGH);
    stage_own_priority(BETWEEN);
    right = right && priorities_are("from the queue", HIGH, HIGH, HIGH);
    stage_own_priority(OWN);
    /* The high caller comes back after the low one was answered, which has yet to run. */
    right = right && answer_comes_first(1);
    stage_stop = 1;
    stage_settle();
    right = right && step_ok(answered == 2, "answers", answered) &&
            priorities_are_own("afterwards");
    return stage_close() && right;
}

/* The caller's priority is changed while it is answered, or while it is in the queue. */
static bool follows(bool queued)
{
    static const uint32_t lent[] = {MIDDLE, HIGHER, LESS, HIGH, ASIDE + 1, MIDDLE};
    bool right = open_chain(serve);
    if (queued) {
        right = right && stage_start(OTHER, call, LEAST);
        stage_settle();
    }
    right = right && stage_start(CALLER, call, HIGH);
    stage_settle();
    for (uint32_t i = 0; i < sizeof(lent) / sizeof(*lent); i++) {
        uint32_t now = lent[i] > LITTLE ? lent[i] : LITTLE; /* the first one's own */
        right = right && limen_thread_priority(stage_threads[CALLER], lent[i]) == 0 &&
                priorities_are("after a change", now, now, now);
    }
    stage_tell(&gate_open, 1);
    stage_settle();
    right = right && step_ok(answered == 1u + queued, "answers", answered) &&
            priorities_are_own("afterwards");
    return stage_close() && right;
}

bool lent_priority_follows(void)
{
    return follows(false) && follows(true);
}

static bool gives_up(bool queued)
{
    bool right = open_chain(serve);
    if (queued) {
        right = right && stage_start(OTHER, call, MIDDLE);
        stage_settle();
    }
    right = right && stage_start(CALLER, call, HIGH);
    stage_settle();
    right = right && priorities_are("in the call", HIGH, HIGH, HIGH) &&
            stage_make_leave(CALLER);
    if (queued)
        right = right && priorities_are("the other's", MIDDLE, MIDDLE, MIDDLE);
    else /* the first one's own call is still under way */
        right = right && priorities_are("nobody's", LITTLE, LITTLE, LITTLE);
    stage_tell(&gate_open, 1);
    stage_settle();
    right = right && priorities_are_own("afterwards") &&
            step_ok(answered == queued, "answers", answered);
    return stage_close() && right;
}

bool caller_gives_up(void)
{
    return gives_up(false) && gives_up(true);
}

static void twin_calls(uint32_t endpoint)
{
    (void)limen_call((handle_t){endpoint}, 0, 0, 0);
    (void)limen_process_exit(0);
}

static bool is_killed(bool queued)
{
    struct child child = {0};
    bool right = open_chain(serve) && twin_load(&child, TWIN_PAGES);
    long given = limen_handle_give(child.process, stage_endpoints[FIRST], RIGHTS_SAME);
    if (queued) {
        right = right && stage_start(OTHER, call, MIDDLE);
        stage_settle();
    }
    right = right && given > 0 && twin_start(&child, twin_calls, (uint32_t)given) &&
            limen_thread_priority(child.thread, HIGH) == 0;
    stage_settle();
    right = right && priorities_are("in the call", HIGH, HIGH, HIGH) &&
            limen_process_kill(child.process, 0) == 0;
    uint32_t left = queued ? MIDDLE : LITTLE;
    right = right && priorities_are("when it is dead", left, left, left);
    stage_tell(&gate_open, 1);
    stage_settle();
    right = right && priorities_are_own("afterwards") &&
            step_ok(answered == queued, "answers", answered);
    child_close(&child);
    return stage_close() && right;
}

bool caller_is_killed(void)
{
    return is_killed(false) && is_killed(true);
}

/* The caller's call fails; the last server has nobody to work for any more. */
bool server_in_between_leaves(void)
{
    bool right = open_chain(serve) && stage_start(CALLER, call, HIGH);
    stage_settle();
    right = right && stage_make_leave(NEXT) &&
            step_ok(stage_priority(LAST) == LEAST, "the last one's priority",
                    stage_priority(LAST));
    stage_settle(); /* the first server is told EPIPE, and answers */
    right = right && step_ok(answered == 1 && result == 0, "the result", result) &&
            step_ok(seen[FIRST] == HIGH, "the first one's priority", seen[FIRST]) &&
            step_ok(stage_priority(FIRST) == LITTLE, "afterwards", stage_priority(FIRST));
    stage_tell(&gate_open, 1);
    return stage_close() && right;
}

bool last_server_leaves(void)
{
    bool right = open_chain(serve) && stage_start(CALLER, call, HIGH);
    stage_settle();
    right = right && stage_make_leave(LAST);
    stage_settle();
    right = right && step_ok(answered == 1 && result == 0, "the result", result) &&
            step_ok(seen[NEXT] == HIGH, "the second one's priority", seen[NEXT]) &&
            step_ok(stage_priority(FIRST) == LITTLE && stage_priority(NEXT) == LESS,
                    "afterwards", stage_priority(FIRST));
    return stage_close() && right;
}

/* --- Deferred answers --- */

/* The last server of a chain: defers, and answers when the gate is open. */
static void serve_later(uint32_t which)
{
    struct limen_words got = {0};
    struct message answer = {0};
    while (limen_receive_words(stage_ports[which], &got, NULL) == MESSAGE_CALL) {
        handle_t later = handle_of(limen_reply_defer());
        seen[which] = stage_info(HANDLE_SELF).priority;
        stage_wait_on(&gate_open, 1);
        (void)limen_reply_to(later, &answer);
        answered_before = answered;
    }
}

static bool open_deferring_chain(void)
{
    bool right = stage_open(SERVERS);
    gate_open = answered = answered_before = spun = 0;
    result = 1;
    right = right && stage_start(FIRST, serve, LITTLE) &&
            stage_start(NEXT, serve, LESS) && stage_start(LAST, serve_later, LEAST) &&
            stage_start(CALLER, call, HIGH);
    stage_settle();
    return right;
}

/* Who will answer a deferred call is not known: nobody inherits from there on. */
bool deferred_lends_nothing(void)
{
    bool right = open_deferring_chain() &&
                 priorities_are("deferred", HIGH, HIGH, LEAST) &&
                 step_ok(seen[LAST] == LEAST, "right after", seen[LAST]) &&
                 limen_thread_priority(stage_threads[CALLER], HIGHER) == 0 &&
                 priorities_are("raised", HIGHER, HIGHER, LEAST);
    stage_tell(&gate_open, 1);
    stage_settle();
    right = right && step_ok(answered == 1 && result == 0, "the result", result) &&
            priorities_are_own("afterwards");
    return stage_close() && right;
}

/* The answer goes up the whole chain before the one who gave it goes on. */
bool deferred_answer_preempts(void)
{
    bool right = open_deferring_chain() && stage_start(SPINNER, spin, ASIDE + 1);
    stage_tell(&gate_open, 1);
    stage_own_priority(LEAST - 1); /* above the spinner */
    right = right && step_ok(spun == 0, "rounds that were spun", spun) &&
            step_ok(answered_before == 1, "answers", answered_before) &&
            step_ok(seen[FIRST] == HIGH && seen[NEXT] == HIGH, "a server's priority",
                    seen[NEXT]) &&
            priorities_are_own("afterwards");
    return stage_close() && right;
}
