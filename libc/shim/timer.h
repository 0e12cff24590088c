/* SPDX-License-Identifier: MIT */
/*
 * Timers that send signals: timer_create's, and the one of alarm and setitimer. Each is a
 * message of the kernel's that comes back to the owner's port (signal.h). All of this is
 * called with the lock of signals held.
 */
#ifndef SHIM_TIMER_H
#define SHIM_TIMER_H

#include <limen/system_message.h>

/* A timer's message has come back. */
void timer_came_back(struct system_message *message);

/* A timer's signal has been taken, or dropped. */
struct signal_entry;
void timer_taken(struct signal_entry *entry);

/* Lets all timers' messages come back to another port. */
void timers_move(handle_t port);

#endif
