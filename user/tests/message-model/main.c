/* SPDX-License-Identifier: MIT */
/*
 * Random operations on system-call messages, and a model of them that is asked the same:
 * after each, all results and all memory agree. The order of things follows from events
 * and priorities, so a seed gives the same operations everywhere.
 *
 *     message-model [OPERATIONS [SEED]]
 */
#include <stdlib.h>

#include "world.h"

#define OPERATIONS 6000
#define SEED 1

static uint32_t wanted = OPERATIONS, seed = SEED;

static const struct operation *random_operation(void)
{
    uint32_t all = 0, at = 0;
    for (uint32_t i = 0; i < operation_count; i++)
        all += operations[i].weight;
    uint32_t pick = random_below(all);
    while (pick >= operations[at].weight)
        pick -= operations[at++].weight;
    return &operations[at];
}

static bool compare(void)
{
    bool right = world_begin(seed);
    uint32_t done = 0;
    for (; right && done < wanted; done++) {
        const struct operation *operation = random_operation();
        right = operation->run();
        right = world_agrees() && right;
        if (!right)
            tap_note("operation %u (%s) of seed %u", done, operation->name, seed);
    }
    right = world_end() && right;
    tap_note("%u operations of seed %u", done, seed);
    return right;
}

static const struct test_case cases[] = {
    {"messages do what the model does", compare},
};

int main(int argc, char **argv)
{
    if (argc > 1)
        wanted = (uint32_t)strtoul(argv[1], NULL, 0);
    if (argc > 2)
        seed = (uint32_t)strtoul(argv[2], NULL, 0);
    return RUN_CASES(cases);
}
