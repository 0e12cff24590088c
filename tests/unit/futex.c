/* SPDX-License-Identifier: MIT */
/*
 * Waiters on words against plain queues: whoever came first to a word of a process is the
 * first, whatever else waits, comes and goes; and words that were chosen to meet in one
 * bucket cost no more steps than a key has bits.
 */
#include "../../kernel/futex.c"

#include <stdlib.h>

#include "assert.h"
#include "process.h"
#include "thread.h"
#include "unit.h"

#define PROCESSES 3
#define WORDS 40
#define THREADS 600
#define ROUNDS 30000
#define SMALL (64 * sizeof(void *))

static struct process *processes; /* each at the begin of a page, as in the kernel */
static struct thread threads[THREADS];
static struct thread *table[4096];

/* The model: threads that wait, in the order of their coming. */
static struct thread *waiting[THREADS];
static uint32_t waiting_count;

static struct process *process_at(uint32_t index)
{
    return (struct process *)((char *)processes + index * 4096);
}

static int begin(void **state)
{
    processes = aligned_alloc(4096, PROCESSES * 4096);
    assert_non_null(processes);
    memset(threads, 0, sizeof(threads));
    waiting_count = 0;
    for (uint32_t i = 0; i < THREADS; i++)
        list_init(&threads[i].queue);
    memset(table, 0x5a, sizeof(table));
    futex_init(table, SMALL);
    return 0;
}

static int end(void **state)
{
    free(processes);
    return 0;
}

static struct thread *model_first(const struct process *process, uint32_t address)
{
    for (uint32_t i = 0; i < waiting_count; i++)
        if (waiting[i]->process == process && waiting[i]->futex.address == address)
            return waiting[i];
    return NULL;
}

static void join(struct thread *thread, struct process *process, uint32_t address)
{
    thread->process = process;
    futex_join(thread, address);
    assert_int_not_equal(thread->futex_place, FUTEX_NONE);
    waiting[waiting_count++] = thread;
}

static struct thread *futex_first(const struct process *process, uint32_t address)
{
    return *place_of(process, address);
}

/* Whoever is the first may also be taken by the word. */
static void leave(struct thread *thread)
{
    const struct process *process = thread->process;
    uint32_t address = thread->futex.address;
    uint32_t at = 0;

    if (random_below(2) && futex_first(process, address) == thread)
        assert_ptr_equal(futex_take(process, address), thread);
    else
        futex_leave(thread);
    assert_int_equal(thread->futex_place, FUTEX_NONE);
    assert_false(list_in(&thread->queue));
    while (waiting[at] != thread)
        at++;
    waiting_count--;
    memmove(&waiting[at], &waiting[at + 1], (waiting_count - at) * sizeof(waiting[0]));
}

static void check_empty(uint32_t size)
{
    for (uint32_t i = 0; i < size / sizeof(table[0]); i++)
        assert_null(table[i]);
}

static void check_word(uint32_t process, uint32_t address)
{
    const struct process *p = process_at(process);

    assert_ptr_equal(futex_first(p, address), model_first(p, address));
}

static void random_waits_follow_the_model(void **state)
{
    random_begin();
    for (uint32_t round = 0; round < ROUNDS; round++) {
        struct thread *thread = &threads[random_below(THREADS)];
        uint32_t process = random_below(PROCESSES);
        uint32_t address = 0x8000 + 4 * random_below(WORDS);

        if (thread->futex_place != FUTEX_NONE)
            leave(thread);
        else
            join(thread, process_at(process), address);
        check_word(process, address);
        check_word(random_below(PROCESSES), 0x8000 + 4 * random_below(WORDS));
    }
    while (waiting_count > 0)
        leave(waiting[random_below(waiting_count)]);
    check_empty(SMALL);
}

