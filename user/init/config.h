/* SPDX-License-Identifier: MIT */
/*
 * What user/servers/servers.conf says: the servers, each with a list of settings. A pure
 * function of the text.
 */
#ifndef INIT_CONFIG_H
#define INIT_CONFIG_H

#include <stdint.h>

#include <limen/abi.h>

enum setting_kind {
    SETTING_NEEDS,     /* word: another server, before this one */
    SETTING_PUBLISHES, /* word: a name */
    SETTING_RANGE,     /* range: a resource */
};

struct setting {
    enum setting_kind kind;
    const char *word; /* borrowed from the text */
    struct resource_range range;
};

struct server_config {
    const char *name;    /* borrowed from the text */
    const char *program; /* the same */
    uint32_t pages;
    struct setting *settings; /* owned */
    uint32_t setting_count;
};

struct config {
    struct server_config *servers; /* owned */
    uint32_t server_count;
};

/* Reads the text, which is changed, lives as long as the result, and ends with 0. Null,
 * or what is wrong, in which line. What was read by then is in *config. */
const char *config_read(struct config *config, char *text, uint32_t *line);

/* The server of that name; null: there is none. */
struct server_config *config_find(const struct config *config, const char *name);

#endif
