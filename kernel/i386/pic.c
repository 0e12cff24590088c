/* SPDX-License-Identifier: MIT */
/* The two 8259A interrupt controllers, remapped behind the exceptions (Intel 8259A data
 * sheet). */
#include "arch.h"
#include "i386.h"

#define SLAVE 0xa0
#define DATA 1
#define ICW1_INIT_ICW4 0x11
#define ICW4_8086 0x01
#define OCW3_READ_ISR 0x0b

/* Bits by line. A line is open if somebody listens and nobody holds it masked. */
static uint16_t kernel_listens = 1u << IRQ_CASCADE;
static uint16_t others_listen;
static uint16_t held;
static uint16_t mask = 0xffff; /* as the PICs have it */

static void set_mask(void)
{
    uint16_t wanted = (uint16_t)(~(kernel_listens | others_listen) | held);
    uint16_t changed = wanted ^ mask;

    mask = wanted;
    if (changed & 0xff)
        out8(PIC_MASTER + DATA, (uint8_t)mask);
    if (changed >> 8)
        out8(SLAVE + DATA, (uint8_t)(mask >> 8));
}

__attribute__((cold)) void pic_init(void)
{
    out8(PIC_MASTER, ICW1_INIT_ICW4);
    out8(SLAVE, ICW1_INIT_ICW4);
    out8(PIC_MASTER + DATA, VECTOR_IRQ);
    out8(SLAVE + DATA, VECTOR_IRQ + 8);
    out8(PIC_MASTER + DATA, 1 << IRQ_CASCADE);
    out8(SLAVE + DATA, IRQ_CASCADE);
    out8(PIC_MASTER + DATA, ICW4_8086);
    out8(SLAVE + DATA, ICW4_8086);
    out8(PIC_MASTER + DATA, (uint8_t)mask);
    out8(SLAVE + DATA, (uint8_t)(mask >> 8));
    set_mask();
}

static void set_bit(uint16_t *bits, uint32_t irq, bool on)
{
    *bits = (uint16_t)((*bits & ~(1u << irq)) | (uint32_t)on << irq);
}

void pic_enable(uint32_t irq)
{
    set_bit(&kernel_listens, irq, true);
    set_mask();
}

void arch_irq_set(uint32_t irq, bool listen, bool hold)
{
    set_bit(&others_listen, irq, listen);
    set_bit(&held, irq, hold);
    set_mask();
}

bool arch_irq_reserved(uint32_t irq)
{
    return irq == IRQ_TIMER || irq == IRQ_CASCADE;
}

static bool in_service(uint16_t pic)
{
    out8(pic, OCW3_READ_ISR);
    return in8(pic) & 0x80;
}

/* Lines 7 and 15 also come up when a request goes away too early: then it is not in
 * service. For the master, the slave's is an interrupt all the same. */
bool pic_spurious(uint32_t irq)
{
    if (irq == 7)
        return !in_service(PIC_MASTER);
    if (irq != 15 || in_service(SLAVE))
        return false;
    out8(PIC_MASTER, PIC_END);
    return true;
}

void pic_end(uint32_t irq)
{
    if (irq >= 8)
        out8(SLAVE, PIC_END);
    out8(PIC_MASTER, PIC_END);
}
