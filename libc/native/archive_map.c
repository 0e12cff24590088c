/* SPDX-License-Identifier: MIT */
/*
 * Maps the boot archive into a process that was given its handle.
 */
#include <limen/archive.h>

#include <pthread.h>
#include <sys/auxv.h>

#include <limen/syscall.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct archive mapped;

static void map_once(void)
{
    uint32_t handle = getauxval(AT_LIMEN_ARCHIVE);
    uint32_t size = getauxval(AT_LIMEN_ARCHIVE_SIZE);
    if (mapped.bytes || !handle || !size)
        return;
    struct memory_map map = {
        .size = (size + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1u),
        .flags = MEMORY_READ,
        .memory = {handle},
    };
    if (limen_memory_map(HANDLE_SELF, &map) >= 0)
        mapped = (struct archive){(const uint8_t *)map.address, size};
}

bool limen_archive(struct archive *archive)
{
    pthread_mutex_lock(&lock);
    map_once();
    *archive = mapped;
    pthread_mutex_unlock(&lock);
    return archive->bytes != NULL;
}
