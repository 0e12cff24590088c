/* SPDX-License-Identifier: MIT */
/*
 * An upcall that comes due while a call ends for another reason: the call answers for one
 * of the two, the other is not lost, and nothing is told twice. The moments are swept
 * against each other.
 */
#include "stage.h"
#include "upcalls.h"

#define ROUNDS 60
#define STEP_FIRST 500u /* ns, from round to round */
#define STEP_LAST 8000u
#define STEP_MOST (PATIENCE / ROUNDS)
#define BYTES (256u * 1024)

static struct system_message alarm_message, other;
static handle_t reply_port, queue;
static uint8_t *sent_bytes, *received_bytes;
static volatile uint32_t served;
static uint32_t interruptions; /* waits that ended with EINTR */

/* An upcall at that time. */
static bool upcall_at(uint64_t time)
{
    alarm_message = (struct system_message){.operation = SYSTEM_TIMER,
                                            .flags = MSG_ASYNC,
                                            .reply_port = reply_port,
                                            .time = time};
    long error = limen_msg_send(LIMEN_SYSTEM, &alarm_message);
    return step_ok(error == -EASYNC, "the upcall's timer", error);
}

/* Waits until so many upcalls have come. */
static bool upcalls_come_to(uint32_t count)
{
    uint64_t deadline = clock_now() + PATIENCE;
    while (upcalls < count && clock_now() < deadline)
        (void)limen_thread_yield();
    return upcalls_were(count);
}

static bool begin(void)
{
    upcalls_begin();
    reply_port = upcall_port(HANDLE_SELF);
    queue = queue_port();
    return (long)reply_port.value > 0 && (long)queue.value > 0;
}

static bool end(bool right)
{
    return closed(reply_port) && closed(queue) && right;
}

/* --- What may end at the same time --- */

/* What a wait answered. */
static long ended_with(long error)
{
    interruptions += error == -EINTR;
    return error;
}

static bool sleep_ends(uint64_t time)
{
    long error = ended_with(limen_clock_sleep(&time));
    return step_ok(error == 0 || error == -EINTR, "clock_sleep", error) &&
           step_ok(error == -EINTR || clock_now() >= time, "too early", error);
}

static bool futex_ends(uint64_t time)
{
    static uint32_t word;
    long error = ended_with(limen_futex_wait(&word, 0, &time));
    return step_ok(error == -ETIMEDOUT || error == -EINTR, "futex_wait", error) &&
           step_ok(limen_futex_wake(&word, 1) == 0, "still waits", error);
}

static bool message_ends(uint64_t time)
{
    other = (struct system_message){.operation = SYSTEM_TIMER, .time = time, .error = 1};
    long error = ended_with(limen_msg_send(LIMEN_SYSTEM, &other));
    return step_ok(error == 0 || error == -EINTR, "a timer message", error) &&
           step_ok(other.error == error, "its error", other.error) &&
           step_ok(limen_msg_cancel(&other) == -ESRCH, "cancelled", 0);
}

/* The message is taken once: by the wait, or afterwards. */
static bool waitsys_ends(uint64_t time, bool any)
{
    struct system_message *came = &other;
    other = (struct system_message){
        .operation = SYSTEM_TIMER, .flags = MSG_ASYNC, .reply_port = queue, .time = time};
    long sent = limen_msg_send(LIMEN_SYSTEM, &other);
    uint32_t waits = 0;
    long error;
    do {
        error = ended_with(any ? limen_msg_wait_any(queue, &came, NULL)
                               : limen_msg_wait(queue, &other, NULL));
        waits++;
    } while (error == -EINTR);
    return step_ok(sent == -EASYNC && error == 0 && came == &other, "waitsys", error) &&
           step_ok(waits <= 2, "waits", waits) &&
           step_ok(limen_msg_test_any(queue, &came) == -EAGAIN, "came twice", 0);
}

static bool waitsys_any_ends(uint64_t time)
{
    return waitsys_ends(time, true);
}

static bool waitsys_given_ends(uint64_t time)
{
    return waitsys_ends(time, false);
}

static bool receive_ends(uint64_t time)
{
    long error = ended_with(limen_receive(stage_ports[1], &time));
    return step_ok(error == -ETIMEDOUT || error == -EINTR, "receive", error);
}

/* Answers whatever comes, sums of what was sent; a caller that was interrupted hears
 * nothing. */
