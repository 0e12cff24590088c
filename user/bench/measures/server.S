/* SPDX-License-Identifier: MIT */
/*
 * The servers of the calls that are measured. Each answers for ever, and ends when its
 * port does. They run where they are copied to, so they name nothing but fixed addresses;
 * AT(label) is where a label is then. What they do beside receiving and answering
 * (`work`) lets the client see that every word went there and back in every turn.
 */
#include "server.h"

#define SYSCALL(nr, name, params, words, args) .set SYS_##name, nr;
#include <limen/syscalls.def>

#define AT(label) (SERVER_ADDRESS + label - server_begin)

/* Ends the server where there was an error; the words become others. */
.macro work_words
        testl   %eax, %eax
        js      server_leave
        incl    %esi
        addl    %esi, %edi
        addl    %edi, %ebp
.endm

.macro work_long
        testl   %eax, %eax
        js      server_leave
        incl    SERVER_MESSAGE
.endm

.macro cross number
        movl    $SYS_\number, %eax
        movl    %esp, %ecx
        movl    $AT(1f), %edx
        sysenter
1:
.endm

/* The same, to go on at a label that is not the next. */
.macro cross_to number, label
        movl    $SYS_\number, %eax
        movl    %esp, %ecx
        movl    $AT(\label), %edx
        sysenter
.endm

        .section .rodata
        .globl  server_begin, server_end
        .globl  server_words, server_turn, server_words_int80, server_one_way
        .globl  server_long, server_handle, server_deferred

server_begin:
server_words:
        movl    %eax, SERVER_PORT
        xorl    %eax, %eax
server_turn:
        work_words
        movl    SERVER_PORT, %ebx
        cross_to reply_receive, server_turn

server_words_int80:
        movl    %eax, SERVER_PORT
        xorl    %eax, %eax
1:      work_words
        movl    SERVER_PORT, %ebx
        movl    $SYS_reply_receive, %eax
        int     $VECTOR_SYSTEM_CALL
        jmp     1b

/* The first word is the time at which the client called; the second collects how much
 * later it is here. */
server_one_way:
        movl    %eax, SERVER_PORT
        rdtsc
        movl    %eax, %esi
server_one_way_turn:
        rdtsc
        subl    %esi, %eax
        addl    %eax, %edi
        movl    SERVER_PORT, %ebx
        cross_to reply_receive, server_one_way_turn

/* Takes bytes; the answer's words are the call's. */
server_long:
        movl    %eax, SERVER_PORT
        movl    $SERVER_WINDOW, %ebx
        cross   message_window
server_long_turn:
        work_long
        movl    SERVER_PORT, %ebx
        cross_to reply_receive, server_long_turn

/* Takes a handle, and closes it before it answers. */
server_handle:
        movl    %eax, SERVER_PORT
        movl    $SERVER_WINDOW, %ebx
        cross   message_window
server_handle_turn:
        work_long
        movl    SERVER_HANDLES, %ebx
        cross   handle_close
        movl    SERVER_PORT, %ebx
        cross_to reply_receive, server_handle_turn

/* Its message holds the words of all answers. */
server_deferred:
        movl    %eax, SERVER_PORT
        movl    %eax, %ebx
server_deferred_turn:
        xorl    %esi, %esi
        cross   receive
        work_long
        cross   reply_defer
        movl    %eax, %ebx
        movl    $SERVER_MESSAGE, %esi
        cross   reply_to
        movl    SERVER_PORT, %ebx
        jmp     server_deferred_turn

server_leave:
        movl    $SYS_thread_exit, %eax
        movl    $SERVER_RUNS, %ebx
        xorl    %esi, %esi
        xorl    %edi, %edi
        int     $VECTOR_SYSTEM_CALL
server_end:

        .section .note.GNU-stack, "", @progbits
