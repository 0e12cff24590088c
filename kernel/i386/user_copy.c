/* SPDX-License-Identifier: MIT */
/* Copies across the user boundary, beside copy.S: see kernel/user_copy.h. */
#include "user_copy.h"

#include "arch.h"
#include "i386.h"
#include "memory.h"

/* As user_copy_from, but that no fault is resolved. */
long user_copy_present(void *to, struct user_ptr from, uint32_t size);
extern char user_copy_stac[], user_copy_clac[];
extern char user_copy_present_stac[], user_copy_present_clac[];
extern char user_put_stac[], user_put_clac[];

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

void user_copy_init(void)
{
    if (!cpu_features.smap)
        return;
    memcpy(user_copy_stac, "\x0f\x01\xcb", 3);
    memcpy(user_copy_clac, "\x0f\x01\xca", 3);
    memcpy(user_copy_present_stac, user_copy_stac, 3);
    memcpy(user_copy_present_clac, user_copy_clac, 3);
    memcpy(user_put_stac, user_copy_stac, 3);
    memcpy(user_put_clac, user_copy_clac, 3);
}

bool arch_copy_across(struct space *to, uint32_t address, struct user_ptr from,
                      uint32_t size)
{
    for (uint32_t done = 0, part; done < size; done += part) {
        uint32_t offset = (address + done) % PAGE_SIZE;
        char *view = paging_writable(to, address + done);
        part = smaller(PAGE_SIZE - offset, size - done);
        if (!view || user_copy_present(view + offset, user_add(from, done), part))
            return false;
    }
    return true;
}
