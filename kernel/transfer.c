/* SPDX-License-Identifier: MIT */
/*
 * Copies between two processes: see transfer.h. The other's page is looked up for each
 * piece and reached through the kernel's view of its frame, so it may be unmapped by
 * another thread between two pieces, but not during one.
 */
#include "transfer.h"

#include "arch.h"
#include "cpu.h"
#include "schedule.h"
#include "thread.h"
#include "user_copy.h"

static enum transfer_result copy_piece(const struct transfer *transfer, uint32_t done,
                                       uint32_t size)
{
    uint32_t address = transfer->address + done;
    phys_t frame = space_page(transfer->other, address, transfer->to_other);

    if (frame.address == PHYS_NONE.address)
        return TRANSFER_OTHER_FAULT;
    char *view = (char *)arch_view(frame) + address % PAGE_SIZE;
    struct user_ptr own = user_add(transfer->own, done);
    frame_hold(frame); /* a fault on the own side may end the mapping of the other */
    long error = transfer->to_other ? copy_from_user(view, own, size)
                                    : copy_to_user(own, view, size);
    frame_drop(frame);
    return error ? TRANSFER_OWN_FAULT : TRANSFER_DONE;
}

enum transfer_result transfer_copy(const struct transfer *transfer)
{
    uint32_t *done = &cpu()->current->progress;

    while (*done < transfer->size) {
        uint32_t part = PAGE_SIZE - (transfer->address + *done) % PAGE_SIZE;
        if (part > transfer->size - *done)
            part = transfer->size - *done;
        enum transfer_result result = copy_piece(transfer, *done, part);
        if (result != TRANSFER_DONE)
            return result;
        *done += part;
        if (*done < transfer->size && schedule_preempt_point())
            return TRANSFER_PREEMPTED;
    }
    return TRANSFER_DONE;
}
