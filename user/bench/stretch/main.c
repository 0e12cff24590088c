/* SPDX-License-Identifier: MIT */
/*
 * What keeps interrupts off for long, if anything does: the calls whose work grows with
 * what a program has made, on as much of it as fits. `stretch NAME…` does those named, in
 * order; without names, all. The measuring is done from outside: docs/bench.md.
 */
#include <stdio.h>
#include <string.h>

#include "loads.h"

static const struct {
    const char *name;
    void (*run)(void);
} loads[] = {
    {"timers", load_timers},     {"futexes", load_futexes},
    {"waiters", load_waiters},   {"kill", load_kill},
    {"family", load_family},     {"tables", load_tables},
    {"memory", load_memory},     {"regions", load_regions},
    {"copies", load_copies},     {"objects", load_objects},
    {"clones", load_clones},     {"callers", load_callers},
    {"chain", load_chain},       {"badges", load_badges},
    {"messages", load_messages}, {"belongings", load_belongings},
};

static void run(const char *name)
{
    for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++) {
        if (name && strcmp(loads[i].name, name) != 0)
            continue;
        loads[i].run();
        printf("load %s\n", loads[i].name);
    }
}

int main(int argc, char **argv)
{
    if (argc == 1)
        run(NULL);
    for (int i = 1; i < argc; i++)
        run(argv[i]);
    return 0;
}
