/* SPDX-License-Identifier: MIT */
/*
 * Init decides by the kernel's command line what this boot is for: init.h.
 */
#include "init.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <limen/console.h>
#include <limen/names.h>
#include <limen/syscall.h>

void machine_end(uint32_t action, uint32_t status)
{
    fflush(stdout);
    tcdrain(STDOUT_FILENO);
    long error = limen_machine_stop(init_boot->resource, action, status);
    printf("the machine cannot be stopped (error %ld)\n", -error);
}

/* The words behind `--`; none where it is missing. */
static char **words_for_init(char **words)
{
    while (*words && strcmp(*words, "--"))
        words++;
    return *words ? words + 1 : words;
}

static int word_count(char *const *words)
{
    int count = 0;
    while (words[count])
        count++;
    return count;
}

static void do_mode(char **words)
{
    const char *mode = words[0] ? words[0] : "";
    if (!strcmp(mode, "boot")) {
        tests_run(NULL, 0);
    } else if (!strcmp(mode, "test")) {
        bool passed = tests_run(words + 1, word_count(words + 1));
        machine_end(MACHINE_POWER_OFF, passed ? 0 : 1);
    } else if (!strcmp(mode, "run")) {
        run_described();
    } else if (mode[0]) {
        printf("init: `%s` is none of boot, test, run\n", mode);
    }
}

/* From here on init reads and writes as other programs do; before, and where there is no
 * driver for the console, it writes to the kernel's log. */
static void open_console(void)
{
    long console = limen_name_wait(CONSOLE_MAIN_NAME);
    if (console < 0)
        return;
    handle_t handle = {(uint32_t)console};
    limen_console_use(handle, handle, handle);
}

int main(void)
{
    static char command[BOOT_COMMAND_MAX];
    char *words[WORDS_MAX + 1];
    const char *problem;
    signal(SIGINT, SIG_IGN);
    signal(SIGQUIT, SIG_IGN);

    servers_start();
    open_console();
    memcpy(command, init_boot->command, sizeof command);
    command[sizeof command - 1] = '\0';
    if (split_line(command, words, &problem) < 0)
        printf("init: command line: %s\n", problem);
    else
        do_mode(words_for_init(words));

    prompt_loop();
    printf("init: no console to read from\n");
    fflush(stdout);
    for (;;)
        pause();
}
