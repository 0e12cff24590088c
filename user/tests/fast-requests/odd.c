/* SPDX-License-Identifier: MIT */
/* Requests of which something is odd: handles, fields, what crosses, how many. By int
 * 0x81 all is answered as it is by number. */
#include "ask.h"

#define TIME_BITS 60 /* of a deadline: those below are over too soon */
#define MANY 40
#define KEPT 8         /* requests that a port keeps */
#define FIRST_PAGE 512 /* as many slots are in a page; the first has fewer */

/* Sends by both ways: neither is taken, for the same reason, and nothing is written. */
static bool refused(handle_t to, const struct system_message *what, long error)
{
    struct system_message messages[2] = {*what, *what};
    long results[2];
    for (int by_int81 = 0; by_int81 < 2; by_int81++) {
        struct limen_crossing crossing = {to, &messages[by_int81], sizeof(*what), NULL,
                                          7};
        results[by_int81] = ask_cross(by_int81, &crossing);
        if (crossing.count != 0 || memcmp(&messages[by_int81], what, sizeof(*what)) != 0)
            results[by_int81] = -UNTOLD;
    }
    if (results[0] == results[1] && results[0] < 0 && (!error || results[0] == error))
        return true;
    tap_note("endpoint %08x, reply port %08x: %ld, by number %ld", to.value,
             what->reply_port.value, results[1], results[0]);
    return false;
}

/* Waits, or does not, by both ways: for the same reason in vain. */
static bool refused_wait(handle_t port, uint32_t size, const uint64_t *deadline)
{
    long results[2];
    for (int by_int81 = 0; by_int81 < 2; by_int81++) {
        struct limen_crossing crossing = {port, NULL, size, deadline, 7};
        results[by_int81] = ask_cross(by_int81, &crossing);
    }
    if (results[0] == results[1] && results[0] < 0)
        return true;
    tap_note("wait at %08x: %ld, by number %ld", port.value, results[1], results[0]);
    return false;
}

/* --- Handles --- */

bool bits_of_handles(void)
{
    struct system_message message;
    bool right = ask_begin(OWN);
    for (uint32_t bit = 0; bit < 32; bit++) {
        handle_t endpoint = {stage_endpoints[SERVER].value ^ 1u << bit};
        handle_t port = {ask_port.value ^ 1u << bit};
        message = ask_message(1, 2, 3);
        right = refused(endpoint, &message, 0) && right;
        message.reply_port = port;
        right = refused(stage_endpoints[SERVER], &message, 0) && right;
        right = refused_wait(port, 0, NULL) && refused_wait(port, ~0u, NULL) && right;
    }
    return ask_end(right && asked == 1);
}

bool other_objects(void)
{
    bool right = ask_begin(OWN);
    handle_t memory = handle_of(limen_memory_create(PAGE_SIZE));
    struct system_message timer = {.operation = SYSTEM_TIMER,
                                   .flags = MSG_ASYNC,
                                   .reply_port = ask_port,
                                   .time = UINT64_MAX};
    right = limen_msg_send(LIMEN_SYSTEM, &timer) == -EASYNC && right;
    const handle_t handles[] = {stage_threads[SERVER],
                                stage_ports[SERVER],
                                stage_endpoints[SERVER],
                                ask_port,
                                memory,
                                {timer.id},
                                {1},
                                {SYSTEM_VERSIONS - 1},
                                {SYSTEM_VERSIONS},
                                {~0u},
                                {1u << 31}};
    for (uint32_t i = 0; i < sizeof(handles) / sizeof(*handles); i++) {
        struct system_message message = ask_message(1, 2, 3);
        if (handles[i].value != stage_endpoints[SERVER].value && handles[i].value != 1)
            right = refused(handles[i], &message, 0) && right;
        message.reply_port = handles[i];
        if (handles[i].value == ask_port.value)
            continue;
        right = refused(stage_endpoints[SERVER], &message, 0) && right;
        right = refused_wait(handles[i], ~0u, NULL) && right;
        if (handles[i].value != 1) /* flushsys */
            right = refused_wait(handles[i], 0, NULL) && right;
    }
    right = limen_msg_cancel(&timer) == 0 &&
            limen_msg_wait(ask_port, &timer, NULL) == -ECANCELED && right;
    return ask_end(ask_close(memory) && right);
}

