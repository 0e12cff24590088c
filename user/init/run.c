/* SPDX-License-Identifier: MIT */
/*
 * `run`: one program that the archive brings along, for `limen run` on the host. Its
 * standard input, output and error are plain bytes on channels of their own; how it ended
 * is the line `limen-exit N` on the main channel.
 *
 *     run/program        the ELF file
 *     run/argv           its arguments, the name first, each ended by a 0
 *     run/environment    NAME=value strings, each ended by a 0; may be missing
 */
#include "init.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <limen/archive.h>
#include <limen/console.h>
#include <limen/names.h>
#include <limen/syscall.h>

#define PROGRAM "run/program"
#define NOT_STARTED 126         /* what a shell answers where it cannot run one */

/* Makes a null-terminated list of the strings in an archive member; null: not there, or
 * no memory. A last string without its 0 is left out. */
static char **string_list(const char *path)
{
    struct archive archive;
    struct archive_member member;
    if (!limen_archive(&archive) || !archive_find(&archive, path, &member))
        return NULL;

    uint32_t count = 0;
    for (uint32_t i = 0; i < member.size; i++)
        count += member.bytes[i] == '\0';
    char **list = calloc(count + 1, sizeof *list);
    if (!list)
        return NULL;
    char *at = (char *)member.bytes;
    for (uint32_t i = 0; i < count; i++, at += strlen(at) + 1)
        list[i] = at;
    return list;
}

/* A channel of the console; value 0: there is none, and output goes to the log. */
static handle_t channel(const char *name)
{
    long endpoint = limen_name_wait(name);
    return (handle_t){endpoint < 0 ? 0 : (uint32_t)endpoint};
}

/* Says on the program's standard error why it could not be run. */
static void complain(handle_t error, const char *problem)
{
    char line[200];
    int size =
        snprintf(line, sizeof line, "limen: cannot run the program: %s\n", problem);
    limen_console_write(error, line, (uint32_t)size);
}

/* Runs it to its end; answers the status for the host. */
static int run(void)
{
    handle_t data = channel(CONSOLE_DATA_NAME);
    handle_t error = channel(CONSOLE_ERROR_NAME);
    const struct limen_gift gifts[] = {
        {AT_LIMEN_INPUT, data, RIGHTS_SAME},
        {AT_LIMEN_OUTPUT, data, RIGHTS_SAME},
        {AT_LIMEN_ERROR, error, RIGHTS_SAME},
    };
    char **argv = string_list("run/argv");
    char **envp = string_list("run/environment");
    struct limen_spawn how = {
        .path = PROGRAM,
        .argv = argv && argv[0] ? argv : NULL,
        .envp = envp,
        .stdio = STDIO_RAW,
        .flags = data.value && error.value ? 0 : SPAWN_NO_CONSOLE,
        .gifts = gifts,
        .gift_count = data.value && error.value ? sizeof gifts / sizeof gifts[0] : 0,
    };
    struct limen_child child;
    struct process_end end;
    int status = NOT_STARTED;
    if (limen_spawn(&child, &how) < 0) {
        complain(error, child.problem);
    } else {
        limen_child_wait(&child, &end, NULL);
        status = limen_exit_status(&end);
        limen_child_close(&child);
    }
    limen_handle_close(data);
    limen_handle_close(error);
    free(argv);
    free(envp);
    return status;
}

void run_described(void)
{
    int status = run();
    printf("limen-exit %d\n", status);
    fflush(stdout);
    machine_end(MACHINE_POWER_OFF, 0);
}
