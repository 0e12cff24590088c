/* SPDX-License-Identifier: MIT */
/*
 * Init's reader of servers/servers.conf on the host: what is right is read, what is wrong
 * is told with its line, and no text makes it touch what is not its own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <limen/tap.h>

#include "../../user/init/config.h"

#define RANDOM_TEXTS 20000

/* Reads a copy of the text, of exactly its size; what is wrong, in *line. */
static const char *read_text(const char *text, struct config *config, uint32_t *line,
                             char **copy)
{
    *copy = strdup(text);
    if (!*copy)
        abort();
    return config_read(config, *copy, line);
}

static void release(struct config *config, char *copy)
{
    for (uint32_t i = 0; i < config->server_count; i++)
        free(config->servers[i].settings);
    free(config->servers);
    free(copy);
}

static void test_good(void)
{
    static const char text[] = "# a comment\n"
                               "server a   # another\n"
                               "  program x/a\n\n"
                               "  pages 4\n"
                               "server b\n"
                               "\tprogram x/b\n"
                               "\tpages 0x20\n"
                               "\tneeds a\n"
                               "\tports 0x3f8 8\n"
                               "\tirq 4\n"
                               "\tmemory 0xfffff000 0x1000\n"
                               "\tlog\n"
                               "\tpublishes b.one b.two";
    struct config config;
    char *copy;
    uint32_t line;
    const char *problem = read_text(text, &config, &line, &copy);
    tap_ok(!problem && config.server_count == 2, "a good text is read");
    const struct server_config *b = config_find(&config, "b");
    tap_ok(b && !strcmp(b->program, "x/b") && b->pages == 32, "a server's plain facts");
    const struct setting *list = b ? b->settings : NULL;
    tap_ok(b && b->setting_count == 7 && list[0].kind == SETTING_NEEDS
               && !strcmp(list[0].word, "a") && list[1].range.kind == RESOURCE_PORTS
               && list[1].range.first == 0x3f8 && list[1].range.count == 8
               && list[2].range.kind == RESOURCE_IRQ && list[2].range.count == 1
               && list[3].range.first == 0xfffff000 && list[4].range.kind == RESOURCE_LOG
               && list[6].kind == SETTING_PUBLISHES && !strcmp(list[6].word, "b.two"),
           "its settings, in their order");
    tap_ok(!config_find(&config, "c"), "a server that is not there is not found");
    release(&config, copy);
}

static void test_bad(void)
{
#define A "server a\nprogram p\npages 9\n"
    static const struct {
        const char *text;
        uint32_t line;
    } rows[] = {
        {"program p\n", 1},          {"server\n", 1},
        {"server a b\n", 1},         {A "server a\n", 4},
        {A "pages 3\n", 4},          {A "pages 99999999999\n", 4},
        {A "pages -9\n", 4},         {A "pages 9x\n", 4},
        {A "needs a\n", 4},          {A "needs b\n", 4},
        {A "ports 1\n", 4},          {A "ports 1 0\n", 4},
        {A "ports 1 2 3\n", 4},      {A "memory 0xffffffff 2\n", 4},
        {A "irq\n", 4},              {A "irq four\n", 4},
        {A "log all\n", 4},          {A "publishes\n", 4},
        {A "nonsense\n", 4},         {A "program 'p\n", 4},
        {"server a\npages 9\n", 2},  {"server a\nprogram p\n", 2},
    };
    bool right = true;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct config config;
        char *copy;
        uint32_t line;
        const char *problem = read_text(rows[i].text, &config, &line, &copy);
        if (!problem || line != rows[i].line) {
            tap_note("row %zu: line %u, %s", i, line, problem ? problem : "all right");
            right = false;
        }
        release(&config, copy);
    }
    tap_ok(right, "what is wrong is told with its line");
}

/* Texts out of words that mean something, in no good order. */
static void test_random(void)
{
    static const char *const words[] = {
        "server", "program", "pages", "needs",   "publishes", "ports", "irq", "memory",
        "log",    "a",       "b",     "0x3f8",   "8",         "\n",    "\n",  "\n",
        "'",      "#",       "\\",    "4294967295", "-1",     "\t",
    };
    uint32_t read = 0;
    srand(1);
    for (int i = 0; i < RANDOM_TEXTS; i++) {
        char text[400] = "";
        for (int n = rand() % 40; n > 0; n--) {
            strcat(text, words[(size_t)rand() % (sizeof words / sizeof words[0])]);
            strcat(text, rand() % 8 ? " " : "");
        }
        struct config config;
        char *copy;
        uint32_t line;
        read += !read_text(text, &config, &line, &copy);
        release(&config, copy);
    }
    tap_ok(read > 0 && read < RANDOM_TEXTS, "any text is read or refused (%u read)",
           read);
}

/* The one that is there. */
static void test_own(void)
{
    static char text[0x10000];
    FILE *file = fopen(TEST_SERVERS, "r");
    size_t size = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file)
        fclose(file);
    struct config config;
    char *copy;
    uint32_t line;
    text[size] = '\0';
    const char *problem = read_text(text, &config, &line, &copy);
    if (problem)
        tap_note("line %u: %s", line, problem);
    tap_ok(!problem && config.server_count > 0
               && !strcmp(config.servers[0].name, "names"),
           "servers.conf is good, and begins with the name server");
    release(&config, copy);
}

int main(void)
{
    tap_plan(7);
    test_good();
    test_bad();
    test_random();
    test_own();
    return tap_done();
}
