/* SPDX-License-Identifier: MIT */
/*
 * The null system call through the gate that the kernel calls best; boot with gate=… to
 * choose.
 *
 *   null_GATE_kernel   the kernel's instructions, its first to the one that leaves it:
 *                      a bare loop, minus the user's instructions in it
 *   null_GATE          the whole of it, as a program calls it: limen_null() in a C loop
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <limen/abi.h>
#include <limen/gate.h>
#include <limen/syscall.h>

#include "ruler.h"

static const struct {
    const char *name;
    const char *kernel_name;
    ruler_loop *loop;
    uint32_t body;
} gates[GATE_COUNT] = {
    [GATE_INT80] = {"null_int80", "null_int80_kernel", loop_null_int80, BODY_INT80},
    [GATE_SYSENTER] =
        {"null_sysenter", "null_sysenter_kernel", loop_null_sysenter, BODY_SYSENTER},
    [GATE_SYSCALL] =
        {"null_syscall", "null_syscall_kernel", loop_null_syscall, BODY_SYSCALL},
};

static uint32_t null_in_c(void)
{
    uint32_t begin = tsc_low();
    for (uint32_t i = 0; i < ITERATIONS; i++)
        (void)limen_null();
    return tsc_low() - begin;
}

void bench_null(void)
{
    const volatile struct threshold_page *threshold = (const void *)THRESHOLD_ADDRESS;
    uint32_t gate = threshold->best_gate;

    if (gate >= GATE_COUNT || limen_gate != limen_gate_of(gate)) {
        printf("the kernel's best gate, %u, is not the C library's\n", (unsigned)gate);
        exit(1);
    }
    check("null", limen_null());
    uint32_t bare = ruler_measure(gates[gate].loop, ITERATIONS, gates[gate].body, 0);
    ruler_report(gates[gate].kernel_name, bare, ITERATIONS);
    ruler_report(gates[gate].name, null_in_c(), ITERATIONS);
}
