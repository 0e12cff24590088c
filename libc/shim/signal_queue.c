/* SPDX-License-Identifier: MIT */
/* Signals that wait: see signal_queue.h. */
#include "signal_queue.h"

#include <stddef.h>

bool signal_queue_has(const struct signal_queue *queue, int number)
{
    return number < SIGNAL_QUEUED && queue->set & SIGNAL_BIT(number);
}

void signal_queue_add(struct signal_queue *queue, int number, struct signal_entry *entry)
{
    queue->set |= SIGNAL_BIT(number);
    if (!entry)
        return;
    if (!queue->last)
        queue->last = &queue->first;
    entry->next = NULL;
    entry->queued = true;
    *queue->last = entry;
    queue->last = &entry->next;
}

static void unlink_entry(struct signal_queue *queue, struct signal_entry **link)
{
    struct signal_entry *entry = *link;
    *link = entry->next;
    if (queue->last == &entry->next)
        queue->last = link;
    entry->queued = false;
}

struct signal_entry *signal_queue_take(struct signal_queue *queue, int number)
{
    struct signal_entry *found = NULL;
    bool more = false;
    for (struct signal_entry **link = &queue->first; *link;) {
        struct signal_entry *entry = *link;
        if (entry->info.number != number) {
            link = &entry->next;
        } else if (!found) {
            found = entry;
            unlink_entry(queue, link);
        } else {
            more = true;
            break;
        }
    }
    if (!more)
        queue->set &= ~SIGNAL_BIT(number);
    return found;
}

void signal_queue_drop(struct signal_queue *queue, struct signal_entry *entry)
{
    int number = entry->info.number;
    bool more = false;
    for (struct signal_entry **link = &queue->first; *link;) {
        if (*link == entry) {
            unlink_entry(queue, link);
        } else {
            more |= (*link)->info.number == number;
            link = &(*link)->next;
        }
    }
    if (!more)
        queue->set &= ~SIGNAL_BIT(number);
}