static void serve(uint32_t unused)
{
    struct limen_words words;
    const struct message_window window = {.buffer = received_bytes, .size = BYTES};
    (void)unused;
    (void)limen_message_window(&window);
    for (;;) {
        long kind = limen_receive_words(stage_ports[0], &words, NULL);
        if (kind != MESSAGE_CALL)
            return;
        served++;
        struct message answer = {.words = {words.words[0] + 1, words.words[1] + 2},
                                 .send = received_bytes,
                                 .send_size = words.words[2]};
        long error = limen_message_reply(&answer);
        if (error != 0 && error != -ESRCH)
            upcall_wrong++;
    }
}

/* A call of so many bytes; its answer has all or the call says so. */
static bool call_ends(uint32_t size)
{
    static uint32_t number;
    struct message call = {.words = {++number, 3 * number, size},
                           .send = sent_bytes,
                           .send_size = size,
                           .receive = sent_bytes,
                           .receive_size = size};
    uint32_t words[4] = {stage_endpoints[0].value, (uint32_t)&call, 0, 0};
    long tag = ended_with(limen_cross_words(SYS_LIMEN_message_call, words));
    if (tag == -EINTR)
        return true;
    return step_ok(tag >= 0 && MESSAGE_SIZE(tag) == size, "message_call", tag) &&
           step_ok(words[1] == number + 1 && words[2] == 3 * number + 2, "its answer",
                   words[1]);
}

static bool short_call_ends(uint64_t unused)
{
    (void)unused;
    return call_ends(0);
}

static bool long_call_ends(uint64_t unused)
{
    (void)unused;
    return call_ends(BYTES);
}

/* --- Sweeps --- */

/* The upcall's moment moves past that at which the wait is to end. */
static bool rounds(bool (*ends)(uint64_t time), uint64_t step)
{
    bool right = begin();
    for (uint32_t round = 0; right && round < ROUNDS; round++) {
        uint64_t start = clock_now();
        right = upcall_at(start + round * step) && ends(start + ROUNDS / 2 * step) &&
                upcalls_come_to(round + 1);
    }
    return end(right);
}

/* In steps as short as there is time for, and longer ones until the wait has ended in
 * both ways so often: it takes a while to come to it, and to the end of a long call. */
static bool sweep(bool (*ends)(uint64_t time), uint32_t least)
{
    bool right = true;
    uint32_t before = interruptions, interrupted = 0, ended = 0;
    for (uint64_t step = STEP_FIRST;
         right && (step <= STEP_LAST || interrupted < least || ended < least);
         step *= 2) {
        right = step_ok(step < STEP_MOST, "both ends were not seen", interruptions) &&
                rounds(ends, step);
        ended += ROUNDS - (interruptions - before - interrupted);
        interrupted = interruptions - before;
    }
    return right;
}

static bool waits_that_end(void)
{
    static bool (*const all[])(uint64_t) = {sleep_ends,         futex_ends,
                                            message_ends,       waitsys_any_ends,
                                            waitsys_given_ends, receive_ends};
    bool right = stage_open(2);
    for (uint32_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        right = step_ok(sweep(all[i], ROUNDS / 4), "kind", i) && right;
    return stage_close() && right;
}

static uint8_t *map_bytes(void)
{
    struct memory_map map = {.size = BYTES, .flags = MEMORY_READ | MEMORY_WRITE};
    return limen_memory_map(HANDLE_SELF, &map) < 0 ? NULL : (uint8_t *)map.address;
}

/* Of more and less priority than the server's: then it is amid its copy, or at its end.
 */
static bool calls_that_are_answered(void)
{
    bool right = true;
    sent_bytes = map_bytes();
    received_bytes = map_bytes();
    for (int higher = 0; higher < 2; higher++) {
        right = right && stage_open(1) && stage_start(0, serve, higher ? HIGH : OWN + 4);
        right = right && step_ok(sweep(short_call_ends, 0), "short calls", higher) &&
                step_ok(sweep(long_call_ends, 1), "long calls", higher);
        right = step_ok(upcall_wrong == 0, "answers", upcall_wrong) && right;
        right = stage_close() && right;
    }
    (void)limen_memory_unmap(HANDLE_SELF, (uint32_t)sent_bytes, BYTES);
    (void)limen_memory_unmap(HANDLE_SELF, (uint32_t)received_bytes, BYTES);
    return right && step_ok(served > 0, "calls served", served);
}

static const struct test_case cases[] = {
    {"waits that end at the same time", waits_that_end},
    {"calls that are answered at the same time", calls_that_are_answered},
};

int main(void)
{
    return RUN_CASES(cases);
}
