/* SPDX-License-Identifier: MIT */
/* The two 8259A interrupt controllers, remapped behind the exceptions (Intel 8259A data
 * sheet). */
#include "i386.h"

#define MASTER 0x20
#define SLAVE 0xa0
#define DATA 1
#define ICW1_INIT_ICW4 0x11
#define ICW4_8086 0x01
#define OCW2_END 0x20
#define OCW3_READ_ISR 0x0b
#define CASCADE 2

static uint16_t mask = 0xffff & ~(1u << CASCADE);

static void set_mask(void)
{
    out8(MASTER + DATA, (uint8_t)mask);
    out8(SLAVE + DATA, (uint8_t)(mask >> 8));
}

void pic_init(void)
{
    out8(MASTER, ICW1_INIT_ICW4);
    out8(SLAVE, ICW1_INIT_ICW4);
    out8(MASTER + DATA, VECTOR_IRQ);
    out8(SLAVE + DATA, VECTOR_IRQ + 8);
    out8(MASTER + DATA, 1 << CASCADE);
    out8(SLAVE + DATA, CASCADE);
    out8(MASTER + DATA, ICW4_8086);
    out8(SLAVE + DATA, ICW4_8086);
    set_mask();
}

void pic_enable(uint32_t irq)
{
    mask &= (uint16_t) ~(1u << irq);
    set_mask();
}

/* Lines 7 and 15 also come up when a request goes away too early: then it is not in
 * service. */
static bool spurious(uint16_t pic)
{
    out8(pic, OCW3_READ_ISR);
    return !(in8(pic) & 0x80);
}

bool pic_acknowledge(uint32_t irq)
{
    if (irq == 7 && spurious(MASTER))
        return false;
    if (irq == 15 && spurious(SLAVE)) {
        out8(MASTER, OCW2_END);
        return false;
    }
    if (irq >= 8)
        out8(SLAVE, OCW2_END);
    out8(MASTER, OCW2_END);
    return true;
}
