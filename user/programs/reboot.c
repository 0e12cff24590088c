/* SPDX-License-Identifier: MIT */
/* reboot: starts the machine anew. */
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <termios.h>
#include <unistd.h>

#include <limen/syscall.h>

int main(void)
{
    handle_t resource = {getauxval(AT_LIMEN_RESOURCE)};
    tcdrain(STDOUT_FILENO);
    long error = limen_machine_stop(resource, MACHINE_REBOOT, 0);
    fprintf(stderr, "reboot: %s\n", strerror((int)-error));
    return 1;
}