/* All wake one by one, in the order in which they came. */
static void one_word_is_a_queue(void **state)
{
    for (uint32_t i = 0; i < THREADS; i++)
        join(&threads[i], process_at(0), 0x1000);
    for (uint32_t i = 0; i < THREADS; i++) {
        assert_ptr_equal(futex_first(process_at(0), 0x1000), &threads[i]);
        leave(&threads[i]);
    }
    assert_null(futex_first(process_at(0), 0x1000));
    assert_null(futex_take(process_at(0), 0x1000));
    check_empty(SMALL);
}

static void one_process_knows_nothing_of_another(void **state)
{
    join(&threads[0], process_at(0), 0x1000);
    assert_null(futex_first(process_at(1), 0x1000));
    join(&threads[1], process_at(1), 0x1000);
    assert_ptr_equal(futex_first(process_at(0), 0x1000), &threads[0]);
    assert_ptr_equal(futex_first(process_at(1), 0x1000), &threads[1]);
}

static uint32_t height(const struct thread *top)
{
    if (!top)
        return 0;
    uint32_t left = height(top->futex.below[0]);
    uint32_t right = height(top->futex.below[1]);
    return 1 + (left > right ? left : right);
}

/* The only bucket that is in use besides `but`. */
static uint32_t used_bucket(uint32_t but)
{
    uint32_t bucket = 0;

    while (bucket < SMALL / sizeof(table[0]) && (bucket == but || !table[bucket]))
        bucket++;
    return bucket;
}

static void chosen_words_cost_no_more_than_their_bits(void **state)
{
    const uint32_t none = SMALL / sizeof(table[0]);
    uint32_t address = 0x1000;

    join(&threads[0], process_at(0), address);
    uint32_t bucket = used_bucket(none);
    while (waiting_count < THREADS) {
        struct thread *thread = &threads[waiting_count];
        join(thread, process_at(0), address += 4);
        if (used_bucket(bucket) != none)
            leave(thread);
    }
    assert_true(height(table[bucket]) <= 30);
    assert_ptr_equal(futex_first(process_at(0), address), waiting[THREADS - 1]);
}

static void words_spread_over_the_table(void **state)
{
    static const uint32_t strides[] = {4, 64, 4096, 65536, 12345 * 4};

    for (size_t i = 0; i < array_count(strides); i++) {
        uint32_t highest = 0;
        futex_init(table, sizeof(table));
        for (uint32_t n = 0; n < THREADS; n++)
            join(&threads[n], process_at(0), 0x1000 + n * strides[i]);
        for (uint32_t n = 0; n < array_count(table); n++)
            if (height(table[n]) > highest)
                highest = height(table[n]);
        assert_true(highest <= 2);
        while (waiting_count > 0)
            leave(waiting[waiting_count - 1]);
        check_empty(sizeof(table));
    }
}

static void the_table_fits_the_machine(void **state)
{
    uint32_t last = futex_table_size(0);

    assert_true(last >= SMALL);
    for (uint32_t frames = 256; frames <= 1u << 20; frames *= 2) {
        uint32_t size = futex_table_size(frames);
        assert_int_equal(size & (size - 1), 0);
        assert_true(size >= last && (size <= 4 * frames || size == last));
        assert_int_equal(futex_table_size(frames + frames / 3), size);
        last = size;
    }
}

static void only_who_waits_can_leave(void **state)
{
    expect_panic(futex_leave(&threads[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(random_waits_follow_the_model, begin, end),
        cmocka_unit_test_setup_teardown(one_word_is_a_queue, begin, end),
        cmocka_unit_test_setup_teardown(one_process_knows_nothing_of_another, begin, end),
        cmocka_unit_test_setup_teardown(chosen_words_cost_no_more_than_their_bits, begin,
                                        end),
        cmocka_unit_test_setup_teardown(words_spread_over_the_table, begin, end),
        cmocka_unit_test(the_table_fits_the_machine),
        cmocka_unit_test_setup_teardown(only_who_waits_can_leave, begin, end),
    };
    return cmocka_run_group_tests_name("futex", tests, NULL, NULL);
}
