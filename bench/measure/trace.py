# SPDX-License-Identifier: MIT
"""The path of the guest through one turn of a loop of user/bench/measures: every
instruction, in order, with the function it stands in and its disassembly.

A loop is found by its label `path_NAME`. The trace begins where a turn begins and ends
where the next does, or at another label; a few turns are let pass first, so that what
comes only once is over. A label of server.S stands where that code is copied to.
"""
import os
import re
import subprocess
import tempfile
import time
from dataclasses import dataclass

from .elf import Elf
from .gdbstub import Stub, StubError
from .machine import (ATHLON, COM1_ONLY, FOLDER, INIT, KERNEL, MEASURES, PENTIUM3,
                      Console, Machine, archive_with, qemu)

ROOT = os.path.join(os.path.dirname(__file__), "../..")
LAYOUT = "include/limen/layout.h"
PARTNER = "user/bench/measures/partner.h"
SERVER = "user/bench/measures/server.h"

TURNS_BEFORE = 3
STEPS_MOST = 20000
ICOUNT_STEPPED = "shift=0,sleep=on"     # with sleep=off, time would jump at every stop
STUB_SECONDS = 60
INSTRUCTION_MOST = 15           # bytes
NOP = b"\x90"
SLOT = 32                       # an instruction, what follows it, and NOPs: disassemble

OBJDUMP = os.environ.get("OBJDUMP", "objdump")
OBJDUMP_LINE = re.compile(r"^\s*([0-9a-f]+):\t([0-9a-f ]+?)\s*\t(.*)$")
CONSTANT = re.compile(r"^#define (\w+) (0x[0-9a-f]+)\b", re.MULTILINE)
ADDRESS = re.compile(r"-?0x[0-9a-f]{7,8}\b")
BRANCH = re.compile(r"^((?:j\w+|call|loop\w*)\s+)0x([0-9a-f]+)$")


@dataclass(frozen=True)
class Path:
    """A loop, and the boot in which `measures` runs it."""
    name: str
    machine: Machine
    gate: str
    bench: str              # the argument of `measures`
    label: str
    remark: str
    end: str = ""           # another label, where it ends before the turn does


PATHS = [
    Path("null_sysenter", PENTIUM3, "sysenter", "null", "path_null_sysenter",
         "The null system call by SYSENTER."),
    Path("null_int80", PENTIUM3, "int80", "null", "path_null_int80",
         "The null system call by int 0x80."),
    Path("null_syscall", ATHLON, "syscall", "null", "path_null_syscall",
         "The null system call by SYSCALL."),
    Path("yield_two_threads", PENTIUM3, "sysenter", "threads", "path_yield",
         "Two yields: to another thread of the process, and back."),
    Path("yield_two_processes", PENTIUM3, "sysenter", "processes", "path_yield",
         "Two yields: to a thread of another process, and back."),
    Path("call", PENTIUM3, "sysenter", "call", "path_call",
         "A call to another process with three words, to the server's first instruction.",
         "server_turn"),
    Path("reply_receive", PENTIUM3, "sysenter", "call", "server_turn",
         "The server's turn and its answer, to the client's next instruction. The first "
         "five instructions are the server's work, which no measure counts.",
         "path_call_back"),
    Path("post_to_upcall", PENTIUM3, "sysenter", "async", "path_post",
         "A signal posted to the own thread by int 0x81, to its upcall's first "
         "instruction.", "upcall_of_post"),
    Path("async_roundtrip", PENTIUM3, "sysenter", "async", "path_send_wait",
         "A request sent to another process by int 0x81, and its answer waited for."),
    Path("fault_fresh_page", PENTIUM3, "sysenter", "fault", "path_touch",
         "The first touch of a page."),
]


@dataclass
class Step:
    """One instruction, with all the iterations of a repeated one."""
    address: int
    ring: int
    code: bytes
    times: int = 1
    place: str = ""
    text: str = ""


def wait_for(path, seconds):
    """The emulator makes its stub's socket when it is ready."""
    deadline = time.monotonic() + seconds
    while not os.path.exists(path):
        if time.monotonic() > deadline:
            raise StubError("the emulator does not start")
        time.sleep(0.01)


class Label:
    """A place in the program: its address when it runs, and the code there."""

    def __init__(self, program, name):
        self.address = program.symbols[name]
        self.code = program.bytes_at(self.address, SLOT)
        begin, end = program.symbols["server_begin"], program.symbols["server_end"]
        if begin <= self.address < end:
            self.address += constants(SERVER)["SERVER_ADDRESS"] - begin
            self.code = self.code[:end - self.address]


def run_to(stub, label):
    """Goes on to the label, in the program and no other."""
    while True:
        stub.run_to(label.address)
        if stub.memory(label.address, len(label.code)) == label.code:
            return


