# SPDX-License-Identifier: MIT
"""A client of QEMU's gdb stub: stops the guest at an address, steps it instruction by
instruction, reads its registers and memory.

While the stub steps, QEMU delivers no interrupt: what is stepped through is the path
alone. Register numbers are those of QEMU's description of the binary; qemu-system-x86_64
keeps its numbering while the guest runs 32-bit code.
"""
import socket

REGISTERS = {
    "qemu-system-i386": {"esp": 4, "eip": 8, "cs": 10},
    "qemu-system-x86_64": {"esp": 7, "eip": 16, "cs": 18},
}


class StubError(Exception):
    """The stub refused a request, ended the connection, or the guest ended."""


class Stub:
    """One connection. The guest is stopped whenever no method is running."""

    def __init__(self, path, emulator, timeout):
        self.numbers = REGISTERS[emulator]
        self.buffer = b""
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        self.socket.connect(path)
        self._ask("?")
        # Single registers are told only to who has asked for their description.
        self._ask("qXfer:features:read:target.xml:0,400")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def register(self, name):
        answer = bytes.fromhex(self._ask(f"p{self.numbers[name]:x}"))
        return int.from_bytes(answer[:4], "little")

    def memory(self, address, size):
        """The bytes there; fewer where a page that is not mapped follows."""
        data = b""
        while len(data) < size:
            here = address + len(data)
            part = min(size - len(data), 0x1000 - here % 0x1000)
            answer = self._ask(f"m{here:x},{part:x}")
            if answer.startswith("E"):
                break
            data += bytes.fromhex(answer)
        return data

    def step(self):
        """One instruction; of a repeated one, one iteration."""
        self._expect_stop("s")

    def run_to(self, address):
        """Goes on until the instruction at the linear address is the next one."""
        if self.register("eip") == address:
            self.step()
        self._expect_ok(f"Z1,{address:x},1")
        self._expect_stop("c")
        self._expect_ok(f"z1,{address:x},1")
        if self.register("eip") != address:
            raise StubError(f"stopped at {self.register('eip'):#x}, not {address:#x}")

    def _ask(self, request):
        """Sends one packet and returns the answer's payload."""
        body = request.encode("ascii")
        self.socket.sendall(b"$" + body + b"#%02x" % (sum(body) & 0xFF))
        return self._receive()

    def _receive(self):
        while True:
            start = self.buffer.find(b"$")
            end = self.buffer.find(b"#", start) if start >= 0 else -1
            if end >= 0 and len(self.buffer) >= end + 3:
                break
            try:
                more = self.socket.recv(4096)
            except TimeoutError:
                raise StubError("the guest does not come to the address") from None
            if not more:
                raise StubError("the emulator ended")
            self.buffer += more
        body = self.buffer[start + 1:end]
        self.buffer = self.buffer[end + 3:]
        self.socket.sendall(b"+")
        return body.decode("ascii")

    def _expect_ok(self, request):
        answer = self._ask(request)
        if answer != "OK":
            raise StubError(f"the stub answers {answer!r} to {request!r}")

    def _expect_stop(self, request):
        answer = self._ask(request)
        if not answer.startswith(("T05", "S05")):
            raise StubError(f"the guest stopped with {answer!r}")
