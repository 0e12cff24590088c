/* SPDX-License-Identifier: MIT */
/* Copies across the user boundary, beside copy.S: see kernel/user_copy.h. */
#include "user_copy.h"

#include "arch.h"
#include "i386.h"
#include "memory.h"

/* As user_copy_from, but that no fault is resolved. */
long user_copy_present(void *to, struct user_ptr from, uint32_t size);

/* Where user memory is opened and closed: copy.S, user_access.h. */
struct access {
    char *at;
    uint32_t last;
};

extern const struct access smap_start[], smap_end[];

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* STAC and CLAC differ in their last byte. */
void user_copy_init(void)
{
    if (!cpu_features.smap)
        return;
    for (const struct access *access = smap_start; access < smap_end; access++) {
        const char code[] = {0x0f, 0x01, (char)access->last};
        memcpy(access->at, code, sizeof(code));
    }
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
