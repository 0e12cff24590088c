/* SPDX-License-Identifier: MIT */
/*
 * Deferred requests: limen/server.h. There is room for so many of them as half of this
 * process's quota holds, with what the kernel takes for their replies, and all of it is
 * taken at the start. A client that has ended is found when somebody else waits in its
 * queue, or when all room is taken.
 */
#include <limen/server.h>

#include <errno.h>
#include <stdlib.h>

/* A reply object, a handle's slot, the waiter, and something of the server's own take
 * less than PAGE_SIZE / WAITERS_PER_PAGE bytes. */
#define WAITERS_PER_PAGE 8
#define LOOKED_AT 2             /* of a queue, when somebody joins it */

static struct server_waiter *all;       /* that wait */
static struct server_waiter *unused;    /* by `next` */

bool server_wait_init(void)
{
    struct process_info info = {0};
    (void)limen_process_info(HANDLE_SELF, &info);
    uint32_t count = info.pages_limit / 2 * WAITERS_PER_PAGE;
    struct server_waiter *list = calloc(count, sizeof *list);
    for (uint32_t i = 0; list && i < count; i++) {
        list[i].next = unused;
        unused = &list[i];
    }
    return list;
}

/* --- Lists --- */

static void append(struct server_queue *queue, struct server_waiter *waiter)
{
    waiter->queue = queue;
    waiter->previous = queue->last;
    *(queue->last ? &queue->last->next : &queue->first) = waiter;
    queue->last = waiter;
    waiter->all_next = all;
    if (all)
        all->all_previous = waiter;
    all = waiter;
}

static void release(struct server_waiter *waiter)
{
    struct server_queue *queue = waiter->queue;
    *(waiter->previous ? &waiter->previous->next : &queue->first) = waiter->next;
    *(waiter->next ? &waiter->next->previous : &queue->last) = waiter->previous;
    *(waiter->all_previous ? &waiter->all_previous->all_next : &all) = waiter->all_next;
    if (waiter->all_next)
        waiter->all_next->all_previous = waiter->all_previous;
    waiter->next = unused;
    unused = waiter;
}

/* --- Clients that have ended --- */

static bool has_ended(const struct server_waiter *waiter)
{
    uint8_t byte;
    return limen_message_read(waiter->reply, 0, &byte, 0) == -ESRCH;
}

static void drop_ended_in(struct server_queue *queue, int looks)
{
    struct server_waiter *next;
    for (struct server_waiter *at = queue->first; at && looks--; at = next) {
        next = at->next;
        if (has_ended(at))
            server_drop(at);
    }
}

static void drop_all_ended(void)
{
    struct server_waiter *next;
    for (struct server_waiter *at = all; at; at = next) {
        next = at->all_next;
        if (has_ended(at))
            server_drop(at);
    }
}

/* --- Waiting and answering --- */

long server_wait(struct server_queue *queue, struct server_waiter **waiter)
{
    drop_ended_in(queue, LOOKED_AT);
    if (!unused)
        drop_all_ended();
    if (!unused)
        return -ENOMEM;
    long reply = limen_reply_defer();
    if (reply < 0)
        return reply;
    *waiter = unused;
    unused = unused->next;
    **waiter = (struct server_waiter){.reply = {(uint32_t)reply}};
    append(queue, *waiter);
    return 0;
}

long server_answer_with(struct server_waiter *waiter, long result,
                        struct message *message)
{
    message->words[0] = (uint32_t)result;
    long error = limen_reply_to(waiter->reply, message);
    if (error < 0 && error != -ESRCH) {
        struct message plain = {.words = {(uint32_t)error}};
        (void)limen_reply_to(waiter->reply, &plain);
    }
    release(waiter);
    return error;
}

long server_answer(struct server_waiter *waiter, long result)
{
    struct message message = {.words = {0}};
    return server_answer_with(waiter, result, &message);
}

void server_drop(struct server_waiter *waiter)
{
    (void)limen_handle_close(waiter->reply);
    release(waiter);
}
