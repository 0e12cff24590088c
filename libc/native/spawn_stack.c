/* SPDX-License-Identifier: MIT */
/*
 * Builds the picture of spawn_stack.h in a buffer that holds the child's topmost bytes,
 * and copies it over. Addresses are the child's: the buffer's end is USER_END there.
 */
#include "spawn_stack.h"

#include <assert.h>
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <limen/gate.h>
#include <limen/syscall.h>

#define CLOCK_TICKS 100
#define PAIRS_LATER 3           /* AT_RANDOM, AT_EXECFN and AT_NULL */

/* The picture being made. The strings grow up from `string`, the words from `word`. */
struct picture {
    uint8_t *bytes;
    uint32_t size;
    uint32_t string;
    uint32_t word;
};

void spawn_stack_aux(struct spawn_stack *stack, uint32_t key, uint32_t value)
{
    assert(stack->aux_count < SPAWN_AUX_MAX);
    stack->aux[stack->aux_count][0] = key;
    stack->aux[stack->aux_count][1] = value;
    stack->aux_count++;
}

void spawn_stack_init(struct spawn_stack *stack, const struct elf_file *file)
{
    struct processor_facts facts = limen_processor_facts();
    stack->aux_count = 0;
    if (file->phdr) {
        spawn_stack_aux(stack, AT_PHDR, file->phdr);
        spawn_stack_aux(stack, AT_PHENT, sizeof(Elf32_Phdr));
        spawn_stack_aux(stack, AT_PHNUM, file->phnum);
    }
    spawn_stack_aux(stack, AT_ENTRY, file->entry);
    spawn_stack_aux(stack, AT_PAGESZ, PAGE_SIZE);
    spawn_stack_aux(stack, AT_HWCAP, facts.features);
    spawn_stack_aux(stack, AT_CLKTCK, CLOCK_TICKS);
    spawn_stack_aux(stack, AT_UID, 0);
    spawn_stack_aux(stack, AT_EUID, 0);
    spawn_stack_aux(stack, AT_GID, 0);
    spawn_stack_aux(stack, AT_EGID, 0);
    spawn_stack_aux(stack, AT_SECURE, 0);
}

static uint32_t address_of(const struct picture *picture, uint32_t offset)
{
    return USER_END - picture->size + offset;
}

static void add_word(struct picture *picture, uint32_t value)
{
    memcpy(picture->bytes + picture->word, &value, sizeof value);
    picture->word += sizeof value;
}

/* Adds bytes to the strings; answers their address in the child. */
static uint32_t add_bytes(struct picture *picture, const void *bytes, uint32_t size)
{
    uint32_t address = address_of(picture, picture->string);
    memcpy(picture->bytes + picture->string, bytes, size);
    picture->string += size;
    return address;
}

static uint32_t add_string(struct picture *picture, const char *text)
{
    return add_bytes(picture, text, (uint32_t)strlen(text) + 1);
}

/* Adds a list of strings and the words that point at them, and a 0. */
static void add_list(struct picture *picture, char *const *list)
{
    for (; *list; list++)
        add_word(picture, add_string(picture, *list));
    add_word(picture, 0);
}

/* Counts a list's strings and their bytes; false: too many. */
static bool measure(char *const *list, uint32_t *count, uint32_t *bytes)
{
    for (; *list; list++) {
        size_t size = strlen(*list) + 1;
        if (size > SPAWN_ARGUMENTS_MAX - *bytes)
            return false;
        *bytes += (uint32_t)size;
        ++*count;
    }
    return *count <= SPAWN_ARGUMENTS_MAX / sizeof(uint32_t);
}

/* Writes words and strings; the buffer has been measured to hold them. */
static void fill(struct picture *picture, struct spawn_stack *stack, const char *name,
                 char *const *argv, char *const *envp)
{
    uint32_t argc = 0;
    while (argv[argc])
        argc++;
    uint8_t random[SEED_BYTES];
    limen_seed(random);

    add_word(picture, argc);
    spawn_stack_aux(stack, AT_RANDOM, add_bytes(picture, random, SEED_BYTES));
    spawn_stack_aux(stack, AT_EXECFN, add_string(picture, name));
    add_list(picture, argv);
    add_list(picture, envp);
    for (uint32_t i = 0; i < stack->aux_count; i++) {
        add_word(picture, stack->aux[i][0]);
        add_word(picture, stack->aux[i][1]);
    }
    add_word(picture, AT_NULL);
    add_word(picture, 0);
}

long spawn_stack_write(struct spawn_stack *stack, const struct limen_child *child,
                       char *const *argv, char *const *envp)
{
    uint32_t strings = SEED_BYTES + (uint32_t)strlen(child->name) + 1;
    uint32_t arguments = 0, variables = 0;
    if (!measure(argv, &arguments, &strings) || !measure(envp, &variables, &strings))
        return -E2BIG;

    uint32_t words = 3 + arguments + variables + 2 * (stack->aux_count + PAIRS_LATER);
    uint32_t word_bytes = words * (uint32_t)sizeof(uint32_t);
    struct picture picture = {
        .size = (word_bytes + strings + 15) & ~15u,
        .string = word_bytes,
    };
    picture.bytes = calloc(1, picture.size);
    if (!picture.bytes)
        return -ENOMEM;

    fill(&picture, stack, child->name, argv, envp);
    long address = (long)address_of(&picture, 0);
    long error = spawn_write(child->process, (uint32_t)address, picture.bytes,
                             picture.size);
    free(picture.bytes);
    if (error < 0)
        return error;
    return address;
}
