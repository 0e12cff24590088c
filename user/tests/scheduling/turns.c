/* SPDX-License-Identifier: MIT */
/*
 * Parties of one priority, each of which wants all the time there is: a thread that
 * spins, or a client and a server that exchange messages. They write down whose turn it
 * is; what happens in a turn counts, not how long it takes.
 */
#include "turns.h"

#include "../stage.h"

#define TWIN_PAGES 400
#define ROUNDS 5                    /* in which each party has a turn */
#define TURN_MAX (20 * MILLISECOND) /* two slices */
#define LATENESS (4 * MILLISECOND)  /* of all ticks of the rounds together */
#define PARTIES_MAX 4
#define MOST (9 * MILLISECOND) /* of a slice */
#define REST MILLISECOND
#define LONG_SIZE (3 * PAGE_SIZE)

static uint32_t parties;
static volatile uint32_t turn_of;    /* whose turn it is */
static volatile uint32_t turn_count; /* turns that have begun */
static volatile uint32_t turn_goal;  /* whose begin the first thread waits for */
static volatile uint32_t turns[PARTIES_MAX * ROUNDS]; /* the last ones, in a ring */
#define TURNS (sizeof(turns) / sizeof(*turns))

static void take_turn(uint32_t party)
{
    if (turn_of == party)
        return;
    turn_of = party;
    turns[turn_count % TURNS] = party;
    turn_count++;
    if (turn_count == turn_goal)
        (void)limen_futex_wake((uint32_t *)&turn_count, 1);
}

/* --- What they do --- */

static void spin(uint32_t which)
{
    while (!stage_stop)
        take_turn(which);
}

/* Pairs are party 0. */
static void client_calls(uint32_t unused)
{
    (void)unused;
    do
        take_turn(0);
    while (!stage_stop && limen_call(stage_endpoints[0], 0, 0, 0) == 0);
}

static uint8_t long_bytes[2][LONG_SIZE];

static void client_sends_bytes(uint32_t size)
{
    struct message message;
    do {
        take_turn(0);
        message = (struct message){.send = long_bytes[0], .send_size = size};
    } while (!stage_stop && limen_call_message(stage_endpoints[0], &message) == 0);
}

static void client_sends_few(uint32_t unused)
{
    (void)unused;
    client_sends_bytes(64);
}

static void client_sends_many(uint32_t unused)
{
    (void)unused;
    client_sends_bytes(LONG_SIZE);
}

static void client_sends(uint32_t unused)
{
    struct limen_words got = {0};
    (void)unused;
    do
        take_turn(0);
    while (!stage_stop && limen_send(stage_endpoints[0], 0, 0, 0) == 0 &&
           limen_receive_words(stage_ports[1], &got, NULL) == MESSAGE_SEND);
}

static void server_answers_and_receives(uint32_t unused)
{
    struct limen_words got = {0};
    (void)unused;
    while (limen_reply_receive_words(stage_ports[0], &got) == MESSAGE_CALL)
        take_turn(0);
}

static void server_answers(uint32_t unused)
{
    struct limen_words got = {0};
    (void)unused;
    while (limen_receive_words(stage_ports[0], &got, NULL) == MESSAGE_CALL) {
        take_turn(0);
        (void)limen_reply(0, 0, 0, 0);
    }
}

static void server_defers(uint32_t unused)
{
    struct limen_words got = {0};
    struct message answer = {0};
    (void)unused;
    while (limen_receive_words(stage_ports[0], &got, NULL) == MESSAGE_CALL) {
        take_turn(0);
        (void)limen_reply_to(handle_of(limen_reply_defer()), &answer);
    }
}

static void server_takes_bytes(uint32_t unused)
{
    struct message message;
    (void)unused;
    do {
        take_turn(0);
        message = (struct message){.receive = long_bytes[1], .receive_size = LONG_SIZE};
    } while (limen_reply_receive_message(stage_ports[0], &message) == MESSAGE_CALL);
}

