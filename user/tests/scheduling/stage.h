/* SPDX-License-Identifier: MIT */
/*
 * What the cases about scheduling share: threads of this process whose priorities are set
 * before they do anything, ports, and the two ways in which the first thread, which is
 * above all others, waits: for a word, and until nobody else can run.
 */
#ifndef SCHEDULING_STAGE_H
#define SCHEDULING_STAGE_H

#include <errno.h>

#include <limen/message.h>

#include "../cases.h"

#define STAGE_THREADS 6
#define STAGE_PORTS 3

/* Priorities. Nobody else has those between. */
enum {
    ASIDE = 1,
    LEAST = 4,
    LESS = 8,
    LITTLE = 12,
    MIDDLE = 20,
    BETWEEN = 30,
    HIGH = 40,
    HIGHER = 44,
    OWN = 48, /* of the first thread, unless a case says otherwise */
};

extern handle_t stage_threads[STAGE_THREADS];
extern handle_t stage_ports[STAGE_PORTS], stage_endpoints[STAGE_PORTS];
extern volatile uint32_t stage_stop; /* threads that do not wait leave when it is set */

/* Begins a case: so many ports, each with an endpoint that has its index as badge. */
bool stage_open(uint32_t ports);

/* Closes one port and its endpoint. */
void stage_close_port(uint32_t which);

/* Ends a case: closes the ports, and all threads have left or do so now. */
bool stage_close(void);

/* Makes a thread that runs a function, and leaves when that returns. It does not begin
 * before its priority is set. */
bool stage_start(uint32_t which, void (*function)(uint32_t), uint32_t priority);

/* Suspends a thread, takes it out of its call, and lets it leave. */
bool stage_make_leave(uint32_t which);

/* Lets all others run until they wait; not for where somebody never does. */
void stage_settle(void);

/* Sets the word and wakes whoever waits for it. */
void stage_tell(volatile uint32_t *word, uint32_t value);

/* Waits until the word has this value; false if it never has. */
bool stage_wait(volatile uint32_t *word, uint32_t value);

/* The same for what never gives up. */
void stage_wait_on(volatile uint32_t *word, uint32_t value);

struct thread_info stage_info(handle_t thread);

/* The priority at which a thread runs. */
uint32_t stage_priority(uint32_t which);

void stage_own_priority(uint32_t priority);

#endif
