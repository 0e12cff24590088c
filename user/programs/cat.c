/* SPDX-License-Identifier: MIT */
/* cat: copies standard input to standard output, up to its end (^D). */
#include <stdio.h>
#include <string.h>
#include <errno.h>
#include <unistd.h>

#define PIECE 4096

/* Writes all of it; false: it could not. */
static int write_all(const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t written = write(STDOUT_FILENO, bytes, size);
        if (written < 0)
            return 0;
        bytes += written;
        size -= (size_t)written;
    }
    return 1;
}

int main(void)
{
    static char piece[PIECE];
    ssize_t size;
    while ((size = read(STDIN_FILENO, piece, sizeof piece)) > 0)
        if (!write_all(piece, (size_t)size))
            break;
    if (size == 0)
        return 0;
    fprintf(stderr, "cat: %s\n", strerror(errno));
    return 1;
}