def step_through(stub, end, another_turn):
    """Steps until `end`, which may be where the next turn begins. A store that faulted is
    met there twice; the second time, on return from the kernel, is no new turn."""
    steps = []
    for _ in range(STEPS_MOST):
        address = stub.register("eip")
        if steps and address == end and (steps[-1].ring == 3 or not another_turn):
            return steps
        if steps and steps[-1].address == address:
            steps[-1].times += 1
        else:
            steps.append(Step(address, stub.register("cs") & 3,
                              stub.memory(address, INSTRUCTION_MOST)))
        stub.step()
    raise StubError(f"no way back to {end:#x} in {STEPS_MOST} steps")


def disassemble(steps):
    """Fills in each step's text. objdump sees one file of slots, an instruction at the
    head of each; behind its bytes come NOPs enough that decoding is in step again at the
    next slot. Branch targets, relative to the slot, are moved to where the instruction
    really stands."""
    with tempfile.NamedTemporaryFile() as file:
        for step in steps:
            file.write(step.code.ljust(SLOT, NOP))
        file.flush()
        output = subprocess.run(
            [OBJDUMP, "-D", "-b", "binary", "-m", "i386", "--insn-width=15", file.name],
            check=True, stdout=subprocess.PIPE, encoding="utf-8").stdout
    for line in output.splitlines():
        match = OBJDUMP_LINE.match(line)
        if match and int(match[1], 16) % SLOT == 0:
            slot = int(match[1], 16)
            step = steps[slot // SLOT]
            text = " ".join(match[3].split())
            branch = BRANCH.match(text)
            if branch:
                target = int(branch[2], 16) - slot + step.address
                text = f"{branch[1]}{target & 0xFFFFFFFF:#x}"
            step.text = text


def constants(header):
    """The addresses that a header of the tree defines."""
    with open(os.path.join(ROOT, header), encoding="utf-8") as file:
        return {name: int(value, 16) for name, value in CONSTANT.findall(file.read())}


class Places:
    """Names for addresses: of the kernel, the program, and the two pages beside them."""

    def __init__(self, kernel, program):
        layout = constants(LAYOUT)
        self.kernel_base = layout["KERNEL_BASE"]
        self.page_size = layout["PAGE_SIZE"]
        self.kernel, self.program = kernel, program
        self.server = constants(SERVER)["SERVER_ADDRESS"]
        self.pages = {layout["THRESHOLD_ADDRESS"]: "threshold",
                      constants(PARTNER)["PARTNER_ADDRESS"]: "partner"}

    def name(self, address):
        offset = address % self.page_size
        if address - offset in self.pages:
            return f"{self.pages[address - offset]}+{offset:#x}"
        if address - offset == self.server:
            return self.program.place(self.program.symbols["server_begin"] + offset)
        image = self.kernel if address >= self.kernel_base else self.program
        return image.place(address) or f"{address:#x}"

    def operand(self, match):
        """An operand that is an address of the image, by name; any other as it is.
        objdump shows a displacement into the kernel, above 2 GiB, as negative."""
        name = self.name(int(match[0], 16) % (1 << 32))
        return match[0] if name.startswith("0x") else name

    def fill_in(self, steps):
        for step in steps:
            step.place = self.name(step.address)
            step.text = ADDRESS.sub(self.operand, step.text)


def trace(build, path):
    """The steps of one turn of the path's loop."""
    kernel = Elf(build.file(KERNEL))
    program = Elf(build.file(MEASURES))
    archive = build.write(f"path-{path.name}.tar", archive_with(
        build, build.read(MEASURES), (MEASURES, path.bench)))
    with tempfile.TemporaryDirectory() as folder:
        socket = os.path.join(folder, "stub")
        command = qemu(path.machine, build.file(KERNEL), archive,
                       f"gate={path.gate} exit=debug -- run",
                       [*COM1_ONLY, "-S", "-gdb", f"unix:{socket},server=on,wait=off"],
                       icount=ICOUNT_STEPPED)
        log = build.file(f"{FOLDER}/path-{path.name}.log")
        with Console(command, log):
            wait_for(socket, STUB_SECONDS)
            with Stub(socket, path.machine.emulator, STUB_SECONDS) as stub:
                for _ in range(TURNS_BEFORE):
                    run_to(stub, Label(program, path.label))
                end = Label(program, path.end or path.label).address
                steps = step_through(stub, end, not path.end)
    disassemble(steps)
    Places(kernel, program).fill_in(steps)
    return steps


def counts(steps):
    """(the user's instructions, the kernel's)."""
    user = sum(step.times for step in steps if step.ring == 3)
    return user, sum(step.times for step in steps) - user


def listing(steps):
    """Lines of text, a blank one wherever the threshold is crossed."""
    width = max(len(step.place) for step in steps) + 2
    number, ring = 1, steps[0].ring
    for step in steps:
        if step.ring != ring:
            yield ""
        ring = step.ring
        side = "user" if ring == 3 else "kernel"
        times = f"  ({step.times} times)" if step.times > 1 else ""
        yield f"{number:>5}  {side:<8}{step.place:<{width}}{step.text}{times}"
        number += step.times
