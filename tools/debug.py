# SPDX-License-Identifier: MIT
"""The gdb side of `make debug`.

From the environment: B, the build folder; WORDS, what init is to do; PROGRAM, the program
whose symbols are loaded, at all stops. Without it, each stop loads those of the program
that runs. QEMU runs as gdb's child and ends with it; what the guest writes on its console
goes to console.log in the build folder.

All programs are linked at one address, so what runs is known by its text alone.
"""

import os
import shlex
import sys

import gdb

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.abspath("bench"))
from measure.elf import PT_LOAD, Elf

BUILD = os.environ["B"]
PROGRAMS = f"{BUILD}/user"
PAGE = 0x1000
KERNEL_BASE = 0xC0000000
EXECUTABLE = 1 << 0             # p_flags


def program_names():
    """Every program of the boot archive, by its name there."""
    yield "init"
    for folder in ("programs", "tests"):
        for name in sorted(os.listdir(f"{PROGRAMS}/{folder}")):
            yield f"{folder}/{name}"


class Texts:
    """The text of each program: what tells them apart."""

    def __init__(self):
        self.pages = {}

    def of(self, name):
        """{address: bytes} of the whole pages of a program's text."""
        if name not in self.pages:
            elf = Elf(f"{PROGRAMS}/{name}")
            self.pages[name] = pages = {}
            for kind, offset, start, _, size, _, flags, _ in elf.segments:
                if kind == PT_LOAD and flags & EXECUTABLE:
                    first = -start % PAGE
                    for at in range(first, size - PAGE + 1, PAGE):
                        data = elf.data[offset + at:offset + at + PAGE]
                        pages[start + at] = data
        return self.pages[name]

    def runs(self, name, memory):
        """Whether every page of the text that is mapped is this program's."""
        pages = self.of(name)
        read = {at: memory(at) for at in pages}
        return any(read.values()) and all(read[at] in (None, pages[at]) for at in read)


class Memory:
    """The guest's memory during one stop: a page, or None where none is mapped."""

    def __init__(self):
        self.pages = {}

    def __call__(self, address):
        if address not in self.pages:
            try:
                read = gdb.selected_inferior().read_memory(address, PAGE)
                self.pages[address] = bytes(read)
            except gdb.MemoryError:
                self.pages[address] = None
        return self.pages[address]


class LimenRuns(gdb.Function):
    """$limen_runs("NAME"): whether that program is the running one."""

    def __init__(self, texts):
        super().__init__("limen_runs")
        self.texts = texts

    def invoke(self, name):
        return self.texts.runs(name.string(), Memory())


class LimenProgram(gdb.Command):
    """limen-program NAME: use the symbols of a program in the boot archive from now on.

NAME is its name there, as in `limen-program programs/hello`. All programs are linked at
one address, so only one has its symbols loaded. Breakpoints set on them hold in that
program alone."""

    def __init__(self, texts):
        super().__init__("limen-program", gdb.COMMAND_FILES)
        self.texts = texts
        self.loaded = None
        self.chosen = False
        gdb.events.stop.connect(self.on_stop)
        gdb.events.breakpoint_created.connect(self.on_breakpoint)

    def invoke(self, argument, from_tty):
        if not argument or not os.path.isfile(f"{PROGRAMS}/{argument}"):
            raise gdb.GdbError(f"limen-program: there is no program {argument!r}")
        self.load(argument)
        self.chosen = True

    def load(self, name):
        if self.loaded:
            gdb.execute(f"remove-symbol-file {self.path()}", to_string=True)
        self.loaded = name
        gdb.execute(f"add-symbol-file {self.path()}", to_string=True)

    def path(self):
        return shlex.quote(os.path.abspath(f"{PROGRAMS}/{self.loaded}"))

    def on_stop(self, _):
        """The running program's symbols, unless one was chosen or has breakpoints."""
        if self.chosen or any("$limen_runs" in (breakpoint.condition or "")
                              for breakpoint in gdb.breakpoints()):
            return
        memory = Memory()
        for name in program_names():
            if name != self.loaded and self.texts.runs(name, memory):
                self.load(name)
                print(f"limen: {name} runs")
                return

    def on_breakpoint(self, breakpoint):
        """One in a program holds in no other that has something at its address."""
        if self.loaded and breakpoint.type in (gdb.BP_BREAKPOINT,
                                               gdb.BP_HARDWARE_BREAKPOINT):
            if all(location.address < KERNEL_BASE for location in breakpoint.locations):
                runs = f'$limen_runs("{self.loaded}")'
                own = breakpoint.condition
                breakpoint.condition = f"{runs} && ({own})" if own else runs

    def complete(self, text, word):
        return [name for name in program_names() if name.startswith(text)]


def main():
    texts = Texts()
    LimenRuns(texts)
    command = LimenProgram(texts)
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
