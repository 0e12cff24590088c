/* SPDX-License-Identifier: MIT */
/* hello: greets, and shows its arguments and environment. */
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    printf("Hello from the other side of the threshold.\n");
    for (int i = 0; i < argc; i++)
        printf("argv[%d] = %s\n", i, argv[i]);
    for (char **at = environ; *at; at++)
        printf("%s\n", *at);
    return 0;
}