static handle_t duplicate(handle_t handle, uint32_t rights)
{
    return handle_of(limen_handle_duplicate(handle, rights));
}

/* Each single right, of the endpoint and of the reply port. */
bool lacking_rights(void)
{
    bool right = ask_begin(OWN);
    for (uint32_t one = 1; one & RIGHTS_ALL; one <<= 1) {
        handle_t endpoint = duplicate(stage_endpoints[SERVER], one);
        handle_t port = duplicate(ask_port, one);
        struct system_message message = ask_message(1, 2, 3);
        if ((long)endpoint.value > 0) {
            if (one != RIGHT_SEND)
                right = refused(endpoint, &message, -EPERM) && right;
            right = ask_close(endpoint) && right;
        }
        message.reply_port = port;
        if ((long)port.value < 0)
            continue;
        if (one != RIGHT_WRITE)
            right = refused(stage_endpoints[SERVER], &message, -EPERM) && right;
        else
            right = ask_sent(true, &message) && ask_comes(true, &message, 0) && right;
        if (one != RIGHT_READ)
            right = refused_wait(port, 0, NULL) && refused_wait(port, ~0u, NULL) && right;
        right = ask_close(port) && right;
    }
    return ask_end(right);
}

/* A handle that was closed stays bad while others take its slot. */
bool stale_handles(void)
{
    bool right = ask_begin(OWN);
    handle_t endpoint = duplicate(stage_endpoints[SERVER], RIGHTS_SAME);
    handle_t port = duplicate(ask_port, RIGHTS_SAME);
    struct system_message message = ask_message(1, 2, 3), other = message;
    other.reply_port = port;
    right = ask_close(endpoint) && ask_close(port) && right;
    for (uint32_t i = 0; i < MANY; i++) {
        handle_t next = duplicate(stage_endpoints[SERVER], RIGHTS_SAME);
        right = refused(endpoint, &message, -EBADF) &&
                refused(stage_endpoints[SERVER], &other, -EBADF) &&
                refused_wait(port, 0, NULL) && right;
        right = ask_close(next) && right;
    }
    return ask_end(right);
}

/* Handles whose slots are not among the first. */
bool late_slots(void)
{
    static handle_t handles[FIRST_PAGE];
    uint32_t count = 0;
    bool right = ask_begin(OWN);
    while (count < FIRST_PAGE) {
        handles[count] = duplicate(stage_endpoints[SERVER], RIGHTS_SAME);
        right = (long)handles[count].value > 0 && right;
        count++;
    }
    handle_t port = duplicate(ask_port, RIGHTS_SAME), before = ask_port;
    struct system_message message = ask_message(1, 2, 3);
    for (uint32_t i = 0; i < 4; i++) {
        struct limen_crossing crossing = {i & 1 ? handles[count - 1]
                                                : stage_endpoints[SERVER],
                                          &message, sizeof(message), NULL, 0};
        message = ask_message(1, 2, i);
        message.reply_port = ask_port = i & 2 ? port : before;
        long result = ask_cross(true, &crossing);
        right = step_ok(result == -EASYNC, "sent", result) &&
                ask_comes(true, &message, 0) && ask_right(&message, 1, 2, i) && right;
    }
    ask_port = before;
    right = ask_close(port) && right;
    while (count > 0)
        right = ask_close(handles[--count]) && right;
    return ask_end(right);
}

/* --- Fields --- */

/* Every bit. Messages that are taken come back, and those that are not stay as they
 * were. */
bool bits_of_a_message(void)
{
    bool right = ask_begin(OWN);
    for (uint32_t bit = 0; bit < 8 * sizeof(struct system_message); bit++) {
        uint32_t time = bit - 8 * offsetof(struct system_message, time);
        struct system_message one = ask_message(1, 2, 3);
        if (time < TIME_BITS)
            continue;
        ((uint8_t *)&one)[bit / 8] ^= (uint8_t)(1u << bit % 8);
        struct system_message two = one;
        struct limen_crossing crossing[2] = {
            {stage_endpoints[SERVER], &one, sizeof(one), NULL, 0},
            {stage_endpoints[SERVER], &two, sizeof(two), NULL, 0}};
        long by_number = ask_cross(false, &crossing[0]);
        if (by_number == -EASYNC && one.reply_port.value == ask_port.value)
            right = limen_msg_wait(ask_port, &one, NULL) == 0 && right;
        long by_int81 = ask_cross(true, &crossing[1]);
        if (by_int81 == -EASYNC && two.reply_port.value == ask_port.value)
            right = limen_msg_wait(ask_port, &two, NULL) == 0 && right;
        stage_settle();
        one.id = two.id = 0;
        right = step_ok(by_int81 == by_number && crossing[0].count == crossing[1].count &&
                            memcmp(&one, &two, sizeof(one)) == 0,
                        "bit", bit) &&
                right;
    }
    return ask_end(right);
}

