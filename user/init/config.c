/* SPDX-License-Identifier: MIT */
/*
 * The reader of config.h: one line, one fact, by a table of what lines there are.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "init.h"

#define NO_MEMORY "no memory"
#define PAGES_MAX 0x100000u

/* A line: its first word, and how many follow it. */
struct line_kind {
    const char *word;
    int least, most;
    const char *(*read)(struct config *config, char **words);
};

static struct server_config *last_server(struct config *config)
{
    return config->server_count ? &config->servers[config->server_count - 1] : NULL;
}

struct server_config *config_find(const struct config *config, const char *name)
{
    for (uint32_t i = 0; i < config->server_count; i++)
        if (!strcmp(config->servers[i].name, name))
            return &config->servers[i];
    return NULL;
}

/* A number in [0, most], decimal or 0x…; false: it is none. */
static bool read_number(const char *word, uint32_t most, uint32_t *number)
{
    char *end;
    errno = 0;
    unsigned long value = strtoul(word, &end, 0);
    if (errno || *end || word[0] < '0' || word[0] > '9' || value > most)
        return false;
    *number = (uint32_t)value;
    return true;
}

static const char *add_setting(struct config *config, struct setting setting)
{
    struct server_config *server = last_server(config);
    struct setting *more =
        realloc(server->settings, (server->setting_count + 1) * sizeof *more);
    if (!more)
        return NO_MEMORY;
    server->settings = more;
    more[server->setting_count++] = setting;
    return NULL;
}

/* --- Lines --- */

static const char *read_server(struct config *config, char **words)
{
    if (config_find(config, words[1]))
        return "there is a server of that name already";
    struct server_config *more =
        realloc(config->servers, (config->server_count + 1) * sizeof *more);
    if (!more)
        return NO_MEMORY;
    config->servers = more;
    more[config->server_count++] = (struct server_config){.name = words[1]};
    return NULL;
}

static const char *read_program(struct config *config, char **words)
{
    last_server(config)->program = words[1];
    return NULL;
}

static const char *read_pages(struct config *config, char **words)
{
    bool good = read_number(words[1], PAGES_MAX, &last_server(config)->pages)
                && last_server(config)->pages >= PROCESS_MIN_PAGES;
    return good ? NULL : "that is no number of pages";
}

static const char *read_needs(struct config *config, char **words)
{
    const struct server_config *needed = config_find(config, words[1]);
    if (!needed || needed == last_server(config))
        return "a server can only need one that stands before it";
    return add_setting(config, (struct setting){SETTING_NEEDS, needed->name, {0}});
}

static const char *read_publishes(struct config *config, char **words)
{
    const char *problem = NULL;
    for (int i = 1; words[i] && !problem; i++)
        problem =
            add_setting(config, (struct setting){SETTING_PUBLISHES, words[i], {0}});
    return problem;
}

static const char *add_range(struct config *config, uint32_t kind, const char *first,
                             const char *count)
{
    struct setting setting = {.kind = SETTING_RANGE, .range = {.kind = kind}};
    if (!read_number(first, UINT32_MAX, &setting.range.first)
        || !read_number(count, UINT32_MAX, &setting.range.count)
        || setting.range.count == 0
        || setting.range.count - 1 > UINT32_MAX - setting.range.first)
        return "that is no range";
    return add_setting(config, setting);
}

static const char *read_ports(struct config *config, char **words)
{
    return add_range(config, RESOURCE_PORTS, words[1], words[2]);
}

static const char *read_irq(struct config *config, char **words)
{
    return add_range(config, RESOURCE_IRQ, words[1], "1");
}

static const char *read_memory(struct config *config, char **words)
{
    return add_range(config, RESOURCE_MEMORY, words[1], words[2]);
}

static const char *read_log(struct config *config, char **)
{
    return add_range(config, RESOURCE_LOG, "0", "1");
}

static const struct line_kind line_kinds[] = {
    {"server", 1, 1, read_server},
    {"program", 1, 1, read_program},
    {"pages", 1, 1, read_pages},
    {"needs", 1, 1, read_needs},
    {"publishes", 1, WORDS_MAX, read_publishes},
    {"ports", 2, 2, read_ports},
    {"irq", 1, 1, read_irq},
    {"memory", 2, 2, read_memory},
    {"log", 0, 0, read_log},
};

static const char *read_words(struct config *config, char **words, int count)
{
    for (size_t i = 0; i < sizeof line_kinds / sizeof line_kinds[0]; i++) {
        const struct line_kind *kind = &line_kinds[i];
        if (strcmp(words[0], kind->word))
            continue;
        if (count - 1 < kind->least || count - 1 > kind->most)
            return "too few or too many words";
        if (kind->read != read_server && !last_server(config))
            return "no server has been named";
        return kind->read(config, words);
    }
    return "no such setting";
}

/* --- The text --- */

static const char *read_line(struct config *config, char *line)
{
    char *words[WORDS_MAX + 1];
    const char *problem;
    line[strcspn(line, "#")] = '\0';
    int count = split_line(line, words, &problem);
    if (count < 0)
        return problem;
    return count > 0 ? read_words(config, words, count) : NULL;
}

const char *config_read(struct config *config, char *text, uint32_t *line)
{
    *config = (struct config){0};
    *line = 0;
    while (*text) {
        char *next = text + strcspn(text, "\n");
        if (*next)
            *next++ = '\0';
        ++*line;
        const char *problem = read_line(config, text);
        if (problem)
            return problem;
        text = next;
    }
    for (uint32_t i = 0; i < config->server_count; i++)
        if (!config->servers[i].program || !config->servers[i].pages)
            return "a server has no program, or no pages";
    return NULL;
}
