/* SPDX-License-Identifier: MIT */
/*
 * Init: the first program. It is told by the kernel's command line, behind ` -- `, what
 * to do:
 *
 *     boot         run all tests, then the prompt
 *     test NAME…   run all tests, or those named, and power off: 0 if all passed, else 1
 *     run          run what run/ in the archive describes (run.c), and power off
 *     (nothing)    the prompt
 *
 * Nothing that a program or a command line does may end it.
 */
#ifndef INIT_H
#define INIT_H

#include <stdbool.h>
#include <stdint.h>

#include <limen/abi.h>
#include <limen/spawn.h>

#define WORDS_MAX 64
#define TEST_FOLDER "tests/"

/* What the kernel told (start.c). */
extern const struct boot_info *init_boot;

/* main.c: stops the machine. Does not return, unless the machine cannot be stopped. */
void machine_end(uint32_t action, uint32_t status);

/* split.c: splits a line into words, in place. '…' takes everything as it is, "…" all but
 * \" and \\, a \ the next character as it is. Answers the number of words, at most
 * WORDS_MAX, with a null behind them, or -1 with *problem set. */
int split_line(char *line, char *words[WORDS_MAX + 1], const char **problem);

/* servers.c: starts the servers, and keeps them running; each begins by and by. */
void servers_start(void);

/* Ends a server, which is started anew; false: there is none of that name that runs. */
bool server_kill(const char *name);

/* grant.c: limen_spawn of an archive member with the resource that it is to have. */
int grant_spawn(struct limen_child *child, struct limen_spawn *how);

/* tests.c: runs the tests named, or all; true: every one passed. */
bool tests_run(char *const *names, int count);

/* run.c: runs what run/ in the archive describes. */
void run_described(void);

/* prompt.c: reads commands and does them, for ever. */
void prompt_loop(void);

#endif
