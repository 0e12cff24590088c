/* SPDX-License-Identifier: MIT */
/* A client: some calls, sends and mistakes in every slot. */
#include <errno.h>
#include <string.h>

#include <limen/abi.h>
#include <limen/message.h>

#include "traffic.h"

#define STEPS 24u /* in a slot, at most */
#define FORGED 0x12345u
#define KEPT_BY_CALL 1u /* ebx */

struct target target_choose(struct worker *worker)
{
    uint32_t port = worker_random(worker, PORTS);
    uint32_t which = worker_random(worker, 4) == 0;

    return (struct target){
        setup.endpoints[port][which],
        badge_of(setup.process, setup.generation, port, which),
        which != 0,
    };
}

void target_words(struct worker *worker, uint32_t words[3])
{
    for (int i = 0; i < 3; i++)
        words[i] = worker_random(worker, UINT32_MAX);
}

bool target_may_answer(const struct target *target, long result)
{
    return result == 0 || result == -EPIPE || (result == -EBADF && target->may_be_closed);
}

/* A call with three words, which must be kept if there is no answer. */
static void call(struct worker *worker, struct target target)
{
    struct crossing crossing = {.words = {SYS_LIMEN_call, target.endpoint}};
    uint32_t words[3];

    target_words(worker, words);
    memcpy(crossing.words + 2, words, sizeof(words));
    long result = worker_cross(worker, &crossing, KEPT_BY_CALL);
    worker_expect(worker, target_may_answer(&target, result), WRONG_RESULT);
    if (result == 0)
        answer_words(words, target.badge);
    worker_expect(worker, memcmp(words, crossing.words + 2, sizeof(words)) == 0,
                  WRONG_WORDS);
}

static void step_call(struct worker *worker)
{
    call(worker, target_choose(worker));
}

static void step_send(struct worker *worker)
{
    struct target target = target_choose(worker);
    uint32_t words[3];

    target_words(worker, words);
    long result = worker_call(worker, SYS_LIMEN_send, target.endpoint, words[0], words[1],
                              words[2]);
    worker_expect(worker, target_may_answer(&target, result), WRONG_RESULT);
}

/* Bytes and handles, both ways; the other side may take or send fewer. */
static void step_long_call(struct worker *worker)
{
    struct target target = target_choose(worker);
    uint32_t room = random_size(worker);
    uint32_t words[3];

    target_words(worker, words);
    struct message message = {
        .words = {words[0], words[1], words[2]},
        .send = worker->bytes,
        .send_size = random_size(worker),
        .receive = worker->bytes + BYTES,
        .receive_size = room,
        .handle_room = worker_random(worker, 3),
        .handle_count = worker_random(worker, 4) / 2,
        .handles = {{target.endpoint}, {target.endpoint}},
        .rights = {RIGHT_SEND, RIGHTS_SAME},
    };
    fill_bytes(worker->bytes, message.send_size, words[0]);
    struct crossing crossing = {
        .words = {SYS_LIMEN_message_call, target.endpoint, (uint32_t)&message}};
    long tag = worker_cross(worker, &crossing, KEPT_BY_CALL);
    long result = limen_message_came(&message, crossing.words + 1, tag, room);
    worker_expect(worker, target_may_answer(&target, result) || result == -E2BIG,
                  WRONG_RESULT);
    if (result != 0)
        return;
    answer_words(words, target.badge);
    worker_message(worker, &message, room);
    worker_expect(worker, memcmp(words, message.words, sizeof(words)) == 0, WRONG_WORDS);
    worker_close_handles(worker, &message);
}

/* A call by a number that is bound to a port: the answer's first word is its result. */
static void step_bound(struct worker *worker)
{
    uint32_t port = worker_random(worker, PORTS);
    struct crossing crossing = {.words = {BOUND_FIRST + port}};
    uint32_t words[3];

    target_words(worker, words);
    memcpy(crossing.words + 2, words, sizeof(words));
    long result = worker_cross(worker, &crossing, KEPT_BY_CALL);
    answer_words(words, badge_of(BOUND, 0, port, 0));
    worker_expect(worker, result == (long)words[0] || result == -EPIPE, WRONG_RESULT);
}

/* A fault, which becomes a message; every answer to it ends the process. */
static void step_fault(struct worker *worker)
{
    if (setup.process == VICTIM && !VICTIM_ASKS(setup.seed) &&
        worker_random(worker, 3) == 0)
        (void)*(volatile uint32_t *)HOLE;
}

