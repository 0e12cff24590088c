/* SPDX-License-Identifier: MIT */
/* Ends and signals: see watch.h. */
#include "watch.h"

#include "arch.h"
#include "error.h"
#include "memory.h"
#include "request.h"

void watch_end(struct watch *watch, const uint32_t words[3])
{
    while (!list_empty(&watch->ends)) {
        struct request *request = container_of(watch->ends.next, struct request, place);
        memcpy(request->result.words, words, sizeof(request->result.words));
        request_return(request);
        arch_take_interrupts();
    }
    while (!list_empty(&watch->listeners)) /* no more than there are signals */
        (void)!request_cancel(container_of(watch->listeners.next, struct request, place),
                              -ESRCH);
}

bool watch_take(struct watch *watch, struct request *request)
{
    uint64_t signals = watch->posted & request->signals;

    watch->posted &= ~signals;
    request->result.words[0] |= (uint32_t)signals;
    request->result.words[1] |= (uint32_t)(signals >> 32);
    return signals;
}

/* There are no more listeners than signals. */
void watch_post(struct watch *watch, uint64_t signals)
{
    struct list *next;

    watch->posted |= signals;
    for (struct list *link = watch->listeners.next;
         link != &watch->listeners && watch->posted; link = next) {
        struct request *request = container_of(link, struct request, place);
        next = link->next;
        if (watch_take(watch, request))
            request_return(request);
    }
}

long watch_listen(struct watch *watch, struct request *request)
{
    for (struct list *link = watch->listeners.next; link != &watch->listeners;
         link = link->next)
        if (container_of(link, struct request, place)->signals & request->signals)
            return -EBUSY;
    list_append(&watch->listeners, &request->place);
    if (watch_take(watch, request))
        request_return(request);
    return 0;
}
