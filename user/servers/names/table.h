/* SPDX-License-Identifier: MIT */
/*
 * The names. An entry is there while the name is granted to somebody or waited for.
 */
#ifndef NAMES_TABLE_H
#define NAMES_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include <limen/names.h>
#include <limen/server.h>

struct entry {
    struct entry *next; /* in its bucket */
    uint32_t owner;     /* badge that may publish it, or NAMES_NOBODY */
    handle_t endpoint;  /* owned: what it means; value 0: nothing now */
    struct server_queue waiters;
    uint32_t length;
    char name[NAME_BYTES_MAX];
};

/* The entry of a name; null: there is none. */
struct entry *table_find(const uint8_t *name, uint32_t length);

/* The same, but makes it; null: no memory. */
struct entry *table_take(const uint8_t *name, uint32_t length);

/* Defers the request that is being handled until the name means something, or nobody may
 * publish it any more. 0 or an error. */
long table_wait(struct entry *entry);

/* Sets what a name means, or value 0, closes what it meant before, and answers those who
 * wait, if it means something. The handle becomes the entry's. */
void table_set(struct entry *entry, handle_t endpoint);

/* Gives the right to publish a name to a badge, or nobody: whoever waits is told then. */
void table_grant(struct entry *entry, uint32_t owner);

/* The badge is no more: what it published goes, and its rights. */
void table_forget(uint32_t owner);

/* Frees an entry that nobody needs. */
void table_release(struct entry *entry);

#endif
