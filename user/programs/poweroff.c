/* SPDX-License-Identifier: MIT */
/* poweroff [STATUS]: switches the machine off; an emulator may end with the status. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <termios.h>
#include <unistd.h>

#include <limen/syscall.h>

int main(int argc, char **argv)
{
    handle_t resource = {getauxval(AT_LIMEN_RESOURCE)};
    uint32_t status = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 0) : 0;
    tcdrain(STDOUT_FILENO);
    long error = limen_machine_stop(resource, MACHINE_POWER_OFF, status);
    fprintf(stderr, "poweroff: %s\n", strerror((int)-error));
    return 1;
}
