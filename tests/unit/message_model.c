/* SPDX-License-Identifier: MIT */
/* The model of system-call messages by itself: what the ABI says, case by case. */
#include <errno.h>

#include "../../user/tests/message-model/model.h"
#include "unit.h"

#define ASYNC 115

static struct model model;

static const struct model_request timer = {.kind = MODEL_TIMER, .async = true};
static const struct model_request call = {.kind = MODEL_CALL, .async = true};

static int begin(void **state)
{
    model_begin(&model);
    return 0;
}

static void send(uint32_t message, struct model_request request)
{
    assert_int_equal(model_send(&model, message, &request), -ASYNC);
    model_end(&model);
}

static int32_t test(uint32_t port, uint32_t message, uint32_t *came)
{
    int32_t result = model_test(&model, port, message, -EAGAIN, came);
    model_end(&model);
    return result;
}

static void comes_back_in_order(void **state)
{
    uint32_t came;
    struct model_request overdue = timer;

    send(0, timer);
    overdue.overdue = true;
    send(2, overdue);
    send(1, overdue);
    assert_int_equal(test(0, MODEL_NONE, &came), -EAGAIN);
    model_pass(&model);
    assert_int_equal(model_cancel(&model, 0), 0);
    assert_int_equal(model_cancel(&model, 0), -ESRCH);
    assert_int_equal(test(0, MODEL_NONE, &came), 0);
    assert_int_equal(came, 1); /* of one moment: by their places in the table */
    assert_int_equal(test(0, 0, &came), -ECANCELED);
    assert_int_equal(model.messages[0].shown.error, -ECANCELED);
    assert_int_equal(test(1, 2, &came), -ESRCH);
    assert_int_equal(test(0, 2, &came), 0);
    assert_int_equal(test(0, 2, &came), -ESRCH);
}

static void shows_itself(void **state)
{
    struct model_request alone = timer;

    alone.port = MODEL_NONE;
    send(3, alone);
    assert_int_equal(model.messages[3].shown.error, -ASYNC);
    assert_int_equal(model_cancel(&model, 3), 0);
    assert_int_equal(model.messages[3].shown.error, -ASYNC);
    model_end(&model);
    assert_int_equal(model.messages[3].shown.error, -ECANCELED);
    assert_int_equal(model.messages[3].state, MODEL_IDLE);
}

static void signals_add_up(void **state)
{
    struct model_request listen = {
        .kind = MODEL_PROCESS_SIGNALS, .async = true, .live = true, .signals = 0x3};
    uint32_t came;

    assert_int_equal(model_post(&model, 0, false, 0x5), 0);
    send(0, listen);
    assert_int_equal(model_send(&model, 1, &listen), -EBUSY);
    assert_int_equal(model_post(&model, 0, false, 0x2), 0);
    assert_int_equal(test(0, MODEL_NONE, &came), 0);
    assert_int_equal(model.messages[0].shown.words[0], 0x3);
    assert_int_equal(test(0, 0, &came), -EAGAIN);
    listen.signals = 0x4;
    listen.live = false;
    assert_int_equal(model_send(&model, 1, &listen), 0);
    assert_int_equal(model.messages[1].shown.words[0], 0x4);
}

static void helpers_get_it(void **state)
{
    send(0, timer);
    model_wait(&model, 0, 0, MODEL_NONE);
    model_wait(&model, 1, 0, 0);
    model_wait(&model, 2, 0, 0);
    model_suspend(&model, 1);
    assert_int_equal(model_cancel(&model, 0), 0);
    model_end(&model);
    assert_int_equal(model.helpers[1].state, HELPER_HAS);
    assert_int_equal(model.messages[0].shown.error, -ASYNC);
    model_give_up(&model, 1); /* the next that waits for it */
    model_end(&model);
    assert_int_equal(model.helpers[2].state, HELPER_DONE);
    assert_int_equal(model.helpers[2].result, -ECANCELED);
    model_close_port(&model, 0);
    assert_int_equal(model.helpers[0].result, -EPIPE);
}

