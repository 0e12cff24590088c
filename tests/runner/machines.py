# SPDX-License-Identifier: MIT
"""
The machines that tests run on, once, and how each is started.

QEMU rows load the kernel directly. Bochs has no such loader, so its rows boot an ISO
whose only menu entry gives the same command line. QEMU lets pass what a processor would
refuse (SYSENTER without SEP, null data segments); Bochs does not, which is why it is
here.
"""
import os
import shutil
import subprocess
from dataclasses import dataclass

KERNEL = "kernel/limen.elf"     # below the build folder
CHECKED_KERNEL = f"sanitize/{KERNEL}"   # one that checks itself
ISO_KERNEL = "iso/boot/limen.elf"   # as GRUB wants it
ARCHIVE = "archive.tar"
BOCHS_BIOS = "/usr/share/bochs/BIOS-bochs-latest"
BOCHS_VGA_BIOS = "/usr/share/bochs/VGABIOS-lgpl-latest"


@dataclass(frozen=True)
class Machine:
    name: str
    emulator: str               # qemu-system-i386, qemu-system-x86_64 or bochs
    cpu: str                    # as the emulator names it
    options: str = ""           # kernel options
    memory: int = 64            # MiB
    programs: tuple = ()        # the tests to run; none: all in the archive
    required: tuple = ()        # of these, none may skip itself
    archive: str = ARCHIVE
    kernel: str = KERNEL
    seconds: int = 240          # the whole run
    silence: int = 60           # the longest without a line on COM1
    counted: bool = False       # QEMU: time counts instructions


QEMU32 = "qemu-system-i386"
QEMU64 = "qemu-system-x86_64"

# The tests of messages and upcalls.
SLOW_PROGRAMS = (
    "fast-post-memory", "fast-posts", "fast-requests", "hostile-messages",
    "hostile-upcalls", "int81", "message-gates", "message-kinds", "message-model",
    "message-priority", "message-waits", "messages", "requests", "spare-requests",
    "system-messages", "traffic", "upcall-policies", "upcall-races", "upcall-returns",
    "upcall-stacks", "upcall-steps", "upcall-waits")

MACHINES = [
    Machine("486", QEMU32, "486"),
    Machine("pentium", QEMU32, "pentium"),
    Machine("pentium3", QEMU32, "pentium3"),
    Machine("athlon", QEMU32, "athlon"),
    Machine("qemu32", QEMU32, "qemu32"),
    Machine("max", QEMU32, "max"),
    Machine("athlon-syscall", QEMU64, "athlon,+syscall", "gate=syscall"),
    Machine("pentium3-int80", QEMU32, "pentium3", "gate=int80"),
    Machine("pentium3-counted", QEMU32, "pentium3", programs=("scheduling", "preempt"),
            required=("scheduling", "preempt"), counted=True),
    Machine("pentium3-checked", QEMU32, "pentium3", kernel=CHECKED_KERNEL),
    # What the fast paths of messages must do, too.
    Machine("pentium3-slow", QEMU32, "pentium3", "fastpath=off", programs=SLOW_PROGRAMS),
    # As `limen boot` has it.
    Machine("memory-256m", QEMU32, "pentium3", memory=256, required=("many",)),
    # Frames that the kernel reaches only through windows.
    Machine("memory-3g", QEMU32, "pentium3", memory=3072,
            programs=("big-memory", "buffers", "clone", "memory-objects", "messages",
                      "pager", "windows"),
            required=("big-memory",)),
    Machine("bochs-pentium", "bochs", "pentium", seconds=600, silence=180),
    Machine("bochs-p3", "bochs", "p3_katmai", seconds=600, silence=180),
    Machine("bochs-yonah", "bochs", "core_duo_t2400_yonah", seconds=600, silence=180),
    Machine("bochs-k6-2", "bochs", "amd_k6_2_chomper", seconds=600, silence=180),
]


def command_line(machine, programs=()):
    """The kernel's command line: its options, then init's words."""
    exit_option = "" if machine.emulator == "bochs" else "exit=debug"
    words = [machine.options, exit_option, "--", "test", *(programs or machine.programs)]
    return " ".join(word for word in words if word)


