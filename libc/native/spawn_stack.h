/* SPDX-License-Identifier: MIT */
/*
 * The top of a new program's stack, as Linux lays it out for the i386:
 *
 *     esp -> argc | argv … 0 | envp … 0 | auxiliary vector, ends with AT_NULL |
 *            random bytes | path | arguments | environment        <- USER_END
 */
#ifndef NATIVE_SPAWN_STACK_H
#define NATIVE_SPAWN_STACK_H

#include <stdint.h>

#include <limen/spawn.h>

/* What is always there, with room to spare, and the gifts. */
#define SPAWN_AUX_MAX (24 + SPAWN_GIFTS_MAX)

struct spawn_stack {
    uint32_t aux[SPAWN_AUX_MAX][2];
    uint32_t aux_count;
};

/* Begins with what the program's file and the processor say. */
void spawn_stack_init(struct spawn_stack *stack, const struct elf_file *file);

/* Adds a pair to the auxiliary vector, which must have room. */
void spawn_stack_aux(struct spawn_stack *stack, uint32_t key, uint32_t value);

/* Writes it all to the end of the child's stack; the stack pointer, or a negative
 * error. */
long spawn_stack_write(struct spawn_stack *stack, const struct limen_child *child,
                       char *const *argv, char *const *envp);

/* Writes all of it into a process's memory; 0 or a negative error, with part of it
 * written. */
long spawn_write(handle_t process, uint32_t address, const void *bytes, uint32_t size);

#endif
