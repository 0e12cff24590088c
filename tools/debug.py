# SPDX-License-Identifier: MIT
"""The gdb side of `make debug`.

gdb is started with the kernel as its program, and with the boot archive, init's words and
perhaps a program as that program's arguments. QEMU runs as gdb's child and ends with it;
what the guest writes on its console goes to build/console.log.
"""

import os
import shlex

import gdb

PROGRAMS = "build/user"


class LimenProgram(gdb.Command):
    """limen-program NAME: use the symbols of a program in the boot archive.

NAME is its name there, as in `limen-program programs/hello`. All programs are linked at
one address, so only one has its symbols loaded; breakpoints set on them are in every
program that reaches those addresses."""

    def __init__(self):
        super().__init__("limen-program", gdb.COMMAND_FILES)
        self.loaded = None

    def invoke(self, argument, from_tty):
        path = os.path.join(PROGRAMS, argument)
        debug = path + ".debug"
        if not argument or not os.path.isfile(path):
            raise gdb.GdbError(f"limen-program: there is no program {argument!r}")
        if self.loaded:
            gdb.execute(f"remove-symbol-file {self.loaded}", to_string=True)
        self.loaded = shlex.quote(debug if os.path.exists(debug) else path)
        gdb.execute(f"add-symbol-file {self.loaded}", to_string=True)

    def complete(self, text, word):
        names = []
        for folder, _, files in os.walk(PROGRAMS):
            names += [os.path.relpath(f"{folder}/{file}", PROGRAMS) for file in files]
        return sorted(name for name in names if name.startswith(text) and "." not in name)


def main():
    archive, words, *program = shlex.split(gdb.parameter("args") or "")
    kernel = gdb.current_progspace().filename
    command = LimenProgram()
    gdb.execute("set confirm off")
    gdb.execute("set pagination off")
    gdb.execute("set architecture i386")
    qemu = ["setpriv", "--pdeathsig", "KILL", "qemu-system-i386", "-accel", "tcg",
            "-m", "256", "-no-reboot", "-display", "none", "-S", "-gdb", "stdio",
            "-serial", "file:build/console.log", "-kernel", kernel, "-initrd", archive,
            "-append", "-- " + (words or "boot")]
    gdb.execute(f"target remote | exec {shlex.join(qemu)}")
    if program:
        command.invoke(program[0], False)
    # A hardware breakpoint, since at this point the kernel is not yet in memory.
    gdb.execute("thbreak kmain")
    gdb.execute("continue")


main()
