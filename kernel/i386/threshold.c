/* SPDX-License-Identifier: MIT */
/* The threshold page, which every process sees: see struct threshold_page in limen/abi.h.
 */
#include "arch.h"
#include "assert.h"
#include "i386.h"
#include "memory.h"

#define ENTRY_OFFSET (THRESHOLD_ENTRY - THRESHOLD_ADDRESS)
#define SYSENTER_RETURN 9 /* offset of the ret behind sysenter in its stub */

/* int $0x80; ret */
static const uint8_t int80_stub[] = {0xcd, 0x80, 0xc3};
/* mov %esp,%ecx; mov $return,%edx; sysenter; ret */
static const uint8_t sysenter_stub[] = {0x89, 0xe1, 0xba, 0, 0, 0, 0, 0x0f, 0x34, 0xc3};
/* syscall; ret */
static const uint8_t syscall_stub[] = {0x0f, 0x05, 0xc3};

static_assert(sizeof(struct threshold_page) <= ENTRY_OFFSET,
              "the stub stands behind the data");

static void put_stub(uint8_t *entry)
{
    const uint32_t back = THRESHOLD_ENTRY + SYSENTER_RETURN;

    switch (gates_best()) {
    case GATE_SYSENTER:
        memcpy(entry, sysenter_stub, sizeof(sysenter_stub));
        memcpy(entry + 3, &back, sizeof(back));
        break;
    case GATE_SYSCALL:
        memcpy(entry, syscall_stub, sizeof(syscall_stub));
        break;
    default:
        memcpy(entry, int80_stub, sizeof(int80_stub));
    }
}

void threshold_init(void)
{
    phys_t frame = frame_take(FRAME_LOW);

    if (frame.address == PHYS_NONE.address)
        panic("no memory for the threshold page");
    arch_page_zero(frame);
    struct threshold_page *page = arch_direct(frame);
    page->abi_version = LIMEN_ABI_VERSION;
    page->gates_open = gates_open();
    page->best_gate = gates_best();
    clock_fill_threshold(page);
    put_stub((uint8_t *)page + ENTRY_OFFSET);
    paging_map_threshold(frame);
}
