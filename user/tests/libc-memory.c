/* SPDX-License-Identifier: MIT */
/*
 * Memory as a C program sees it: malloc, brk, mmap and its kin, and what happens when
 * there is none left.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "libc-child.h"

#include <limen/syscall.h>

#define BLOCKS 500
#define MIB 0x100000u

static unsigned char *map_pages(size_t size, int protection)
{
    return mmap(NULL, size, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/* Whether all bytes of a range have one value. */
static bool all_are(const unsigned char *bytes, size_t size, unsigned char value)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != value)
            return false;
    return true;
}

static void check_malloc(void)
{
    static unsigned char *blocks[BLOCKS];
    bool given = true, kept = true, aligned = true;
    for (size_t i = 0; i < BLOCKS; i++) {
        size_t size = i * i % 5000 + 1;
        blocks[i] = malloc(size);
        given = given && blocks[i];
        aligned = aligned && (uintptr_t)blocks[i] % 8 == 0;
        if (blocks[i])
            memset(blocks[i], (int)i & 0xff, size);
    }
    for (size_t i = 0; i < BLOCKS; i++)
        kept =
            kept && blocks[i] && all_are(blocks[i], i * i % 5000 + 1, (unsigned char)i);
    for (size_t i = 0; i < BLOCKS; i++)
        free(blocks[i * 7 % BLOCKS]);
    tap_ok(given, "malloc gives %d blocks", BLOCKS);
    tap_ok(aligned, "all aligned");
    tap_ok(kept, "none on top of another");
}

/* Large blocks, at most eight units at a time: half of the quota, or 8 MiB. */
static void check_large(void)
{
    struct process_info before = process_now();
    size_t unit = before.pages_limit / 16 * 4096;
    if (unit > MIB)
        unit = MIB;
    unsigned char *block = malloc(3 * unit);
    tap_ok(block != NULL, "malloc of a large block");
    if (block)
        memset(block, 5, 3 * unit);
    unsigned char *grown = realloc(block, 5 * unit);
    tap_ok(grown && all_are(grown, 3 * unit, 5),
           "realloc to a larger one keeps the contents");
    unsigned char *shrunk = realloc(grown, unit);
    tap_ok(shrunk && all_are(shrunk, unit, 5), "realloc to a smaller one does too");
    free(shrunk);
    tap_ok(process_now().pages_used < before.pages_used + 64,
           "and the memory is given back");
    unsigned char *zero = calloc(1000, 1000);
    tap_ok(zero && all_are(zero, 1000000, 0), "calloc is zero");
    free(zero);
    tap_ok(aligned_alloc(4096, 8192) != NULL, "aligned_alloc");
}

static void check_exhaustion(void)
{
    errno = 0;
    void *volatile block = malloc((size_t)PTRDIFF_MAX);
    tap_ok(!block && errno == ENOMEM, "malloc of half the address space fails");
    errno = 0;
    tap_ok(map_pages(0xf0000000u, PROT_READ) == MAP_FAILED && errno == ENOMEM,
           "mmap of nearly all of it, too");
    struct process_end end = run_role("eat memory");
    tap_ok(end.reason == PROCESS_NO_MEMORY
               || (end.reason == PROCESS_EXITED && end.status == 12),
           "a program that takes more than its quota is refused or ended");
    free(malloc(1));
    tap_ok(true, "and this one goes on");
}

static void check_brk(void)
{
    unsigned char *start = sbrk(0);
    tap_ok(start != (void *)-1, "the break is known");
    long now = syscall(SYS_brk, 0);     /* the library keeps it to itself */
    tap_is(syscall(SYS_brk, now + 100000), now + 100000, "it can be raised");
    tap_ok(all_are((unsigned char *)now, 100000, 0), "fresh memory is zero");
    tap_is(syscall(SYS_brk, now), now, "and lowered");
    tap_is(syscall(SYS_brk, 0x1000), now, "not below the program");
}

static void check_mmap(void)
{
    unsigned char *pages = map_pages(4 * 4096, PROT_READ | PROT_WRITE);
    tap_ok(pages != MAP_FAILED, "mmap");
    memset(pages, 1, 4 * 4096);
    tap_is(munmap(pages + 4096, 4096), 0, "munmap of a page in the middle");
    tap_is(mprotect(pages, 2 * 4096, PROT_READ), -1, "mprotect across the hole fails");
    tap_is(errno, ENOMEM, "with ENOMEM");
    unsigned char *again = mmap(pages + 4096, 4096, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    tap_ok(again == pages + 4096 && all_are(again, 4096, 0),
           "MAP_FIXED puts a fresh page there");
    tap_ok(all_are(pages, 4096, 1) && all_are(pages + 2 * 4096, 2 * 4096, 1),
           "and only there");
    tap_is(mprotect(pages, 4096, PROT_READ), 0, "mprotect");
    tap_ok(mmap(pages, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
                -1, 0) == MAP_FAILED && errno == EEXIST,
           "MAP_FIXED_NOREPLACE replaces nothing");
    tap_is(madvise(pages, 4096, MADV_WILLNEED), 0, "madvise that asks for nothing");
    tap_is(madvise(pages, 4096, MADV_DONTNEED), -1, "madvise that must zero is refused");
    tap_ok(mremap(pages, 4 * 4096, 2 * 4096, 0) == pages, "mremap shrinks");
    tap_ok(mremap(pages, 4096, MIB, 0) == MAP_FAILED && errno == ENOMEM,
           "and does not grow");
    tap_is(munmap(pages, 2 * 4096), 0, "munmap");
    tap_ok(mremap(pages, 4096, 8192, 0) == MAP_FAILED && errno == EFAULT,
           "mremap of nothing fails with EFAULT");
    tap_ok(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, 0, 0) == MAP_FAILED,
           "mmap of a console fails");
    tap_is(errno, ENODEV, "with ENODEV");
}

static int eat_memory(void)
{
    for (;;) {
        unsigned char *pages = map_pages(MIB, PROT_READ | PROT_WRITE);
        if (pages == MAP_FAILED)
            return 12;
        for (size_t i = 0; i < MIB; i += 4096)
            pages[i] = 1;
    }
}

static int play(const char *role)
{
    unsigned char *page = map_pages(4096, PROT_READ | PROT_WRITE);
    if (!strcmp(role, "eat memory"))
        return eat_memory();
    if (!strcmp(role, "use after munmap"))
        munmap(page, 4096);
    if (!strcmp(role, "write after mprotect"))
        mprotect(page, 4096, PROT_READ);
    if (!strcmp(role, "read of PROT_NONE")) {
        mprotect(page, 4096, PROT_NONE);
        return ((volatile unsigned char *)page)[0];
    }
    ((volatile unsigned char *)page)[0] = 1;
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return play(argv[1]);
    tap_plan(38);
    check_malloc();
    check_large();
    check_exhaustion();
    check_brk();
    check_mmap();
    exits_with("use of a page", 0);
    faults_with("use after munmap", 14);
    faults_with("write after mprotect", 14);
    faults_with("read of PROT_NONE", 14);
    return tap_done();
}
