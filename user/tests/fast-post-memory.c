/* SPDX-License-Identifier: MIT */
/*
 * A post by int 0x81 to the own thread, and the memory that it takes: that of the message
 * that is posted, of the one that listens, and the upcall's stack, each not as it should
 * be, and all in the same place.
 */
#include "fast-posts.h"
#include "places.h"

#define STACK_TOP ((uint32_t)upcall_stack + UPCALL_STACK_SIZE)
#define UPCALL_AT (STACK_TOP - UPCALL_SIZE_PLAIN) /* of the port's stack, if empty */

/* --- Memory that is not as it should be --- */

static bool post_from(enum place place)
{
    bool taken =
        place != PLACE_FRESH && place_takes_results(place) && place != PLACE_BEGIN_GONE;
    bool right = place_open() && open_port() && listen_at(&heard);
    *place_message() = a_post(3, 4);
    right = right && place_make(place);
    struct effect effect = post(place_message(), true);
    if (taken)
        right = upcall_came(&effect, 3, 4) && place_message()->error == 0 && right;
    else
        right = step_ok(effect.result == (place == PLACE_FRESH ? 0 : -EFAULT), "post",
                        effect.result) &&
                upcalls_were(0) && right;
    right = place_mend(place) && place_close() && right;
    return closed(port) && step_ok(right, place_names[place], place);
}

/* The message that is posted. */
static bool posted_memory(void)
{
    bool right = true;
    for (enum place place = 0; place < PLACES; place++)
        right = post_from(place) && right;
    return right && take_signals() == 0;
}

static bool hear_in(enum place place)
{
    struct system_message message = a_post(5, 6);
    bool right =
        place_open() && open_port() && listen_at(place_message()) && place_make(place);
    bool told = place_takes_results(place);
    struct effect effect = post(&message, true);
    right = right && upcall_came(&effect, 5, 6) &&
            step_ok(effect.flags == (told ? 0 : UPCALL_LOST), "flags", effect.flags) &&
            upcall_last.message == place_message() && message.error == 0;
    if (right && told && place != PLACE_BEGIN_GONE)
        right = place_message()->words[0] == 5 && place_message()->words[1] == 6 &&
                place_message()->words[2] == 0 && place_message()->error == 0;
    right = place_mend(place) && right;
    /* Nothing of that one is left, and it is heard again. */
    message = a_post(0x80000000, 0);
    effect = post(&message, true);
    right = right && upcall_came(&effect, 0x80000000, 0) && effect.flags == 0 &&
            place_message()->words[0] == 0x80000000 && place_message()->words[1] == 0;
    right = place_close() && right;
    return closed(port) && step_ok(right, place_names[place], place);
}

/* The message that listens. */
static bool heard_memory(void)
{
    bool right = true;
    for (enum place place = 0; place < PLACES; place++)
        right = hear_in(place) && right;
    return right && take_signals() == 0;
}

/* The upcall's stack, which others than this test know how to make. */
static bool stack_memory(void)
{
    static const enum place good[] = {PLACE_THERE, PLACE_FRESH, PLACE_CLONED};
    bool right = true;
    for (uint32_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        struct reply_policy policy = upcall_policy(HANDLE_SELF);
        struct system_message message = a_post(9, 0);
        policy.stack = PLACE_SECOND + 32; /* upcalls begin in both pages */
        policy.stack_size = PAGE_SIZE + 32;
        port = handle_of(limen_reply_port_create(&policy));
        right = place_open() && listen_at(&heard) && right;
        memset((void *)PLACE_PAGES, 0xcc, PAGE_SIZE + 32);
        right = place_make(good[i]) && right;
        struct effect effect = post(&message, true);
        right = upcall_came(&effect, 9, 0) && effect.flags == 0 &&
                upcall_last.state.eip != 0 && right;
        right = place_mend(good[i]) && place_close() && closed(port) && right;
        step_ok(right, place_names[good[i]], i);
    }
    return right;
}

/* --- The same memory --- */

/* Posts from where the upcall's structure comes to lie, or near it. The kernel has read
 * the message by then, whatever becomes of the one that listens. */
