/* SPDX-License-Identifier: MIT */
/* Requests whose message's memory is not as it should be: when it is sent, when it is
 * answered, and when it is taken. */
#include "../places.h"
#include "ask.h"

/* --- Sent --- */

static bool send_from(enum place place, bool by_int81)
{
    struct system_message *message = place_message();
    uint32_t handles = ask_handles(), before = asked;
    bool sent = place == PLACE_THERE || place == PLACE_CLONED;
    bool right = place_open();
    *message = ask_message(1, 2, 3);
    right = place_make(place) && right;
    if (place == PLACE_FRESH) {
        struct limen_crossing crossing = {stage_endpoints[SERVER], message,
                                          sizeof(*message), NULL, 0};
        long result = ask_cross(by_int81, &crossing); /* a call, which waits */
        right = step_ok(result == 0, "call", result) && ask_right(message, 0, 0, 0) &&
                asked == before + 1 && right;
    } else if (sent) {
        right = ask_sent(by_int81, message) && ask_comes(by_int81, message, 0) &&
                ask_right(message, 1, 2, 3) && right;
    } else {
        long result = ask_send(by_int81, message);
        stage_settle();
        right = step_ok(result == -EFAULT, "sent", result) &&
                step_ok(asked == before, "served", asked) && right;
    }
    right = place_mend(place) && right;
    *message = ask_message(4, 5, 6);
    right = ask_sent(by_int81, message) && ask_comes(by_int81, message, 0) &&
            ask_right(message, 4, 5, 6) && right;
    right = place_close() && right;
    return step_ok(ask_handles() == handles, "handles", ask_handles()) &&
           step_ok(right, place_names[place], by_int81);
}

bool sent_from_all_places(void)
{
    bool right = true;
    for (uint32_t i = 0; i < ASK_PRIORITIES; i++) {
        right = ask_begin(ask_priorities[i]) && right;
        for (enum place place = 0; place < PLACES; place++)
            right = send_from(place, true) && send_from(place, false) && right;
        right = ask_end(right);
    }
    return right;
}

/* --- Answered, and taken --- */

static enum place place_then;
static bool place_made;

static void make_place(void)
{
    place_made = place_make(place_then);
}

/* What comes of a message in such a place; if nothing can, it stays, and can be had when
 * the place is as it should be. */
static bool comes_there(bool by_int81)
{
    struct system_message *message = place_message();
    bool told = place_takes_results(place_then);
    bool right = ask_comes(by_int81, message, told ? 0 : -EFAULT);
    right = step_ok(place_made, "place", 0) && place_mend(place_then) && right;
    if (!told)
        right = ask_comes(by_int81, message, 0) && right;
    return right && ask_right(message, 1, 2, 3);
}

static bool answer_into(bool by_int81)
{
    bool right = place_open();
    *place_message() = ask_message(1, 2, 3);
    ask_hook = make_place;
    right = ask_sent(by_int81, place_message()) && comes_there(by_int81) && right;
    right = place_close() && right;
    return step_ok(right, place_names[place_then], by_int81);
}

static bool take_into(bool by_int81)
{
    bool right = place_open();
    *place_message() = ask_message(1, 2, 3);
    right = ask_sent(by_int81, place_message()) && right;
    stage_settle();
    make_place();
    right = comes_there(by_int81) && right;
    right = place_close() && right;
    return step_ok(right, place_names[place_then], by_int81);
}

static bool in_all_places(bool (*one)(bool))
{
    bool right = true;
    for (uint32_t i = 0; i < ASK_PRIORITIES; i++) {
        right = ask_begin(ask_priorities[i]) && right;
        for (place_then = 0; place_then < PLACES; place_then++)
            right = one(true) && one(false) && right;
        right = ask_end(right);
    }
    return right;
}

bool answered_into_all_places(void)
{
    return in_all_places(answer_into);
}

bool taken_into_all_places(void)
{
    return in_all_places(take_into);
}
