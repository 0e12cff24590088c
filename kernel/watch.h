/* SPDX-License-Identifier: MIT */
/*
 * What can be waited for at a process or thread by requests: its end, and signals, of
 * which there are 64, and which mean nothing to the kernel. A signal that is posted comes
 * to the one request that listens for it, or stays until one does.
 */
#ifndef KERNEL_WATCH_H
#define KERNEL_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "list.h"

struct request;

struct watch {
    struct list ends;      /* [k] requests that wait for the end */
    struct list listeners; /* [k] requests for signals, no two for the same */
    uint64_t posted;       /* [k] signals for which nobody has listened */
};

static inline void watch_init(struct watch *watch)
{
    list_init(&watch->ends);
    list_init(&watch->listeners);
}

/* The end has come; what is told of it. Who listens for signals gets ESRCH. */
void watch_end(struct watch *watch, const uint32_t words[3]);

void watch_post(struct watch *watch, uint64_t signals);

/* Gives the request those of the posted signals that it listens for; whether there are
 * any. */
bool watch_take(struct watch *watch, struct request *request);

/* The request listens for request->signals from now on; what was posted before comes at
 * once. -EBUSY: another one listens for some of them. */
[[nodiscard]] long watch_listen(struct watch *watch, struct request *request);

#endif
