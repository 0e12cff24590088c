/* SPDX-License-Identifier: MIT */
/* Signals and ends against plain sets: each signal that is posted comes to the one who
 * listens for it, once, or stays. */
#include "watch.h"

#include "error.h"
#include "request.h"
#include "unit.h"

#define REQUESTS 20u
#define ROUNDS 200000u

static struct watch watched;
static struct request requests[REQUESTS];
static uint32_t returned[REQUESTS];
static uint64_t posted; /* the model: what nobody has listened for */

/* What the kernel's request.c does, as far as it matters here. */
void request_return(struct request *request)
{
    returned[request - requests]++;
    if (!request->live)
        list_remove(&request->place);
}

long request_cancel(struct request *request, int32_t error)
{
    request->live = false;
    request->result.error = error;
    request_return(request);
    return 0;
}

static uint64_t some_signals(void)
{
    uint64_t signals = 0;

    for (uint32_t i = 0; i <= random_below(4); i++)
        signals |= 1ull << random_below(64);
    return signals;
}

static void begin(void)
{
    random_begin();
    watch_init(&watched);
    watched.posted = 0;
    posted = 0;
    for (uint32_t i = 0; i < REQUESTS; i++) {
        list_init(&requests[i].place);
        returned[i] = 0;
    }
}

/* Whether the request listens and has been told, since the last look, of just these. */
static void has_got(uint32_t which, uint64_t signals)
{
    struct request *request = &requests[which];

    assert_int_equal(returned[which], signals != 0);
    assert_int_equal(request->result.words[0], (uint32_t)signals);
    assert_int_equal(request->result.words[1], (uint32_t)(signals >> 32));
    returned[which] = 0;
    request->result = (struct request_result){0};
}

static void listen_somewhere(uint32_t which)
{
    struct request *request = &requests[which];
    bool busy = false;

    if (list_in(&request->place))
        return;
    request->signals = some_signals();
    request->live = random_below(2);
    for (uint32_t i = 0; i < REQUESTS; i++)
        busy = busy || (i != which && list_in(&requests[i].place) &&
                        requests[i].signals & request->signals);
    assert_int_equal(watch_listen(&watched, request), busy ? -EBUSY : 0);
    has_got(which, busy ? 0 : posted & request->signals);
    if (!busy)
        posted &= ~request->signals;
}

static void post_some(void)
{
    uint64_t signals = some_signals(), wanted[REQUESTS];

    posted |= signals;
    for (uint32_t i = 0; i < REQUESTS; i++) {
        wanted[i] = list_in(&requests[i].place) ? posted & requests[i].signals : 0;
        posted &= ~wanted[i];
    }
    watch_post(&watched, signals);
    for (uint32_t i = 0; i < REQUESTS; i++)
        has_got(i, wanted[i]);
}

static void random_signals(void **state)
{
    begin();
    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint32_t which = random_below(REQUESTS);
        if (random_below(3) == 0)
            listen_somewhere(which);
        else if (random_below(3) == 0)
            list_remove(&requests[which].place); /* cancelled */
        else
            post_some();
        assert_int_equal(watched.posted, posted);
    }
}

static void all_hear_of_the_end(void **state)
{
    const uint32_t words[3] = {1, 2, 3};

    begin();
    for (uint32_t i = 0; i < REQUESTS; i++) {
        requests[i].live = false;
        list_append(i % 2 ? &watched.ends : &watched.listeners, &requests[i].place);
    }
    watch_end(&watched, words);
    assert_true(list_empty(&watched.ends) && list_empty(&watched.listeners));
    for (uint32_t i = 0; i < REQUESTS; i++) {
        assert_int_equal(returned[i], 1);
        if (i % 2)
            assert_memory_equal(requests[i].result.words, words, sizeof(words));
        else
            assert_int_equal(requests[i].result.error, -ESRCH);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_signals),
        cmocka_unit_test(all_hear_of_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
