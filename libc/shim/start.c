/* SPDX-License-Identifier: MIT */
/*
 * How the shim comes to life. musl's start-up calls __init_tls before it makes its first
 * Linux call: the shim's stands in its place, chooses the gate, gives the first thread
 * its area (%fs) and a dummy thread descriptor (%gs), whose word 4 is the shim's entry,
 * and goes on to musl's. __set_thread_area stands in place of musl's, too.
 */
#include "shim.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include <limen/gate.h>

#define DESCRIPTOR_SYSINFO 4            /* the word of a descriptor at %gs:16 */

static_assert(offsetof(struct shim_thread, self) == THREAD_SELF, "known to entry.S");
static_assert(offsetof(struct shim_thread, user_esp) == THREAD_USER_ESP,
              "known to entry.S");
static_assert(offsetof(struct shim_thread, critical) == THREAD_CRITICAL,
              "known to entry.S");

extern char **__environ;
void shim_entry(void);
void musl_init_tls(size_t *aux);
void __init_tls(size_t *aux);
int __set_thread_area(void *descriptor);

/* The first thread's stack; other threads' come from thread.c. */
static _Alignas(16) uint8_t first_stack[SHIM_STACK_SIZE];

static uint32_t dummy_descriptor[DESCRIPTOR_SYSINFO + 1];

const char *shim_environment(const char *name)
{
    size_t size = strlen(name);
    for (char **at = __environ; *at; at++)
        if (!strncmp(*at, name, size) && (*at)[size] == '=')
            return *at + size + 1;
    return NULL;
}

/* The auxiliary vector stands behind the environment. */
uint32_t shim_auxiliary(uint32_t key, uint32_t otherwise)
{
    char **end = __environ;
    while (*end)
        end++;
    for (const uint32_t *pair = (const uint32_t *)(end + 1); pair[0]; pair += 2)
        if (pair[0] == key)
            return pair[1];
    return otherwise;
}

static void first_thread_init(void)
{
    struct shim_thread *thread =
        (struct shim_thread *)(first_stack + sizeof first_stack) - 1;
    thread->self = thread;
    thread->busy = 1;
    thread->live = true;
    thread->number = (uint32_t)shim_getpid();
    shim_thread_add(thread);
    limen_thread_base(0, (uint32_t)thread);

    dummy_descriptor[DESCRIPTOR_SYSINFO] = (uint32_t)shim_entry;
    limen_thread_base(1, (uint32_t)dummy_descriptor);
}

void __init_tls(size_t *aux)
{
    limen_gate_init();
    first_thread_init();
    shim_frames_begin();
    shim_console_init();
    const char *trace = shim_environment("LIMEN_TRACE");
    shim_traced = trace && trace[0] && strcmp(trace, "0") != 0;
    musl_init_tls(aux);
}

/* musl makes a Linux call before it fills in the descriptor, so the entry is stored at
 * once. */
int __set_thread_area(void *descriptor)
{
    ((uint32_t *)descriptor)[DESCRIPTOR_SYSINFO] = (uint32_t)shim_entry;
    return (int)limen_thread_base(1, (uint32_t)descriptor);
}