static void servers_answer(void **state)
{
    const uint32_t words[3] = {7, 8, 9};
    uint32_t which;

    send(4, call);
    send(5, call);
    assert_int_equal(model_receive(&model, 0, &which), 0);
    assert_int_equal(which, 4);
    assert_int_equal(model_receive(&model, 0, &which), -EBUSY);
    assert_int_equal(model_defer(&model, 2), 0);
    assert_int_equal(model_receive(&model, 0, &which), 0);
    assert_int_equal(model_cancel(&model, 5), 0);
    assert_int_equal(model_reply(&model, words), -ESRCH);
    model_close_server(&model, 0); /* does not concern who was received */
    assert_int_equal(model_reply_to(&model, 2, words), 0);
    assert_int_equal(test(0, 4, &which), 0);
    assert_memory_equal(model.messages[4].shown.words, words, sizeof(words));
}

static void one_answers_at_once(void **state)
{
    uint32_t came;
    struct model_request ask = call;

    ask.what = MODEL_ECHO;
    ask.answer[0] = 7;
    assert_int_equal(model_send(&model, 0, &ask), -ASYNC);
    ask.answer[0] = 8;
    assert_int_equal(model_send(&model, 1, &ask), -ASYNC);
    model_end(&model);
    assert_int_equal(test(0, MODEL_NONE, &came), 0);
    assert_int_equal(came, 0);
    assert_int_equal(model.messages[0].shown.words[0], 7);
    model_stop_echo(&model);
    send(2, ask);
    assert_int_equal(test(0, 2, &came), -EAGAIN);
    assert_int_equal(model_cancel(&model, 2), 0);
    send(3, ask);
    model_let_echo(&model);
    model_end(&model);
    assert_int_equal(test(0, 3, &came), 0);
    assert_int_equal(model.messages[3].shown.words[0], 8);
    assert_int_equal(test(0, 2, &came), -ECANCELED);
    assert_int_equal(test(0, 1, &came), 0);
}

static void ends_are_told(void **state)
{
    struct model_request end = {.kind = MODEL_PROCESS_END, .async = true, .what = 1};
    uint32_t came;

    send(0, end);
    end.kind = MODEL_THREAD_END;
    send(1, end);
    model_kill(&model, 1, 42);
    assert_int_equal(test(0, MODEL_NONE, &came), 0);
    assert_int_equal(came, 1);
    assert_int_equal(test(0, MODEL_NONE, &came), 0);
    assert_int_equal(model.messages[0].shown.words[1], 42);
    assert_int_equal(model_send(&model, 1, &end), 0);
    assert_int_equal(model_post(&model, 1, false, 1), -ESRCH);
}

static void words_are_moved(void **state)
{
    struct model_request word = {
        .kind = MODEL_FUTEX, .async = true, .what = 0, .as_before = true};
    uint32_t came;

    for (uint32_t i = 0; i < 4; i++)
        send(i, word);
    assert_int_equal(model_wake(&model, 0, 1, 2, 1), 3);
    assert_int_equal(model_wake(&model, 1, 1, 0, 0), 1);
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(test(0, MODEL_NONE, &came), 0);
        assert_int_equal(came, i);
    }
    word.as_before = false;
    assert_int_equal(model_send(&model, 0, &word), -EAGAIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(comes_back_in_order, begin),
        cmocka_unit_test_setup(shows_itself, begin),
        cmocka_unit_test_setup(signals_add_up, begin),
        cmocka_unit_test_setup(helpers_get_it, begin),
        cmocka_unit_test_setup(servers_answer, begin),
        cmocka_unit_test_setup(one_answers_at_once, begin),
        cmocka_unit_test_setup(ends_are_told, begin),
        cmocka_unit_test_setup(words_are_moved, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
