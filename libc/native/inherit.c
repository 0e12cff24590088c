/* SPDX-License-Identifier: MIT */
/*
 * limen/inherit.h: what was set by hand, then the auxiliary vector. Of use for init,
 * which starts the servers whose endpoints all others are given.
 */
#include <limen/inherit.h>

#include <assert.h>
#include <sys/auxv.h>

static struct {
    uint32_t key;
    handle_t handle;
} own[INHERIT_MAX];
static uint32_t own_count;

handle_t limen_inherited(uint32_t key)
{
    for (uint32_t i = 0; i < own_count; i++)
        if (own[i].key == key)
            return own[i].handle;
    return (handle_t){getauxval(key)};
}

void limen_inherit(uint32_t key, handle_t handle)
{
    uint32_t at = 0;
    while (at < own_count && own[at].key != key)
        at++;
    assert(at < INHERIT_MAX);
    own[at].key = key;
    own[at].handle = handle;
    if (at == own_count)
        own_count++;
}
