/* SPDX-License-Identifier: MIT */
/*
 * Starts the servers that servers/servers.conf names, and starts them anew when they end.
 *
 * A server's port is init's: it outlives the server, and who has an endpoint keeps it. A
 * call that was being answered when a server ended gets EPIPE; those that came later wait
 * for the next server. A server that ends too often is given up: its port goes, so that
 * every client gets EPIPE, and nobody may publish its names any more.
 *
 * Each server has a thread here that waits for its end. Nothing is shared between them
 * but the process handles, which are good or an error at any time.
 */
#include "init.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <limen/archive.h>
#include <limen/inherit.h>
#include <limen/names.h>
#include <limen/syscall.h>

#include "config.h"

#define CONFIG_FILE "servers/servers.conf"
#define NAMES "names"
#define ENDS_MAX 5              /* a server that ends more often … */
#define ENDS_SECONDS 10u        /* … within that time is given up */
#define NS_PER_SECOND 1000000000ull
#define WATCHER_STACK 0x8000

struct server {
    const struct server_config *config;
    handle_t port;                      /* [I] until it is given up */
    uint64_t ends[ENDS_MAX];            /* when it ended; of its watcher alone */
    uint32_t end_count;                 /* so often since boot */
    _Atomic uint32_t process;           /* a handle's value, of the server that runs */
    struct limen_child child;           /* of its watcher alone */
};

static struct config config;
static struct server *servers;
static handle_t names_administrator;    /* [I] value 0: there is no name server */
static _Atomic uint32_t next_badge = NAMES_FIRST_PUBLISHER;

/* Says something on the kernel's log: the console may be what is missing. */
__attribute__((format(printf, 1, 2))) static void log_line(const char *format, ...)
{
    char line[LOG_LINE_MAX + 1];
    va_list list;
    va_start(list, format);
    int size = vsnprintf(line, sizeof line, format, list);
    va_end(list);
    if (size >= (int)sizeof line)
        size = sizeof line - 1;
    limen_log_write(init_boot->resource, line, (uint32_t)size);
}

/* --- Names --- */

/* The name server is the first, for the others' rights to publish are told to it. */
static bool is_names(const struct server *server)
{
    return server == &servers[0] && !strcmp(server->config->name, NAMES);
}

static void grant_names(const struct server *server, uint32_t badge)
{
    struct names_grant_request request = {.badge = badge};
    struct protocol_none none;
    for (uint32_t i = 0; i < server->config->setting_count; i++) {
        const struct setting *setting = &server->config->settings[i];
        if (setting->kind != SETTING_PUBLISHES)
            continue;
        struct message message = {.send = setting->word,
                                  .send_size = (uint32_t)strlen(setting->word)};
        long error = names_grant_call(names_administrator, &request, &none, &message);
        if (error < 0)
            log_line("init: %s may not publish %s (error %ld)", server->config->name,
                     setting->word, -error);
    }
}

/* --- What a server is given --- */

struct gifts {
    struct limen_gift list[SPAWN_GIFTS_MAX];
    uint32_t count;
    uint32_t made;              /* bit n: the handle was made for this, and is closed */
};

/* Adds a handle, or an error in its place; false: there is no room, or it is an error. */
static bool add_gift(struct gifts *gifts, uint32_t key, long handle, uint32_t rights,
                     bool made)
{
    if (handle < 0)
        return false;
    if (gifts->count == SPAWN_GIFTS_MAX) {
        if (made)
            limen_handle_close((handle_t){(uint32_t)handle});
        return false;
    }
    gifts->made |= (uint32_t)made << gifts->count;
    gifts->list[gifts->count++] =
        (struct limen_gift){key, {(uint32_t)handle}, rights};
    return true;
}

static bool add_range(struct gifts *gifts, const struct resource_range *range)
{
    bool log = range->kind == RESOURCE_LOG;
    uint32_t key = log ? AT_LIMEN_LOG : AT_LIMEN_RANGE(range->kind, range->first);
    return add_gift(gifts, key, limen_resource_derive(init_boot->resource, range),
                    RIGHT_CONTROL | (log ? RIGHT_READ | RIGHT_WRITE : 0), true);
}

static bool make_gifts(struct gifts *gifts, const struct server *server, uint32_t badge)
{
    bool good = add_gift(gifts, AT_LIMEN_PORT, (long)server->port.value,
                         RIGHT_RECEIVE | RIGHT_MINT, false);
    if (good && names_administrator.value)
        good = add_gift(gifts, AT_LIMEN_NAMES,
                        limen_endpoint_mint(servers[0].port, badge), RIGHT_SEND, true);
    for (uint32_t i = 0; good && i < server->config->setting_count; i++)
        if (server->config->settings[i].kind == SETTING_RANGE)
            good = add_range(gifts, &server->config->settings[i].range);
    return good;
}

static void close_gifts(struct gifts *gifts)
{
    for (uint32_t i = 0; i < gifts->count; i++)
        if (gifts->made & 1u << i)
            limen_handle_close(gifts->list[i].handle);
}