static bool post_under(uint32_t at, bool told)
{
    struct system_message *message = (struct system_message *)at;
    bool right = place_open() && open_port() && listen_at(place_message()) &&
                 place_make(told ? PLACE_THERE : PLACE_END_GONE);
    *message = a_post(0x10, 0x20);
    struct effect effect = post(message, true);
    right = right && upcall_came(&effect, 0x10, 0x20) && effect.message == at &&
            step_ok(effect.flags == (told ? 0 : UPCALL_LOST), "flags", effect.flags);
    right = place_mend(told ? PLACE_THERE : PLACE_END_GONE) && place_close() && right;
    return closed(port) && step_ok(right, "message behind the stack", at - STACK_TOP);
}

static bool posted_from_the_stack(void)
{
    bool right = true;
    for (uint32_t at = UPCALL_AT - 64; at <= STACK_TOP - 48; at += 16) {
        right = post_under(at, true) && right;
        right = post_under(at, false) && right;
    }
    return right && take_signals() == 0;
}

/* The message that listens lies where the upcall comes: its results are written last. */
static struct thread_state state_without;
static bool state_known;

/* Notes the state that is right, and gives it back where results stand in its place. */
static void mend_state(struct upcall *upcall)
{
    if (!state_known)
        state_without = upcall->state;
    upcall->state = state_without;
    upcall->flags = 0;
}

static __attribute__((noinline)) struct effect post_once(struct system_message *hears)
{
    static struct system_message message;
    message = a_post(0x11, 0);
    hook_of_post = mend_state;
    struct effect effect = {.result = 1};
    if (listen_at(hears))
        effect = post(&message, true);
    hook_of_post = NULL;
    return effect;
}

static bool hear_at(struct system_message *hears)
{
    static const uint32_t results[4] = {0x11};
    uint32_t offset = (uint32_t)hears->words - UPCALL_AT;
    bool right = open_port();
    struct effect effect = post_once(hears);
    struct upcall wanted = {
        .state = state_without, .port = port, .message = hears, .words = {0x11}};
    if (offset < UPCALL_SIZE_PLAIN)
        memcpy((uint8_t *)&wanted + offset, results, sizeof(results));
    right = right && step_ok(effect.result == 0, "post", effect.result) &&
            upcalls_were(1) && memcmp(&wanted, &upcall_last, UPCALL_SIZE_PLAIN) == 0;
    return closed(port) && step_ok(right, "results on the upcall's structure", offset);
}

static bool heard_on_the_stack(void)
{
    bool right = true;
    state_known = false;
    for (uint32_t at = 0; at <= UPCALL_SIZE_PLAIN + 16; at += 16) {
        struct system_message *hears = (struct system_message *)(UPCALL_AT - 48 + at);
        right = hear_at(at == 0 ? &heard : hears) && right;
        state_known = true;
    }
    return right;
}

/* What listens is posted itself, or a part of it. */
static bool posted_from_what_hears(void)
{
    static struct system_message memory[3];
    bool right = true;
    for (uint32_t offset = 0; offset <= 96; offset += 16) {
        struct system_message *message =
            (struct system_message *)((uint8_t *)memory + offset);
        right = open_port() && listen_at(&memory[1]) && right;
        *message = a_post(0x33, 0x44);
        struct effect effect = post(message, true);
        right = upcall_came(&effect, 0x33, 0x44) && right;
        right = memory[1].words[0] == 0x33 && memory[1].words[1] == 0x44 &&
                memory[1].words[2] == 0 && memory[1].error == 0 && right;
        right = closed(port) && step_ok(right, "offset", offset);
    }
    return right;
}

static const struct test_case cases[] = {
    {"the message that is posted, in all places", posted_memory},
    {"the message that listens, in all places", heard_memory},
    {"the upcall's stack, in good places", stack_memory},
    {"a message is posted from where the upcall comes", posted_from_the_stack},
    {"a message listens where the upcall comes", heard_on_the_stack},
    {"a message is posted from the one that listens", posted_from_what_hears},
};

int main(void)
{
    return RUN_CASES(cases);
}