static void server_sends(uint32_t unused)
{
    struct limen_words got = {0};
    (void)unused;
    while (limen_receive_words(stage_ports[0], &got, NULL) == MESSAGE_SEND) {
        take_turn(0);
        (void)limen_send(stage_endpoints[1], 0, 0, 0);
    }
}

/* --- What must come of it --- */

static uint64_t times[STAGE_THREADS];

/* What thread `which` had since the last time that this was asked. */
static uint64_t had(uint32_t which)
{
    uint64_t now = stage_info(stage_threads[which]).time;
    uint64_t before = times[which];
    times[which] = now;
    return now - before;
}

/* The last turns went round. */
static bool went_round(void)
{
    bool right = true;
    uint32_t first = turn_count - parties * ROUNDS;
    for (uint32_t i = first + 1; i != turn_count; i++)
        right = right && turns[i % TURNS] == (turns[(i - 1) % TURNS] + 1) % parties;
    return right;
}

/* Each thread belongs to a party; each party had the same time but for one turn. */
static bool had_the_same(const uint32_t *party_of, uint32_t threads)
{
    uint64_t sums[PARTIES_MAX] = {0};
    uint64_t least = ~0ull, most = 0;
    for (uint32_t i = 0; i < threads; i++)
        sums[party_of[i]] += had(i);
    for (uint32_t i = 0; i < parties; i++) {
        least = sums[i] < least ? sums[i] : least;
        most = sums[i] > most ? sums[i] : most;
    }
    return most - least <= TURN_MAX + LATENESS;
}

static bool rounds_pass(uint32_t rounds)
{
    uint64_t deadline = clock_now() + PATIENCE;
    long error = 0;
    uint32_t now;
    turn_goal = turn_count + parties * rounds;
    while ((int32_t)((now = turn_count) - turn_goal) < 0 && error != -ETIMEDOUT)
        error = limen_futex_wait((uint32_t *)&turn_count, now, &deadline);
    return step_ok(error != -ETIMEDOUT, "starved; turns", turn_count);
}

/*
 * Rounds pass until in some of them in a row all was as it must be. The first are always
 * so, unless the machine itself is kept from running for a while: an emulator counts that
 * as the time of who ran, and ticks come late. Who is starved ends the wait at once.
 */
static bool is_fair(const uint32_t *party_of, uint32_t threads)
{
    uint64_t deadline = clock_now() + PATIENCE;
    bool right, round = false;
    do {
        for (uint32_t i = 0; i < threads; i++)
            (void)had(i);
        right = rounds_pass(ROUNDS);
        if (!right)
            return false;
        round = went_round();
        right = had_the_same(party_of, threads) && round;
    } while (!right && clock_now() < deadline);
    return step_ok(right, round ? "unequal times" : "turns do not go round", 0);
}

static bool begin(uint32_t how_many, uint32_t ports)
{
    bool right = stage_open(ports);
    parties = how_many;
    turn_of = ~0u;
    turn_count = turn_goal = 0;
    return right;
}

/* --- Cases --- */

bool busy_threads_share(void)
{
    static const uint32_t party_of[] = {0, 1, 2, 3};
    bool right = begin(4, 0);
    for (uint32_t i = 0; i < 4; i++)
        right = right && stage_start(i, spin, MIDDLE);
    right = right && is_fair(party_of, 4);
    return stage_close() && right;
}

static volatile uint32_t awake, gone;

static void interrupt_often(uint32_t unused)
{
    (void)unused;
    while (!stage_stop) {
        awake++;
        sleep_for(MILLISECOND);
    }
    stage_tell(&gone, 1);
}

/* Who is interrupted goes on with its turn, and does not begin it again. */
bool interrupted_threads_share(void)
{
    static const uint32_t party_of[] = {0, 1};
    bool right = begin(2, 0);
    awake = gone = 0;
    for (uint32_t i = 0; i < 2; i++)
        right = right && stage_start(i, spin, MIDDLE);
    right = right && stage_start(2, interrupt_often, HIGH) && is_fair(party_of, 2) &&
            step_ok(awake > ROUNDS * 2, "interruptions", awake);
    stage_stop = 1;
    right = stage_wait(&gone, 1) && right;
    return stage_close() && right;
}

