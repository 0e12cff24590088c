/* SPDX-License-Identifier: MIT */
/*
 * What a program asks about the system and itself.
 */
#include "shim.h"

#include <string.h>
#include <sys/random.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

#include <limen/gate.h>


#define TEXT_OF(value) TEXT_OF_(value)
#define TEXT_OF_(value) #value

#define FIRST_FAMILY 3          /* of the i386, in a machine's name */
#define LAST_FAMILY 6

/* "i486" to "i686", by the processor's family. */
static void machine_name(char *name)
{
    struct processor_facts facts = limen_processor_facts();
    uint32_t family = facts.signature >> 8 & 0xf;
    if (family <= FIRST_FAMILY)
        family = 4;
    if (family > LAST_FAMILY)
        family = LAST_FAMILY;
    strcpy(name, "i486");
    name[1] = (char)('0' + family);
}

long shim_uname(struct utsname *name)
{
    memset(name, 0, sizeof *name);
    strcpy(name->sysname, "Limen");
    strcpy(name->nodename, "limen");
    strcpy(name->release, TEXT_OF(LIMEN_ABI_VERSION));
    strcpy(name->version, "Limen");
    machine_name(name->machine);
    strcpy(name->domainname, "(none)");
    return 0;
}

long shim_sysinfo(struct sysinfo *info)
{
    struct system_info native;
    long error = limen_system_info(&native);
    if (error < 0)
        return error;
    memset(info, 0, sizeof *info);
    info->uptime = (unsigned long)(native.uptime / NS_PER_SECOND);
    info->totalram = native.frames_total;
    info->freeram = native.frames_free;
    info->mem_unit = PAGE_SIZE;
    info->procs = (unsigned short)native.processes;
    return 0;
}

/* There are no users: authority is what handles a process has. */
long shim_getuid32(void)
{
    return 0;
}

long shim_geteuid32(void)
{
    return 0;
}

long shim_getgid32(void)
{
    return 0;
}

long shim_getegid32(void)
{
    return 0;
}

/*
 * The processor's generator is the only source that the system can vouch for: a machine
 * without it has nothing unpredictable that a program could read (a counter of
 * instructions is none), so there the call is not served.
 */
long shim_getrandom(void *buffer, uint32_t size, uint32_t flags)
{
    if (flags & ~(uint32_t)(GRND_NONBLOCK | GRND_RANDOM))
        return -EINVAL;
    return limen_random(buffer, size) ? (long)size : -ENOSYS;
}