/* Starts a server, for the first time or anew; false: it could not be. */
static bool start(struct server *server)
{
    struct gifts gifts = {.count = 0};
    uint32_t badge = next_badge++;
    grant_names(server, badge);
    bool good = make_gifts(&gifts, server, badge);
    char *const none[] = {NULL};
    const struct limen_spawn how = {
        .path = server->config->program,
        .envp = none,
        .pages = server->config->pages,
        .flags = SPAWN_NO_ARCHIVE | SPAWN_NO_CONSOLE,
        .gifts = gifts.list,
        .gift_count = gifts.count,
    };
    server->child.problem = "a resource cannot be given";
    if (good)
        good = limen_spawn(&server->child, &how) == 0;
    close_gifts(&gifts);
    if (!good)
        log_line("init: server %s: %s", server->config->name, server->child.problem);
    else
        server->process = server->child.process.value;
    return good;
}

/* --- The end of a server --- */

static bool needs(const struct server_config *server, const char *name)
{
    for (uint32_t i = 0; i < server->setting_count; i++)
        if (server->settings[i].kind == SETTING_NEEDS
            && !strcmp(server->settings[i].word, name))
            return true;
    return false;
}

/* Ends those that need a server that has ended: their watchers start them anew. */
static void end_dependents(const struct server *server)
{
    for (uint32_t i = 0; i < config.server_count; i++)
        if (needs(servers[i].config, server->config->name))
            limen_process_kill((handle_t){servers[i].process}, 0);
}

/* Notes that a server ended now; whether it has done so too often. */
static bool ends_too_often(struct server *server)
{
    uint64_t now = 0;
    limen_clock_get(CLOCK_ID_MONOTONIC, &now);
    uint64_t *oldest = &server->ends[server->end_count++ % ENDS_MAX];
    bool often = server->end_count > ENDS_MAX
                 && now - *oldest < ENDS_SECONDS * NS_PER_SECOND;
    *oldest = now;
    return often;
}

static void give_up(struct server *server)
{
    log_line("init: server %s is given up", server->config->name);
    grant_names(server, NAMES_NOBODY);
    limen_handle_close(server->port);
}

/* Waits for the server's end, and starts it anew, as long as that makes sense. */
static void *watch(void *argument)
{
    struct server *server = argument;
    struct process_end end;
    char what[120];
    bool running = start(server);
    while (running) {
        limen_child_wait(&server->child, &end, NULL);
        limen_child_close(&server->child);
        limen_describe_end(&end, what, sizeof what);
        log_line("init: server %s %s", server->config->name, what);
        end_dependents(server);
        running = !ends_too_often(server) && start(server);
    }
    give_up(server);
    return NULL;
}

bool server_kill(const char *name)
{
    for (uint32_t i = 0; i < config.server_count; i++)
        if (!strcmp(servers[i].config->name, name))
            return limen_process_kill((handle_t){servers[i].process}, 0) >= 0;
    return false;
}

/* --- The start --- */

/* Makes the endpoints to the name server: init's own, and the one for all programs. */
static bool open_names(const struct server *server)
{
    long administrator = limen_endpoint_mint(server->port, NAMES_ADMINISTRATOR);
    long reader = limen_endpoint_mint(server->port, NAMES_READER);
    if (administrator < 0 || reader < 0)
        return false;
    names_administrator = (handle_t){(uint32_t)administrator};
    limen_inherit(AT_LIMEN_NAMES, (handle_t){(uint32_t)reader});
    return true;
}

/* Makes the port, and lets a thread start the server and watch it. */
static bool begin(struct server *server)
{
    pthread_attr_t attributes;
    pthread_t watcher;
    long port = limen_port_create();
    if (port < 0)
        return false;
    server->port = (handle_t){(uint32_t)port};
    if (is_names(server) && !open_names(server))
        return false;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, WATCHER_STACK);
    return pthread_create(&watcher, &attributes, watch, server) == 0;
}

static bool read_config(void)
{
    struct archive archive;
    struct archive_member member;
    if (!limen_archive(&archive) || !archive_find(&archive, CONFIG_FILE, &member)) {
        log_line("init: the boot archive has no file %s", CONFIG_FILE);
        return false;
    }
    char *text = calloc(1, member.size + 1);
    if (!text)
        return false;
    memcpy(text, member.bytes, member.size);
    uint32_t line;
    const char *problem = config_read(&config, text, &line);
    if (problem)
        log_line("init: %s, line %u: %s", CONFIG_FILE, line, problem);
    return !problem;
}

void servers_start(void)
{
    if (!read_config() || config.server_count == 0)
        return;
    servers = calloc(config.server_count, sizeof *servers);
    for (uint32_t i = 0; servers && i < config.server_count; i++) {
        servers[i].config = &config.servers[i];
        if (!begin(&servers[i])) {
            log_line("init: no memory for server %s", servers[i].config->name);
            return;
        }
    }
}
