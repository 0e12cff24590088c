/* SPDX-License-Identifier: MIT */
/*
 * Where the server of the calls that are measured runs, in its own process or in the
 * measured one, and what its loops and the clients' do. Shared by C and assembly.
 */
#ifndef BENCH_SERVER_H
#define BENCH_SERVER_H

#include <limen/layout.h>

#define SERVER_ADDRESS 0x21000000 /* its code, copied there */
#define SERVER_DATA (SERVER_ADDRESS + PAGE_SIZE)
#define SERVER_RUNS SERVER_DATA          /* 0 when nothing is left of it */
#define SERVER_PORT (SERVER_DATA + 4)    /* the value of its handle */
#define SERVER_MESSAGE (SERVER_DATA + 8) /* its struct message */
#define SERVER_WINDOW (SERVER_DATA + 96)   /* its struct message_window */
#define SERVER_HANDLES (SERVER_DATA + 128) /* where handles are put */
#define SERVER_SIZE (2 * PAGE_SIZE)      /* the stack grows from its end */
#define SERVER_STACK (SERVER_ADDRESS + SERVER_SIZE)
#define SERVER_BUFFER 0x22000000 /* what it receives, and the room */
#define SERVER_BUFFER_SIZE 0x100000

/* Instructions of a server's turn that are there only to show that it is right: is it an
 * error, and what happens to the words. */
#define WORK_WORDS 5
#define WORK_LONG 3

#ifndef __ASSEMBLER__
/* What is copied, and where in it each server begins; eax is its port's handle. */
extern const char server_begin[], server_end[];
extern const char server_words[], server_words_int80[], server_one_way[], server_long[],
    server_handle[], server_deferred[];
#endif

#endif
