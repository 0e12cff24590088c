/* SPDX-License-Identifier: MIT */
/*
 * The benchmarks that run in the guest: `measures NAME…` runs those named, in order.
 * Before anything is measured the ruler is: where the TSC does not count instructions,
 * the program says so and fails.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ruler.h"

static const struct {
    const char *name;
    void (*run)(void);
} benches[] = {
    {"null", bench_null},
    {"fault", bench_fault},
    {"call", bench_call},
    {"call-kinds", bench_call_kinds},
    {"call-sizes", bench_call_sizes},
    {"async", bench_async},
    {"processes", bench_yield_processes},
    {"threads", bench_yield_threads},   /* leaves its partner running: last */
};

long check(const char *what, long result)
{
    if (result < 0) {
        printf("%s answers %ld\n", what, result);
        exit(1);
    }
    return result;
}

void ruler_report(const char *name, uint64_t ticks, uint32_t count)
{
    uint64_t hundredths = (ticks * 100 + count / 2) / count;
    printf("bench %s %u.%02u\n", name, (unsigned)(hundredths / 100),
           (unsigned)(hundredths % 100));
}

static void ruler_check(void)
{
    uint32_t empty = ruler_measure(loop_empty, ITERATIONS, 0, 0);
    uint32_t nop = ruler_measure(loop_nop, ITERATIONS, 1, 0);
    if (empty != 0 || nop != 0) {
        printf("The TSC does not count instructions: %u empty loops are %u off, with a "
               "NOP %u. Run under -icount shift=0,sleep=off\n", ITERATIONS, empty, nop);
        exit(1);
    }
}

static int run(const char *name)
{
    for (size_t i = 0; i < sizeof(benches) / sizeof(benches[0]); i++) {
        if (strcmp(benches[i].name, name) == 0) {
            benches[i].run();
            return 0;
        }
    }
    printf("there is no benchmark %s\n", name);
    return 1;
}

int main(int argc, char **argv)
{
    int failed = 0;

    ruler_check();
    for (int i = 1; i < argc; i++)
        failed |= run(argv[i]);
    return failed;
}
