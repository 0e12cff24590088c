/* SPDX-License-Identifier: MIT */
/*
 * Names for endpoints. Every program has an endpoint to the name server
 * (AT_LIMEN_NAMES), by which it finds what servers publish:
 *
 *     long console = limen_name_wait("console.main");
 *
 * The functions answer a negative error as limen/names.def says; EBADF where this process
 * was given no name server.
 */
#ifndef LIMEN_NAMES_H
#define LIMEN_NAMES_H

#include <limen/protocol.h>

#define NAME_BYTES_MAX 63

/* What a publisher gives of its endpoint, and whoever looks it up gets. */
#define NAME_RIGHTS (RIGHT_SEND | RIGHT_DUPLICATE | RIGHT_TRANSFER)

/* Badges of the name server's endpoints. */
enum names_badge {
    NAMES_NOBODY = 0, /* names_grant: no badge at all */
    NAMES_READER = 1,
    NAMES_ADMINISTRATOR = 2,
    NAMES_FIRST_PUBLISHER = 3,
};

struct names_grant_request {
    uint32_t badge;
};

enum {
#define OPERATION PROTOCOL_NUMBER
#include <limen/names.def>
#undef OPERATION
};

#define OPERATION PROTOCOL_STUB
#include <limen/names.def>
#undef OPERATION

/* Finds what a name means, or waits until it means something; a new handle, for the
 * caller to close. */
long limen_name_look_up(const char *name);
long limen_name_wait(const char *name);

/* Publishes an endpoint by the endpoint to the name server that start-up gave to this
 * process; the endpoint stays the caller's. 0 or an error. */
long limen_name_publish(const char *name, handle_t endpoint);
long limen_name_withdraw(const char *name);

#endif
