/* SPDX-License-Identifier: MIT */
/*
 * Splits a command line into words. A pure function of the line. The words are written
 * over the line, which is never shorter than they are.
 */
#include "init.h"

#include <stddef.h>

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Moves the quoted text at *from to *to, without the quotes; false: the other quote is
 * missing. */
static bool take_quoted(char **from, char **to)
{
    char quote = *(*from)++;
    while (**from && **from != quote) {
        char next = (*from)[1];
        if (quote == '"' && **from == '\\' && (next == '"' || next == '\\'))
            ++*from;
        *(*to)++ = *(*from)++;
    }
    if (!**from)
        return false;
    ++*from;
    return true;
}

/* Moves one word at *from to *to and ends it there; null, or what is wrong. */
static const char *take_word(char **from, char **to)
{
    while (**from && !is_space(**from)) {
        if (**from == '\'' || **from == '"') {
            if (!take_quoted(from, to))
                return "a quote is not closed";
            continue;
        }
        if (**from == '\\' && !*++*from)
            return "nothing follows the \\ at the end";
        *(*to)++ = *(*from)++;
    }
    if (**from)
        ++*from;
    *(*to)++ = '\0';
    return NULL;
}

int split_line(char *line, char *words[WORDS_MAX + 1], const char **problem)
{
    int count = 0;
    char *from = line;
    char *to = line;
    for (;;) {
        while (is_space(*from))
            from++;
        if (!*from)
            break;
        if (count == WORDS_MAX) {
            *problem = "too many words";
            return -1;
        }
        words[count++] = to;
        *problem = take_word(&from, &to);
        if (*problem)
            return -1;
    }
    words[count] = NULL;
    return count;
}