/* Sizes, deadlines and places that are not those of one message. */
bool odd_crossings(void)
{
    static const uint32_t sizes[] = {1,  15, 16,         47,         49,
                                     95, 97, 0x80000030, 0xfffffffe, 0x3fffffd0};
    static const uint64_t past = 1;
    bool right = ask_begin(OWN);
    struct system_message message = ask_message(1, 2, 3);
    uint32_t to = stage_endpoints[SERVER].value, at = (uint32_t)&message;
    for (uint32_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        struct int81 sized = {to, 0, at, sizes[i]};
        right = int81_cross(&sized) && (long)sized.eax < 0 && sized.edx == 0 && right;
    }
    for (uint32_t bit = 0; bit < 32; bit++) {
        struct int81 moved = {to, 0, at ^ 1u << bit, sizeof(message)};
        struct int81 late = {to, 1u << bit, at, sizeof(message)};
        struct int81 waits = {ask_port.value, 1u << bit, 0, 0};
        struct int81 named = {ask_port.value, 0, 1u << bit, bit & 1 ? ~0u : 0};
        if (bit < 4 || bit > 29)
            right = int81_cross(&moved) && (long)moved.eax < 0 && moved.edx == 0 && right;
        right =
            int81_cross(&late) && late.eax == (uint32_t)-EINVAL && late.edx == 0 && right;
        right = int81_cross(&waits) && (long)waits.eax < 0 && waits.ecx == 0 &&
                waits.edx == 0 && right;
        right =
            int81_cross(&named) && (long)named.eax < 0 && named.ecx == 1u << bit && right;
    }
    for (uint32_t offset = 4; offset < 16; offset += 4) { /* a good one, but there */
        static uint8_t bytes[64] __attribute__((aligned(16)));
        struct int81 moved = {to, 0, (uint32_t)bytes + offset, sizeof(message)};
        memcpy(bytes + offset, &message, sizeof(message));
        right = int81_cross(&moved) && moved.eax == (uint32_t)-EINVAL && right;
    }
    right = refused_wait(ask_port, 0, &past) && refused_wait(ask_port, ~0u, &past) &&
            refused_wait(ask_port, ~0u, NULL) && right;
    return ask_end(step_ok(right, "refused", 0) && asked == 1);
}

/* More in flight than the port keeps requests for, answered and taken in order. */
bool more_than_spares(void)
{
    static struct system_message messages[MANY];
    bool right = true;
    for (uint32_t i = 0; i < ASK_PRIORITIES; i++) {
        uint32_t handles = ask_handles();
        right = ask_begin(ask_priorities[i]) && right;
        uint32_t begun = ask_handles(); /* with one that is kept */
        for (uint32_t round = 0; round < 3; round++) {
            for (uint32_t j = 0; j < MANY; j++) {
                messages[j] = ask_message(j, round, i);
                right = ask_sent(j % 3 != 0, &messages[j]) && right;
            }
            for (uint32_t j = 0; j < MANY; j++)
                right = ask_comes(j % 4 != 0, &messages[j], 0) &&
                        ask_right(&messages[j], j, round, i) && right;
            right = refused_wait(ask_port, ~0u, NULL) && right;
            right = step_ok(ask_handles() - begun == KEPT - 1, "kept",
                            ask_handles() - begun + 1) &&
                    right;
        }
        right = ask_end(right);
        right = step_ok(ask_handles() == handles, "handles", ask_handles()) && right;
    }
    return right;
}

/* --- Messages that are not calls with three words, or have a time --- */

