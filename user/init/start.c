/* SPDX-License-Identifier: MIT */
/*
 * Init is the one program that the kernel itself starts, without arguments: this draws
 * what limen_spawn gives to all others. It runs before the C library is there, on nothing
 * but native calls.
 */
#include "start.h"

#include <elf.h>
#include <stddef.h>

#include <limen/gate.h>
#include <limen/syscall.h>

#include "init.h"

struct picture {
    uint32_t argc;
    const char *argv[2];
    const char *envp[2];
    uint32_t aux[18][2];
};

_Static_assert(sizeof(struct picture) <= PICTURE_SIZE, "entry.S makes room for it");

const struct boot_info *init_boot;

/* A handle that lets the log be written, and be passed on; of value 0 where there is no
 * memory for it. */
static handle_t log_to_write(handle_t root)
{
    const struct resource_range log = {.kind = RESOURCE_LOG, .first = 0, .count = 1};
    long whole = limen_resource_derive(root, &log);
    if (whole < 0)
        return (handle_t){0};
    long narrow = limen_handle_duplicate(
        (handle_t){(uint32_t)whole}, RIGHT_WRITE | RIGHT_DUPLICATE | RIGHT_TRANSFER);
    limen_handle_close((handle_t){(uint32_t)whole});
    return (handle_t){narrow < 0 ? 0 : (uint32_t)narrow};
}

void init_picture(const struct boot_info *boot, struct picture *picture);

void init_picture(const struct boot_info *boot, struct picture *picture)
{
    static const char name[] = "init";
    static uint8_t seed[SEED_BYTES];
    init_boot = boot;
    limen_seed(seed);
    *picture = (struct picture){
        .argc = 1,
        .argv = {name, NULL},
        .envp = {"TERM=vt100", NULL},
        .aux = {
            {AT_PHDR, boot->phdr},
            {AT_PHENT, boot->phent},
            {AT_PHNUM, boot->phnum},
            {AT_ENTRY, boot->entry},
            {AT_PAGESZ, PAGE_SIZE},
            {AT_HWCAP, limen_processor_facts().features},
            {AT_UID, 0},
            {AT_EUID, 0},
            {AT_GID, 0},
            {AT_EGID, 0},
            {AT_RANDOM, (uint32_t)seed},
            {AT_EXECFN, (uint32_t)name},
            {AT_LIMEN_RESOURCE, boot->resource.value},
            {AT_LIMEN_LOG, log_to_write(boot->resource).value},
            {AT_LIMEN_ARCHIVE, boot->archive.value},
            {AT_LIMEN_ARCHIVE_SIZE, boot->archive_size},
            {AT_LIMEN_STDIO, STDIO_TERMINAL},
            {AT_NULL, 0},
        },
    };
}
