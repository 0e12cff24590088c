# SPDX-License-Identifier: MIT
"""The gdb side of `make debug`.

From the environment: B, the build folder; WORDS, what init is to do; PROGRAM, the program
whose symbols are loaded. QEMU runs as gdb's child and ends with it; what the guest
writes on its console goes to console.log in the build folder.
"""

import os
import shlex

import gdb

BUILD = os.environ["B"]
PROGRAMS = f"{BUILD}/user"


class LimenProgram(gdb.Command):
    """limen-program NAME: use the symbols of a program in the boot archive.

NAME is its name there, as in `limen-program programs/hello`. All programs are linked at
one address, so only one has its symbols loaded; breakpoints set on them are in every
program that reaches those addresses."""

    def __init__(self):
        super().__init__("limen-program", gdb.COMMAND_FILES)
        self.loaded = None

    def invoke(self, argument, from_tty):
        path = os.path.abspath(f"{PROGRAMS}/{argument}")
        if not argument or not os.path.isfile(path):
            raise gdb.GdbError(f"limen-program: there is no program {argument!r}")
        if self.loaded:
            gdb.execute(f"remove-symbol-file {self.loaded}", to_string=True)
        self.loaded = shlex.quote(path)
        gdb.execute(f"add-symbol-file {self.loaded}", to_string=True)

    def complete(self, text, word):
        names = []
        for folder, _, files in os.walk(PROGRAMS):
            names += [os.path.relpath(f"{folder}/{file}", PROGRAMS) for file in files]
        return sorted(name for name in names if name.startswith(text)
                      and name.partition("/")[0] in ("init", "programs", "tests"))


def main():
    command = LimenProgram()
    gdb.execute("set confirm off")
    gdb.execute("set pagination off")
    qemu = ["setpriv", "--pdeathsig", "KILL", "qemu-system-i386", "-accel", "tcg",
            "-m", "256", "-no-reboot", "-display", "none", "-S", "-gdb", "stdio",
            "-serial", f"file:{BUILD}/console.log",
            "-kernel", f"{BUILD}/kernel/limen.elf", "-initrd", f"{BUILD}/archive.tar",
            "-append", "-- " + (os.environ.get("WORDS") or "boot")]
    gdb.execute(f"target remote | exec {shlex.join(qemu)}")
    if os.environ.get("PROGRAM"):
        command.invoke(os.environ["PROGRAM"], False)
    # The kernel is not in memory yet, so what stops it is a register of the processor's.
    gdb.execute("thbreak kmain")
    gdb.execute("continue")


main()