static void step_priority(struct worker *worker)
{
    worker_priority(worker);
}

/* Mistakes, each with its one right answer. */
static void step_mistake(struct worker *worker)
{
    struct target target = target_choose(worker);
    const struct message hole = {.send = (const void *)HOLE, .send_size = 100};
    struct crossing crossing = {.words = {SYS_LIMEN_message_call, 0, (uint32_t)&hole}};
    long result;

    switch (worker_random(worker, 6)) {
    case 0:
        result = worker_call(worker, SYS_LIMEN_call, FORGED, 1, 2, 3);
        worker_expect(worker, result == -EBADF, WRONG_RESULT);
        return;
    case 1:
        result = worker_call(worker, SYS_LIMEN_call, 0, 1, 2, 3);
        worker_expect(worker, result == -EBADF, WRONG_RESULT);
        return;
    case 2:
        result = worker_call(worker, SYS_LIMEN_reply_receive, target.endpoint, 1, 2, 3);
        worker_expect(worker, result == -EBADF, WRONG_RESULT);
        return;
    case 3:
        result = worker_call(worker, SYS_LIMEN_reply, 0, 1, 2, 3);
        worker_expect(worker, result == -ESRCH, WRONG_RESULT);
        return;
    case 4:
        result = worker_call(worker, SYS_LIMEN_message_call, target.endpoint, HOLE, 0, 0);
        worker_expect(worker, result == -EFAULT, WRONG_RESULT); /* it is read first */
        return;
    default: /* who takes no bytes does not see that there are none */
        crossing.words[1] = target.endpoint;
        result = worker_cross(worker, &crossing, KEPT_BY_CALL);
        result = result < 0 ? result : (long)MESSAGE_KIND(result);
        worker_expect(worker, target_may_answer(&target, result) || result == -EFAULT,
                      WRONG_RESULT);
    }
}

/* A second handle to an endpoint, with fewer rights, or with too few. */
static void step_copy(struct worker *worker)
{
    struct target target = target_choose(worker);
    bool may_send = worker_random(worker, 3) != 0;
    uint32_t rights = may_send ? RIGHT_SEND : RIGHT_TRANSFER;
    long copy =
        worker_call(worker, SYS_LIMEN_handle_duplicate, target.endpoint, rights, 0, 0);

    worker_expect(worker, copy > 0 || (copy == -EBADF && target.may_be_closed),
                  WRONG_RESULT);
    if (copy <= 0)
        return;
    target.endpoint = (uint32_t)copy;
    target.may_be_closed = false;
    if (may_send) {
        call(worker, target);
    } else {
        long result = worker_call(worker, SYS_LIMEN_call, target.endpoint, 1, 2, 3);
        worker_expect(worker, result == -EPERM, WRONG_RESULT);
    }
    long result = worker_call(worker, SYS_LIMEN_handle_close, target.endpoint, 0, 0, 0);
    worker_expect(worker, result == 0, WRONG_RESULT);
}

/* Closes a port's second badge, for all of the process and for good. */
static void step_close(struct worker *worker)
{
    uint32_t port = worker_random(worker, PORTS);

    if (worker_random(worker, 4) == 0)
        (void)worker_call(worker, SYS_LIMEN_handle_close, setup.endpoints[port][1], 0, 0,
                          0);
}

static void step_yield(struct worker *worker)
{
    long result = worker_call(worker, SYS_LIMEN_thread_yield, 0, 0, 0, 0);
    worker_expect(worker, result == 0, WRONG_RESULT);
}

static void (*const steps[])(struct worker *) = {
    step_call,      step_call,    step_call, step_call, step_call,      step_call,
    step_call,      step_call,    step_send, step_send, step_long_call, step_long_call,
    step_long_call, step_mistake, step_copy, step_copy, step_yield,     step_close,
    step_bound,     step_fault,   step_call, step_call, step_priority,
};

_Noreturn void client_run(struct worker *worker)
{
    bool asks = setup.process != VICTIM || VICTIM_ASKS(setup.seed);

    if (asks)
        async_begin(worker);
    for (;;) {
        uint32_t count = 1 + worker_random(worker, STEPS);
        for (uint32_t i = 0; i < count; i++)
            if (asks && worker_random(worker, 2))
                async_step(worker);
            else
                steps[worker_random(worker, sizeof(steps) / sizeof(*steps))](worker);
        worker_wait(worker);
    }
}
