/* SPDX-License-Identifier: MIT */
/*
 * The prompt: runs programs of the boot archive by name, and does a few things itself. A
 * line is
 *
 *     [NAME=value …] program [argument …]
 *
 * with the quoting of split.c. A name without a `/` is looked for in programs/ and
 * tests/.
 */
#include "init.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <limen/archive.h>
#include <limen/syscall.h>

#define LINE_SIZE 1100          /* more than the terminal lets be typed */
#define LOG_PIECE 512

struct builtin {
    const char *name;
    void (*run)(char **arguments);
    const char *help;
};

static void do_help(char **arguments);      /* lists the table that it stands in */

/* --- What init does itself --- */

static void do_ls(char **)
{
    struct archive archive;
    struct archive_member member;
    uint32_t offset = 0;
    if (!limen_archive(&archive))
        return;
    while (archive_next(&archive, &offset, &member))
        printf("%9u  %s\n", member.size, member.name);
}

static void do_log(char **)
{
    struct system_info info;
    if (limen_system_info(&info) < 0)
        return;
    char piece[LOG_PIECE];
    for (uint32_t at = info.log_start; at != info.log_end;) {
        long size = limen_log_read(init_boot->resource, at, piece, sizeof piece);
        if (size <= 0)
            return;
        fwrite(piece, 1, (size_t)size, stdout);
        at += (uint32_t)size;
    }
}

static void do_poweroff(char **arguments)
{
    uint32_t status = arguments[0] ? (uint32_t)strtoul(arguments[0], NULL, 0) : 0;
    machine_end(MACHINE_POWER_OFF, status);
}

static void do_restart(char **arguments)
{
    if (!arguments[0])
        printf("restart SERVER\n");
    else if (!server_kill(arguments[0]))
        printf("no server %s runs\n", arguments[0]);
}

static void do_reboot(char **)
{
    machine_end(MACHINE_REBOOT, 0);
}

static const struct builtin builtins[] = {
    {"help", do_help, "this list"},
    {"ls", do_ls, "the files of the boot archive"},
    {"log", do_log, "the kernel's log"},
    {"poweroff", do_poweroff, "switches the machine off; an emulator may take a status"},
    {"reboot", do_reboot, "starts the machine anew"},
    {"restart", do_restart, "ends a server, which is started anew"},
};

#define BUILTIN_COUNT (sizeof builtins / sizeof builtins[0])

static void do_help(char **)
{
    for (size_t i = 0; i < BUILTIN_COUNT; i++)
        printf("%-10s %s\n", builtins[i].name, builtins[i].help);
    printf("Everything else is a program of the boot archive: NAME [argument …], with\n"
           "variables before it: LIMEN_TRACE=1 hello. `ls` shows what there is.\n");
}

static const struct builtin *find_builtin(const char *name)
{
    for (size_t i = 0; i < BUILTIN_COUNT; i++)
        if (!strcmp(builtins[i].name, name))
            return &builtins[i];
    return NULL;
}

/* --- Programs --- */

/* Finds the archive member that a name means; false: there is none. */
static bool find_program(const char *name, char path[ARCHIVE_NAME_MAX])
{
    static const char *const folders[] = {"programs/", TEST_FOLDER};
    struct archive archive;
    struct archive_member member;
    if (!limen_archive(&archive))
        return false;
    if (strchr(name, '/')) {
        snprintf(path, ARCHIVE_NAME_MAX, "%s", name);
        return archive_find(&archive, path, &member);
    }
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        snprintf(path, ARCHIVE_NAME_MAX, "%s%s", folders[i], name);
        if (archive_find(&archive, path, &member))
            return true;
    }
    return false;
}

/* Whether a word sets a variable: NAME=… */
static bool is_assignment(const char *word)
{
    size_t length =
        strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");
    return length > 0 && word[length] == '=' && (word[0] < '0' || word[0] > '9');
}

/* The variables of the line, then init's own; a name found twice means the first. */
static char **environment(char **assignments, int count)
{
    int own = 0;
    while (environ[own])
        own++;
    char **list = calloc((size_t)(count + own + 1), sizeof *list);
    if (!list)
        return NULL;
    memcpy(list, assignments, (size_t)count * sizeof *list);
    memcpy(list + count, environ, (size_t)own * sizeof *list);
    return list;
}

static void run_program(const char *path, char **argv, char **envp)
{
    struct limen_spawn how = {.path = path, .argv = argv, .envp = envp};
    struct limen_child child;
    struct process_end end;
    if (grant_spawn(&child, &how) < 0) {
        printf("%s: %s\n", path, child.problem);
        return;
    }
    limen_child_wait(&child, &end, NULL);
    limen_child_close(&child);
    if (end.reason != PROCESS_EXITED || end.status != 0) {
        char what[120];
        limen_describe_end(&end, what, sizeof what);
        printf("%s: %s\n", argv[0], what);
    }
}

/* --- The line --- */

static void do_words(char **words, int count)
{
    int assignments = 0;
    while (assignments < count && is_assignment(words[assignments]))
        assignments++;
    char **argv = words + assignments;
    if (!argv[0])
        return;
    const struct builtin *builtin = find_builtin(argv[0]);
    if (builtin) {
        builtin->run(argv + 1);
        return;
    }

    char path[ARCHIVE_NAME_MAX];
    if (!find_program(argv[0], path)) {
        printf("%s: no such program (`help` and `ls` tell what there is)\n", argv[0]);
        return;
    }
    char **envp = environment(words, assignments);
    if (envp)
        run_program(path, argv, envp);
    else
        printf("no memory for the environment\n");
    free(envp);
}

static void do_line(char *line)
{
    char *words[WORDS_MAX + 1];
    const char *problem;
    int count = split_line(line, words, &problem);
    if (count < 0)
        printf("%s\n", problem);
    else
        do_words(words, count);
}

void prompt_loop(void)
{
    char line[LINE_SIZE];
    printf("`help` tells what can be done here.\n");
    for (;;) {
        printf("limen> ");
        fflush(stdout);
        ssize_t size = read(STDIN_FILENO, line, sizeof line - 1);
        if (size < 0)
            return;
        if (size == 0) {
            printf("\n");
            continue;
        }
        if (line[size - 1] == '\n')
            size--;
        line[size] = '\0';
        do_line(line);
    }
}
