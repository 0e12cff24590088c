/* SPDX-License-Identifier: MIT */
/*
 * A program that uses 2 GiB, so also the frames above those that the kernel maps for
 * itself: each page is written once and then found as it was written, and all of it comes
 * back.
 */
#include "cases.h"
#include "row.h"

#define PAGES_USED 0x80000u             /* 2 GiB */
#define PAGES_LENT (PAGES_USED + 0x400) /* and its page tables */
#define FRAMES_NEEDED 0xa0000u          /* 2.5 GiB */

/* Maps [0x30000000, 0xb0000000), writes each page's address into it, and reads it back.
 */
SNIPPET(use_it,
        "movl $0x30000000, DATA\n movl $0x80000000, DATA + 4\n movl $0xb, DATA + 8\n"
        "movl $SYS_memory_map, %eax\n xorl %ebx, %ebx\n movl $DATA, %esi\n int $0x80\n"
        "testl %eax, %eax\n jnz 9f\n"
        "movl $0x30000000, %esi\n"
        "1: cmpl $0, 0xffc(%esi)\n jne 9f\n movl %esi, (%esi)\n movl %esi, 0xffc(%esi)\n"
        "addl $0x1000, %esi\n cmpl $0xb0000000, %esi\n jne 1b\n"
        "movl $0x30000000, %esi\n"
        "2: cmpl %esi, (%esi)\n jne 9f\n cmpl %esi, 0xffc(%esi)\n jne 9f\n"
        "addl $0x1000, %esi\n cmpl $0xb0000000, %esi\n jne 2b\n"
        "pass\n"
        "9: fail")

static bool use_two_gib(void)
{
    struct process_info own;
    struct child child;
    struct process_end end;
    char words[128];
    outcome_t outcome = NOT_STARTED;
    if (system_now().frames_total < FRAMES_NEEDED)
        return case_skip("the machine has less than 2.5 GiB");
    if (limen_process_info(HANDLE_SELF, &own) != 0 ||
        own.pages_limit - own.pages_used < PAGES_LENT)
        return case_skip("this program's quota is less than 2 GiB");
    child = child_create(PAGES_LENT);
    if (child_map(child, CHILD_CODE, PAGE_SIZE,
                  MEMORY_READ | MEMORY_WRITE | MEMORY_EXECUTE) == 0 &&
        child_map(child, CHILD_DATA, PAGE_SIZE, MEMORY_READ | MEMORY_WRITE) == 0 &&
        child_write(child, CHILD_CODE, snippet_use_it,
                    (uint32_t)(snippet_use_it_end - snippet_use_it)) &&
        child_start(&child, CHILD_CODE, CHILD_DATA + PAGE_SIZE) > 0 &&
        limen_process_wait(child.process, &end, NULL) == 0)
        outcome = outcome_of(&end);
    if (outcome != EXIT_0)
        tap_note("%s", outcome_text(outcome, &end, words, sizeof(words)));
    child_close(&child);
    return outcome == EXIT_0;
}

static const struct test_case cases[] = {
    {"2 GiB, each page its own", use_two_gib},
};

int main(void)
{
    return RUN_CASES(cases);
}