/* The time of one that was answered does not come to the next. */
bool timed_requests(void)
{
    static struct system_message message;
    bool right = ask_begin(OWN);
    for (uint32_t i = 0; i < 4; i++) {
        uint64_t time = clock_now() + 20 * MILLISECOND;
        message = ask_message(1, 2, 3);
        message.time = time;
        right = ask_sent(true, &message) && ask_comes(i & 1, &message, 0) &&
                ask_right(&message, 1, 2, 3) && right;
        right = limen_thread_suspend(stage_threads[SERVER]) == 0 && right;
        message = ask_message(4, 5, 6);
        right = ask_sent(true, &message) && right;
        sleep_for(25 * MILLISECOND);
        right = refused_wait(ask_port, ~0u, NULL) && right;
        right = limen_thread_resume(stage_threads[SERVER]) == 0 && right;
        right = ask_comes(true, &message, 0) && ask_right(&message, 4, 5, 6) && right;
    }
    return ask_end(right);
}

/* An answer of three words to a message_call, and one with a handle. */
static void answer_with_handle(uint32_t which)
{
    uint32_t list[4] = {stage_ports[which].value};
    struct message answer = {.words = {7, 8, 9},
                             .handle_count = 1,
                             .handles = {stage_endpoints[which]},
                             .rights = {RIGHT_SEND}};
    if (limen_cross_words(SYS_LIMEN_receive, list) != MESSAGE_CALL ||
        limen_message_reply(&answer) != 0)
        ask_wrong++;
}

static bool long_with_handle(bool by_int81)
{
    static struct system_message message;
    static struct message body;
    bool right = stage_open(1) && stage_start(SERVER, answer_with_handle, LESS);
    ask_port = ask_queue();
    body = (struct message){.handle_room = 1};
    message = ask_message((uint32_t)&body, 0, 0);
    message.operation = PORT_MESSAGE_CALL;
    right = ask_sent(by_int81, &message) && right;
    stage_settle();
    right =
        ask_comes(by_int81, &message, 0) &&
        step_ok(MESSAGE_HANDLE_COUNT(message.words[0]) == 1, "tag", message.words[0]) &&
        message.words[1] == 7 && message.words[2] == 8 && right;
    right = ask_close(body.handles[0]) && ask_close(ask_port) && right;
    return stage_close() && right && ask_wrong == 0;
}

bool long_requests(void)
{
    static struct system_message message;
    static struct message body;
    bool right = ask_begin(OWN);
    for (uint32_t i = 0; i < 8; i++) {
        uint32_t words[3];
        body = (struct message){.words = {1, 2, i}};
        message = ask_message((uint32_t)&body, 0, 0);
        message.operation = PORT_MESSAGE_CALL;
        ask_answer(body.words, words);
        right = ask_sent(i & 1, &message) && ask_comes(i & 2, &message, 0) &&
                step_ok(message.words[0] == 0, "tag", message.words[0]) &&
                step_ok(message.words[1] == words[0], "word", message.words[1]) &&
                step_ok(message.words[2] == words[1], "word", message.words[2]) && right;
    }
    return ask_end(right) && long_with_handle(false) && long_with_handle(true);
}

/* Live messages are taken as others are, and come again. */
bool live_messages(void)
{
    static struct system_message timer, signals;
    bool right = ask_begin(OWN);
    timer = (struct system_message){.operation = SYSTEM_TIMER,
                                    .flags = MSG_ASYNC | MSG_LIVE,
                                    .reply_port = ask_port,
                                    .time = clock_now(),
                                    .period = 3 * MILLISECOND};
    right = limen_msg_send(LIMEN_SYSTEM, &timer) == -EASYNC && right;
    for (uint32_t i = 0; i < 6; i++) {
        if (i & 1)
            sleep_for(5 * MILLISECOND);
        right = ask_comes(i & 2, &timer, 0) && timer.words[0] > 0 && right;
    }
    right = limen_msg_cancel(&timer) == 0 &&
            limen_msg_wait(ask_port, &timer, NULL) == -ECANCELED && right;
    signals = (struct system_message){.operation = SYSTEM_THREAD_SIGNALS,
                                      .flags = MSG_ASYNC | MSG_LIVE,
                                      .reply_port = ask_port,
                                      .words = {0xff}};
    right = limen_msg_send(LIMEN_SYSTEM, &signals) == -EASYNC && right;
    for (uint32_t i = 0; i < 8; i++) {
        struct system_message post = {.operation = SYSTEM_THREAD_POST,
                                      .words = {1u << i}};
        right = limen_msg_send(LIMEN_SYSTEM, &post) == 0 && right;
        right = ask_comes(i & 1, &signals, 0) && signals.words[0] == 1u << i && right;
        right = ask_once(true) && right;
    }
    return ask_end(right);
}
