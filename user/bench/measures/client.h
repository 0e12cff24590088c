/* SPDX-License-Identifier: MIT */
/* What the measures of calls share: a server in a process, and a client's thread. */
#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

#include <stdbool.h>

#include <limen/abi.h>

#include "ruler.h"
#include "server.h"

#define WARM_UP 100u
#define SERVER_PAGES 40u /* the server process's quota, without its buffer */

struct server {
    handle_t process;
    handle_t port;
    handle_t endpoint;
    bool segments; /* %fs and %gs of its own, and the client's too */
};

struct server new_process(uint32_t pages);

/* Makes port and endpoint, puts a server's code and message into the process and lets it
 * run; ends it. */
void server_start(struct server *server, const char *begin,
                  const struct message_window *window);
void server_end_in(struct server *server);

/* Runs the loop in a thread of its own to its end; the ticks of its turns. */
uint32_t client_run(ruler_loop *loop, uint32_t iterations, const void *argument,
                    bool segments);

#endif
