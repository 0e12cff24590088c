/* SPDX-License-Identifier: MIT */
/*
 * The names: table.h. A hash table with chains. Entries and waiters are the heap's; the
 * number of waiters is bounded, so that the heap, and the kernel's memory for their
 * replies, suffices for the rest.
 */
#include "table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <limen/server.h>

#define BUCKETS 256u

static struct entry *buckets[BUCKETS];
static uint32_t waiter_count, waiter_limit;

void table_init(uint32_t waiters_max)
{
    waiter_limit = waiters_max;
}

/* --- Entries --- */

static struct entry **bucket_of(const void *name, uint32_t length)
{
    const uint8_t *bytes = name;
    uint32_t hash = 2166136261u;        /* FNV-1a */
    for (uint32_t i = 0; i < length; i++)
        hash = (hash ^ bytes[i]) * 16777619u;
    return &buckets[hash % BUCKETS];
}

struct entry *table_find(const uint8_t *name, uint32_t length)
{
    struct entry *entry = *bucket_of(name, length);
    while (entry && (entry->length != length || memcmp(entry->name, name, length)))
        entry = entry->next;
    return entry;
}

struct entry *table_take(const uint8_t *name, uint32_t length)
{
    struct entry *entry = table_find(name, length);
    if (entry)
        return entry;
    entry = calloc(1, sizeof *entry);
    if (!entry)
        return NULL;
    struct entry **bucket = bucket_of(name, length);
    entry->next = *bucket;
    entry->last = &entry->first;
    entry->length = length;
    memcpy(entry->name, name, length);
    *bucket = entry;
    return entry;
}

void table_release(struct entry *entry)
{
    if (entry->owner != NAMES_NOBODY || entry->first)
        return;
    struct entry **link = bucket_of(entry->name, entry->length);
    while (*link != entry)
        link = &(*link)->next;
    *link = entry->next;
    free(entry);
}

/* --- Waiters --- */

static void remove_waiter(struct entry *entry, struct waiter **link)
{
    struct waiter *waiter = *link;
    *link = waiter->next;
    if (entry->last == &waiter->next)
        entry->last = link;
    free(waiter);
    waiter_count--;
}

/* Drops those of an entry's first waiters that have ended, at most so many. */
static void drop_ended(struct entry *entry, uint32_t most)
{
    struct waiter **link = &entry->first;
    while (*link && most--) {
        if (server_awaited((*link)->reply)) {
            link = &(*link)->next;
            continue;
        }
        limen_handle_close((*link)->reply);
        remove_waiter(entry, link);
    }
}

/* Drops all that have ended, but keeps one entry, and frees those that nobody needs. */
static void drop_all_ended(const struct entry *kept)
{
    for (uint32_t i = 0; i < BUCKETS; i++) {
        struct entry *next;
        for (struct entry *entry = buckets[i]; entry; entry = next) {
            next = entry->next;
            drop_ended(entry, UINT32_MAX);
            if (entry != kept)
                table_release(entry);
        }
    }
}

bool table_wait(struct entry *entry, handle_t reply)
{
    drop_ended(entry, 2);
    if (waiter_count >= waiter_limit)
        drop_all_ended(entry);
    struct waiter *waiter =
        waiter_count < waiter_limit ? malloc(sizeof *waiter) : NULL;
    if (!waiter)
        return false;
    *waiter = (struct waiter){.reply = reply};
    *entry->last = waiter;
    entry->last = &waiter->next;
    waiter_count++;
    return true;
}

/* Answers everybody who waits: the endpoint, or an error. */
static void answer_waiters(struct entry *entry, long result)
{
    while (entry->first) {
        struct message message = {.words = {0}};
        if (result == 0) {
            message.handle_count = 1;
            message.handles[0] = entry->endpoint;
            message.rights[0] = NAME_RIGHTS;
        }
        (void)server_answer_with(entry->first->reply, result, &message);
        remove_waiter(entry, &entry->first);
    }
}

/* --- What names mean --- */

void table_set(struct entry *entry, handle_t endpoint)
{
    if (entry->endpoint.value)
        limen_handle_close(entry->endpoint);
    entry->endpoint = endpoint;
    if (endpoint.value)
        answer_waiters(entry, 0);
}

void table_grant(struct entry *entry, uint32_t owner)
{
    table_set(entry, (handle_t){0});
    entry->owner = owner;
    if (owner == NAMES_NOBODY)
        answer_waiters(entry, -ENOENT);
    table_release(entry);
}

void table_forget(uint32_t owner)
{
    for (uint32_t i = 0; i < BUCKETS; i++) {
        struct entry *next;
        for (struct entry *entry = buckets[i]; entry; entry = next) {
            next = entry->next;
            if (entry->owner != owner)
                continue;
            table_set(entry, (handle_t){0});
            entry->owner = NAMES_NOBODY;
            table_release(entry);
        }
    }
}
