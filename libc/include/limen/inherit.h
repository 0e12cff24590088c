/* SPDX-License-Identifier: MIT */
/*
 * Handles that a program was given at its start, by their key in the auxiliary vector
 * (AT_LIMEN_…), and that it passes on to the programs it starts (limen/spawn.h).
 */
#ifndef LIMEN_INHERIT_H
#define LIMEN_INHERIT_H

#include <limen/abi.h>

#define INHERIT_MAX 8

/* The handle of that key; value 0: there is none. */
handle_t limen_inherited(uint32_t key);

/* From now on this is the handle of that key, here and for programs to come; at most
 * INHERIT_MAX keys, set while there is one thread. */
void limen_inherit(uint32_t key, handle_t handle);

#endif
