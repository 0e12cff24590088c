/* SPDX-License-Identifier: MIT */
/*
 * The names: table.h. A hash table with chains. Entries are the heap's; those that are
 * only waited for are bounded with the number of waiters.
 */
#include "table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 256u

static struct entry *buckets[BUCKETS];

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
    entry->length = length;
    memcpy(entry->name, name, length);
    *bucket = entry;
    return entry;
}

void table_release(struct entry *entry)
{
    if (entry->owner != NAMES_NOBODY || entry->waiters.first)
        return;
    struct entry **link = bucket_of(entry->name, entry->length);
    while (*link != entry)
        link = &(*link)->next;
    *link = entry->next;
    free(entry);
}

/* Frees all that nobody needs, but for one: their waiters have ended. */
static void release_all(const struct entry *kept)
{
    for (uint32_t i = 0; i < BUCKETS; i++) {
        struct entry *next;
        for (struct entry *entry = buckets[i]; entry; entry = next) {
            next = entry->next;
            if (entry != kept)
                table_release(entry);
        }
    }
}

/* --- Waiters --- */

/* Where clients ended there may be entries that nobody waits for any more: they go now
 * and then, so that they are few. */
long table_wait(struct entry *entry)
{
    struct server_waiter *waiter;
    static uint32_t waits;
    if (++waits % BUCKETS == 0)
        release_all(entry);
    return server_wait(&entry->waiters, &waiter);
}

/* Answers everybody who waits: the endpoint, or an error. */
static void answer_waiters(struct entry *entry, long result)
{
    while (entry->waiters.first) {
        struct message message = {.words = {0}};
        if (result == 0) {
            message.handle_count = 1;
            message.handles[0] = entry->endpoint;
            message.rights[0] = NAME_RIGHTS;
        }
        (void)server_answer_with(entry->waiters.first, result, &message);
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
