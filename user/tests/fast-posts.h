/* SPDX-License-Identifier: MIT */
/*
 * For tests of posts by int 0x81 to the own thread, whose upcalls come at once: what such
 * a post comes to.
 */
#ifndef TESTS_FAST_POSTS_H
#define TESTS_FAST_POSTS_H

#include "int81.h"
#include "upcalls.h"

#define ALL_SIGNALS 0xffffffffu
static struct system_message heard; /* listens, in most cases */
static handle_t port;
static void (*hook_of_post)(struct upcall *);

static inline struct system_message a_post(uint32_t low, uint32_t high)
{
    return (struct system_message){
        .operation = SYSTEM_THREAD_POST, .words = {low, high}, .error = 77};
}

/* What a post came to. */
struct effect {
    long result;
    uint32_t message, count, upcalls, flags, words[3];
    int32_t error;
};

/* Posts by either gate; the signals that it leaves are taken back. */
static inline struct effect post(struct system_message *message, bool by_int81)
{
    struct limen_crossing crossing = {
        .port = LIMEN_SYSTEM, .message = message, .size = sizeof(*message)};
    struct int81 registers = {SYSTEM_VERSION, 0, (uint32_t)message, sizeof(*message)};

    upcalls_begin();
    upcall_hook = hook_of_post;
    if (!by_int81) {
        registers.eax = (uint32_t)limen_sendsys_by_number(&crossing);
        registers.ecx = (uint32_t)crossing.message;
        registers.edx = crossing.count;
    } else if (!int81_cross(&registers)) {
        upcall_wrong++;
    }
    struct effect effect = {
        (long)registers.eax,
        registers.ecx,
        registers.edx,
        upcalls,
        upcall_last.flags,
        {upcall_last.words[0], upcall_last.words[1], upcall_last.words[2]},
        upcall_last.error};
    return effect;
}

/* A post that led to its upcall, with these words. */
static inline bool upcall_came(const struct effect *effect, uint32_t low, uint32_t high)
{
    return step_ok(effect->result == 0, "post", effect->result) &&
           step_ok(effect->count == 1, "count", effect->count) && upcalls_were(1) &&
           step_ok(effect->words[0] == low, "words[0]", effect->words[0]) &&
           step_ok(effect->words[1] == high, "words[1]", effect->words[1]) &&
           step_ok(effect->words[2] == 0, "words[2]", effect->words[2]);
}

static inline bool open_port(void)
{
    port = upcall_port(HANDLE_SELF);
    return (long)port.value > 0;
}

/* One message that listens for all signals, and shows upcalls of the own thread. */
static inline bool listen_at(struct system_message *message)
{
    *message = (struct system_message){.operation = SYSTEM_THREAD_SIGNALS,
                                       .flags = MSG_ASYNC | MSG_LIVE,
                                       .reply_port = port,
                                       .words = {ALL_SIGNALS, ALL_SIGNALS}};
    long error = limen_msg_send(LIMEN_SYSTEM, message);
    return step_ok(error == -EASYNC, "SYSTEM_THREAD_SIGNALS", error);
}

/* Signals that nobody has heard. */
static inline uint64_t take_signals(void)
{
    struct system_message take = {.operation = SYSTEM_THREAD_SIGNALS,
                                  .flags = MSG_ASYNC,
                                  .words = {ALL_SIGNALS, ALL_SIGNALS}};
    long error = limen_msg_send(LIMEN_SYSTEM, &take);
    if (error != 0) {
        (void)limen_msg_cancel(&take);
        return 0;
    }
    return take.words[0] | (uint64_t)take.words[1] << 32;
}

#endif