def qemu_base(machine):
    """A QEMU without window and network, which ends when the machine resets."""
    return [
        machine.emulator, "-accel", "tcg", "-cpu", machine.cpu, "-m", str(machine.memory),
        "-display", "none", "-monitor", "none", "-net", "none", "-no-reboot",
        *(["-icount", "shift=3,sleep=off"] if machine.counted else []),
    ]


def qemu_command(machine, build, programs=()):
    return qemu_base(machine) + [
        "-serial", "stdio", "-serial", "null", "-serial", "null",
        "-device", "isa-debug-exit,iobase=0xf4,iosize=4",
        "-kernel", os.path.join(build, machine.kernel),
        "-initrd", os.path.join(build, machine.archive),
        "-append", command_line(machine, programs),
    ]


BOCHS_CONFIGURATION = """\
plugin_ctrl: unmapped=1, biosdev=1, speaker=0, parallel=0
config_interface: textconfig
display_library: rfb, options="timeout=0"
romimage: file={bios}
vgaromimage: file={vga_bios}
cpu: model={cpu}, ips=100000000, reset_on_triple_fault=0
clock: sync=none
memory: guest={memory}, host={memory}
ata0-master: type=cdrom, path={iso}, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev={fifo}
com2: enabled=1, mode=null
com3: enabled=1, mode=null
log: {log}
panic: action=fatal
error: action=report
"""


def bochs_command(machine, iso, folder):
    """Writes the configuration; returns the command and the FIFO that is COM1."""
    stem = os.path.join(folder, machine.name)
    fifo = stem + ".com1"
    with open(stem + ".bochsrc", "w", encoding="ascii") as file:
        file.write(BOCHS_CONFIGURATION.format(
            bios=BOCHS_BIOS, vga_bios=BOCHS_VGA_BIOS, cpu=machine.cpu,
            memory=machine.memory, iso=iso, fifo=fifo, log=stem + ".bochs"))
    with open(stem + ".debugger", "w", encoding="ascii") as file:
        file.write("c\n")       # Debian's Bochs has the debugger in: continue at once
    return ["bochs", "-q", "-f", stem + ".bochsrc", "-rc", stem + ".debugger"], fifo


GRUB_CONFIGURATION = """\
set timeout=0
menuentry limen {{
    multiboot /boot/limen.elf {command}
    module /boot/archive.tar
    boot
}}
"""


def make_iso(path, build, archive, command):
    """Makes a GRUB ISO that boots kernel and archive with this command line."""
    tree = path + ".tree"
    shutil.rmtree(tree, ignore_errors=True)
    os.makedirs(os.path.join(tree, "boot/grub"))
    shutil.copy(os.path.join(build, ISO_KERNEL), os.path.join(tree, "boot/limen.elf"))
    shutil.copy(os.path.join(build, archive), os.path.join(tree, "boot/archive.tar"))
    with open(os.path.join(tree, "boot/grub/grub.cfg"), "w", encoding="ascii") as file:
        file.write(GRUB_CONFIGURATION.format(command=command))
    subprocess.run(
        ["grub-mkrescue", "--modules=multiboot part_msdos iso9660 biosdisk",
         "-d", "/usr/lib/grub/i386-pc", "-o", path, tree],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    shutil.rmtree(tree)


def system_files(build):
    """What every boot archive holds, below the folder user: init and the servers."""
    servers = sorted(os.listdir(os.path.join(build, "user/servers")))
    return ["init", *(f"servers/{name}" for name in servers)]


def missing_tools(machines):
    """What the host lacks to run these machines: an error, as what is not run fails."""
    needed = {machine.emulator for machine in machines}
    if "bochs" in needed:
        needed |= {"grub-mkrescue", "xorriso", "mformat", BOCHS_BIOS, BOCHS_VGA_BIOS}
    return sorted(tool for tool in needed
                  if not (shutil.which(tool) or os.path.isfile(tool)))
