/* SPDX-License-Identifier: MIT */
/* The table of calls as text: for each number its name, and its arguments' types and
 * names. A number that is no call has no name. */
#ifndef TESTS_CALL_TABLE_H
#define TESTS_CALL_TABLE_H

#include <limen/abi.h>

#define CALL_MAX SYSCALL_BOUND_FIRST
#define CALL_WORDS 4

struct call {
    const char *name;
    const char *types[CALL_WORDS];
    const char *arguments[CALL_WORDS];
};

#define TEXT(...) #__VA_ARGS__
#define LIST(...) __VA_ARGS__
#define ARG(type, n) TEXT(type)
#define WORD(name) TEXT(name)
#define SYSCALL(nr, callname, params, words, args) \
    [nr] = {.name = #callname, .types = {LIST args}, .arguments = {LIST words}},
static const struct call calls[CALL_MAX] = {
#include <limen/syscalls.def>
};
#undef SYSCALL
#undef ARG
#undef WORD
#undef LIST
#undef TEXT

#endif
