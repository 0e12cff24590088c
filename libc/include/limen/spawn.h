/* SPDX-License-Identifier: MIT */
/*
 * Starting programs: a member of the boot archive, an ELF file in memory, or the running
 * program once more, in a new process with arguments, environment, a quota and chosen
 * handles: the boot archive, the kernel's log to write to, the name server, the
 * console, and what is asked for here.
 *
 *     struct limen_child child;
 *     struct limen_spawn how = {.path = "programs/hello", .argv = argv};
 *     if (limen_spawn(&child, &how) < 0)
 *         … child.problem says why …
 *     struct process_end end;
 *     limen_child_wait(&child, &end, NULL);
 *     limen_child_close(&child);
 *
 * limen_child_wait writes a report to the kernel's log if the child did not exit by
 * itself: what, where, the registers, and who called whom.
 */
#ifndef LIMEN_SPAWN_H
#define LIMEN_SPAWN_H

#include <limen/abi.h>
#include <limen/elf_file.h>

/* limen_spawn.flags */
#define SPAWN_RESOURCE (1u << 0)        /* give AT_LIMEN_RESOURCE, if there */
#define SPAWN_NO_ARCHIVE (1u << 1)      /* do not give the boot archive */
#define SPAWN_NO_CONSOLE (1u << 3)      /* nor the console: output goes to the log */
#define SPAWN_SILENT (1u << 2)          /* no report of a fault */

#define SPAWN_STACK_SIZE 0x800000u      /* room, not memory in use */
#define SPAWN_STACK_MAX 0x10000000u
#define SPAWN_GIFTS_MAX 16
#define SPAWN_ARGUMENTS_MAX 0x20000u    /* bytes of arguments and environment */

/* A handle for the child, which finds its own value for it in the auxiliary vector. */
struct limen_gift {
    uint32_t key;                       /* an AT_… of the giver's choice */
    handle_t handle;
    uint32_t rights;                    /* RIGHT_…, or RIGHTS_SAME */
};

struct limen_spawn {
    const char *path;                   /* archive member; null: this program again */
    const uint8_t *image;               /* or an ELF file; `path` is its name */
    uint32_t image_size;
    char *const *argv;                  /* null-terminated; null: the path alone */
    char *const *envp;                  /* null-terminated; null: this process's */
    uint32_t pages;                     /* quota; 0: three quarters of what is left */
    uint32_t stack_size;                /* 0: SPAWN_STACK_SIZE */
    uint32_t stdio;                     /* enum stdio_mode */
    uint32_t flags;                     /* SPAWN_… */
    const struct limen_gift *gifts;
    uint32_t gift_count;                /* at most SPAWN_GIFTS_MAX */
};

struct limen_child {
    handle_t process;
    const char *problem;                /* why it could not be started */
    char name[256];                     /* the path, for reports and for itself */
    bool silent;
    struct elf_file file;               /* borrows the image's bytes until closed */
};

/* Starts a program; 0, or a negative error with child->problem set and nothing to
 * close. */
int limen_spawn(struct limen_child *child, const struct limen_spawn *how);

/* Waits for its end, at most until the deadline (null: for ever); 0 or a negative
 * error. */
int limen_child_wait(struct limen_child *child, struct process_end *end,
                     const uint64_t *deadline);

/* Ends it as SIGKILL would. Wait for it and close it all the same. */
void limen_child_kill(struct limen_child *child);

/* Gives it back; if it still runs it goes on. */
void limen_child_close(struct limen_child *child);

/* What a shell would show: the exit status, or 128 + the signal that the end is like. */
int limen_exit_status(const struct process_end *end);

/* "exited with 3", "killed by signal 6 (SIGABRT)", "page fault: …": into the buffer. */
void limen_describe_end(const struct process_end *end, char *buffer, uint32_t size);

/* Writes how it ended, its registers and its callers to the kernel's log. */
void limen_report(const struct limen_child *child, const struct process_end *end);

#endif
