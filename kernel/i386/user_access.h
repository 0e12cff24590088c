/* SPDX-License-Identifier: MIT */
/*
 * Single words across the user boundary, for C whose instructions are counted: beside
 * copy.S. USER_OPEN … USER_CLOSE stand around the others, whose `fault` is a label in the
 * same function. What cannot be read or written at once goes there, and USER_CLOSE is due
 * there, too. No fault is resolved: the ordinary copies do that. Addresses must have been
 * checked.
 */
#ifndef KERNEL_USER_ACCESS_H
#define KERNEL_USER_ACCESS_H

/* As in copy.S: STAC and CLAC, or nothing. */
#define USER_ACCESS(last)                                                   \
    __asm__ volatile("1:\n\t.byte 0x8d, 0x76, 0x00\n\t"                     \
                     ".pushsection .smap, \"a\"\n\t.long 1b, " #last "\n\t" \
                     ".popsection"                                          \
                     :                                                      \
                     :                                                      \
                     : "memory")
#define USER_OPEN() USER_ACCESS(0xcb)
#define USER_CLOSE() USER_ACCESS(0xca)

#define USER_PUT(address, offset, value, fault)                        \
    __asm__ goto("1:\n\tmovl %1, %c2(%0)\n\t"                          \
                 ".pushsection .fixups, \"a\"\n\t.long 1b, %l3, 0\n\t" \
                 ".popsection"                                         \
                 :                                                     \
                 : "r"(address), "ri"(value), "i"(offset)              \
                 : "eax", "memory"                                     \
                 : fault)

#endif
