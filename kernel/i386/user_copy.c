/* SPDX-License-Identifier: MIT */
/* Copies between the kernel and the running process: see kernel/user_copy.h. */
#include "user_copy.h"

#include "error.h"
#include "i386.h"
#include "memory.h"

__attribute__((regparm(3))) long user_copy(void *to, const void *from, uint32_t size);
extern char user_copy_stac[], user_copy_clac[];

void user_copy_init(void)
{
    if (!cpu_features.smap)
        return;
    memcpy(user_copy_stac, "\x0f\x01\xcb", 3);
    memcpy(user_copy_clac, "\x0f\x01\xca", 3);
}

long copy_from_user(void *to, struct user_ptr from, uint32_t size)
{
    if (!user_range_ok(from, size))
        return -EFAULT;
    return user_copy(to, (const void *)from.address, size);
}

long copy_to_user(struct user_ptr to, const void *from, uint32_t size)
{
    if (!user_range_ok(to, size))
        return -EFAULT;
    return user_copy((void *)to.address, from, size);
}
