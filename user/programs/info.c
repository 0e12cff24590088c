/* SPDX-License-Identifier: MIT */
/* info: what the system tells about itself. */
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include <limen/gate.h>
#include <limen/syscall.h>

#define NS_PER_MS 1000000u
#define KIB_PER_PAGE (PAGE_SIZE / 1024)

static const char *const gate_names[GATE_COUNT] = {
    [GATE_INT80] = "int 0x80",
    [GATE_SYSENTER] = "SYSENTER",
    [GATE_SYSCALL] = "SYSCALL",
};

static void print_gates(const struct system_info *info)
{
    const struct threshold_page *page = (const void *)THRESHOLD_ADDRESS;
    for (int gate = 0; gate < GATE_COUNT; gate++) {
        printf("%-10s %s, %llu crossings%s\n", gate_names[gate],
               page->gates_open & 1u << gate ? "open" : "closed",
               (unsigned long long)info->crossings[gate],
               limen_gate == limen_gate_of((enum gate)gate) ? " (in use)" : "");
    }
}

int main(void)
{
    struct system_info info;
    struct utsname name;
    long error = limen_system_info(&info);
    if (error < 0) {
        fprintf(stderr, "info: %s\n", strerror((int)-error));
        return 1;
    }
    uname(&name);
    printf("%s %s on %s\n", name.sysname, name.release, name.machine);
    printf("uptime     %llu.%03llu s\n",
           (unsigned long long)(info.uptime / NS_PER_MS / 1000),
           (unsigned long long)(info.uptime / NS_PER_MS % 1000));
    printf("memory     %u KiB free of %u KiB\n", info.frames_free * KIB_PER_PAGE,
           info.frames_total * KIB_PER_PAGE);
    printf("processes  %u, threads %u\n", info.processes, info.threads);
    print_gates(&info);
    return 0;
}