static void take_most(uint32_t unused)
{
    (void)unused;
    while (!stage_stop) {
        uint64_t end = clock_now() + MOST;
        while (clock_now() < end)
            ;
        sleep_for(REST);
    }
    stage_tell(&gone, 1);
}

/* Turns end in time though most ticks find somebody of a higher priority. As long as the
 * machine is kept from running it may take longer. */
bool turns_end_under_load(void)
{
    uint64_t deadline = clock_now() + PATIENCE;
    uint64_t passed = 0;
    bool right = begin(2, 0);
    gone = 0;
    for (uint32_t i = 0; i < 2; i++)
        right = right && stage_start(i, spin, MIDDLE);
    right = right && stage_start(2, take_most, HIGH);
    do {
        uint64_t started = clock_now();
        right = right && rounds_pass(ROUNDS);
        passed = clock_now() - started;
    } while (right && passed > ROUNDS * 2 * TURN_MAX * 3 / 2 && clock_now() < deadline);
    right = right && step_ok(clock_now() < deadline, "rounds took ns", (long long)passed);
    stage_stop = 1;
    right = stage_wait(&gone, 1) && right;
    return stage_close() && right;
}

/* A pair, which is one party, beside somebody who spins. */
static bool pair_shares(void (*client)(uint32_t), void (*server)(uint32_t),
                        uint32_t server_priority)
{
    static const uint32_t party_of[] = {0, 1, 0};
    bool right = begin(2, 1) && stage_start(2, server, server_priority);
    stage_settle(); /* it serves the port */
    right = right && stage_start(0, client, MIDDLE) && stage_start(1, spin, MIDDLE) &&
            is_fair(party_of, 3);
    stage_stop = 1;
    stage_settle();
    return stage_close() && right;
}

bool fast_calls_share(void)
{
    return pair_shares(client_calls, server_answers_and_receives, MIDDLE);
}

bool separate_answers_share(void)
{
    return pair_shares(client_calls, server_answers, MIDDLE);
}

bool deferred_answers_share(void)
{
    return pair_shares(client_calls, server_defers, MIDDLE);
}

bool short_messages_share(void)
{
    return pair_shares(client_sends_few, server_takes_bytes, MIDDLE);
}

/* Interrupts come in between two pages of a message, too. */
bool long_messages_share(void)
{
    return pair_shares(client_sends_many, server_takes_bytes, MIDDLE);
}

/* A server of a low priority runs at its client's. */
bool lending_calls_share(void)
{
    return pair_shares(client_sends_few, server_takes_bytes, LESS);
}

/* Either waits for the other now and then, and so they do not use all of their turns; but
 * they have some, and the other is not starved. */
bool sends_share(void)
{
    bool right = begin(2, 2) && stage_start(0, server_sends, MIDDLE) &&
                 stage_start(1, spin, MIDDLE) && stage_start(2, client_sends, MIDDLE) &&
                 rounds_pass(4 * ROUNDS);
    stage_stop = 1;
    stage_settle();
    return stage_close() && right;
}

static void twin_serves(uint32_t port)
{
    struct limen_words got = {0};
    while (limen_reply_receive_words((handle_t){port}, &got) == MESSAGE_CALL)
        ;
    (void)limen_process_exit(0);
}

/* What a server does in a call that is handed over counts for whoever has the turn: that
 * can be either. */
bool calls_between_processes_share(void)
{
    static const uint32_t party_of[] = {0, 1, 0};
    struct child child = {0};
    bool right = begin(2, 1) &&
                 twin_given(&child, TWIN_PAGES, twin_serves, stage_ports[0]) &&
                 limen_thread_priority(child.thread, MIDDLE) == 0;
    stage_threads[2] = child.thread;
    right = right && stage_start(0, client_calls, MIDDLE) &&
            stage_start(1, spin, MIDDLE) && is_fair(party_of, 3);
    stage_stop = 1;
    stage_settle();
    (void)limen_process_kill(child.process, 0);
    child_close(&child);
    stage_threads[2].value = 0;
    return stage_close() && right;
}
