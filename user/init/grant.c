/* SPDX-License-Identifier: MIT */
/*
 * What programs started from the prompt get beside what every program gets: a resource
 * that is no wider than what they are for. Tests get the root resource.
 */
#include "init.h"

#include <string.h>

#include <limen/syscall.h>

static const struct {
    const char *path;
    struct resource_range range;
} grants[] = {
    {"programs/poweroff", {RESOURCE_MACHINE, 0, 1}},
    {"programs/reboot", {RESOURCE_MACHINE, 0, 1}},
};

/* The resource that the program is to have; its value is 0 if none. */
static handle_t derive_for(const char *path)
{
    for (size_t i = 0; i < sizeof grants / sizeof grants[0]; i++) {
        if (strcmp(path, grants[i].path))
            continue;
        long handle = limen_resource_derive(init_boot->resource, &grants[i].range);
        return (handle_t){handle < 0 ? 0 : (uint32_t)handle};
    }
    return (handle_t){0};
}

int grant_spawn(struct limen_child *child, struct limen_spawn *how)
{
    struct limen_gift gift = {
        .key = AT_LIMEN_RESOURCE,
        .handle = derive_for(how->path),
        .rights = RIGHT_CONTROL | RIGHT_DUPLICATE | RIGHT_TRANSFER,
    };
    if (gift.handle.value) {
        how->gifts = &gift;
        how->gift_count = 1;
    } else if (!strncmp(how->path, TEST_FOLDER, strlen(TEST_FOLDER))) {
        how->flags |= SPAWN_RESOURCE;
    }
    int error = limen_spawn(child, how);
    if (gift.handle.value)
        limen_handle_close(gift.handle);
    return error;
}
