/* SPDX-License-Identifier: MIT */
/*
 * Queues of signals on the host, against a plain list: random signals are sent, taken and
 * dropped, and both must always hold the same.
 */
#include <string.h>

#include <limen/tap.h>

#include "../shim/signal_queue.h"

#define ROUNDS 200000
#define MOST 200

static struct signal_queue queue;
static struct signal_entry entries[MOST];
static struct {
    int number;
    struct signal_entry *entry;
} plain[MOST];
static int plain_count;
static uint64_t seed = 1;

static uint32_t random_below(uint32_t limit)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 20) % limit;
}

static int plain_find(int number)
{
    for (int i = 0; i < plain_count; i++)
        if (plain[i].number == number)
            return i;
    return -1;
}

static void plain_remove(int at)
{
    plain_count--;
    memmove(&plain[at], &plain[at + 1], (size_t)(plain_count - at) * sizeof plain[0]);
}

static struct signal_entry *unused_entry(void)
{
    for (int i = 0; i < MOST; i++)
        if (!entries[i].queued)
            return &entries[i];
    return NULL;
}

/* Few numbers, so that they meet; from both sides of SIGNAL_QUEUED. */
static int some_signal(void)
{
    static const int numbers[] = {1, 2, 31, 32, 33, 64};
    return numbers[random_below(6)];
}

static bool send(int number)
{
    bool known = number < SIGNAL_QUEUED && plain_find(number) >= 0;
    if (signal_queue_has(&queue, number) != known)
        return false;
    struct signal_entry *entry = unused_entry();
    if (known || !entry || plain_count == MOST)
        return true;
    entry->info.number = number;
    plain[plain_count].number = number;
    plain[plain_count++].entry = entry;
    signal_queue_add(&queue, number, entry);
    return true;
}

static bool take(int number)
{
    int at = plain_find(number);
    struct signal_entry *wanted = at < 0 ? NULL : plain[at].entry;
    if (at >= 0)
        plain_remove(at);
    return signal_queue_take(&queue, number) == wanted;
}

static bool drop(void)
{
    if (plain_count == 0)
        return true;
    int at = (int)random_below((uint32_t)plain_count);
    signal_queue_drop(&queue, plain[at].entry);
    plain_remove(at);
    return true;
}

static bool set_right(void)
{
    uint64_t set = 0;
    for (int i = 0; i < plain_count; i++)
        set |= SIGNAL_BIT(plain[i].number);
    return queue.set == set && (!set || plain_find(signal_lowest(set)) >= 0);
}

int main(void)
{
    int wrong = 0;
    tap_plan(4);
    for (int i = 0; i < ROUNDS; i++) {
        uint32_t dice = random_below(20);
        bool right = dice < 10   ? send(some_signal())
                     : dice < 19 ? take(some_signal())
                                 : drop();
        wrong += !right || !set_right();
    }
    tap_is(wrong, 0, "%d operations are right", ROUNDS);
    while (plain_count > 0)
        wrong += !take(plain[0].number);
    tap_ok(wrong == 0 && queue.set == 0 && !queue.first, "the queue is empty then");
    signal_queue_add(&queue, 5, NULL);
    tap_ok(queue.set == SIGNAL_BIT(5) && !signal_queue_take(&queue, 5) && !queue.set,
           "a signal can wait without an entry");
    tap_ok(signal_lowest(SIGNAL_BIT(64)) == 64
               && signal_lowest(SIGNAL_BIT(33) | SIGNAL_BIT(64)) == 33
               && signal_lowest(~0ull) == 1,
           "the lowest of a set");
    return tap_done();
}
