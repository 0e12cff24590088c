# SPDX-License-Identifier: MIT
"""Talks to a running QEMU by QMP: what is on its screen, what its processor is doing."""
import json
import os
import re
import socket
import tempfile
import time

SCREEN_ADDRESS, SCREEN_COLUMNS, SCREEN_ROWS = 0xb8000, 80, 25
FLAG_IF = 1 << 9


class Qmp:
    """A connection; `option` is what QEMU needs on its command line before `connect`."""

    def __init__(self, folder):
        self.path = os.path.join(folder, f"qmp-{os.getpid()}-{time.monotonic_ns()}")
        self.option = ["-qmp", f"unix:{self.path},server=on,wait=off"]
        self.socket = None

    def connect(self, deadline):
        """QEMU makes its socket a moment after it starts."""
        self.socket = socket.socket(socket.AF_UNIX)
        while True:
            try:
                self.socket.connect(self.path)
                break
            except (FileNotFoundError, ConnectionRefusedError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
        self.file = self.socket.makefile("rw", encoding="utf-8")
        self.file.readline()            # the greeting
        self.execute("qmp_capabilities")

    def execute(self, command, **arguments):
        self.file.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.file.flush()
        while True:
            line = self.file.readline()
            if not line:
                raise EOFError("QEMU closed its monitor")
            answer = json.loads(line)
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise RuntimeError(f"{command}: {answer['error']['desc']}")

    def screen(self):
        """The text on the VGA screen, a string for each row."""
        with tempfile.NamedTemporaryFile(dir=os.path.dirname(self.path)) as file:
            self.execute("pmemsave", val=SCREEN_ADDRESS,
                         size=2 * SCREEN_COLUMNS * SCREEN_ROWS, filename=file.name)
            cells = file.read()[::2].decode("cp437")
        return [cells[i:i + SCREEN_COLUMNS] for i in range(0, len(cells), SCREEN_COLUMNS)]

    def registers(self):
        """The processor's registers, as the monitor shows them."""
        return self.execute("human-monitor-command",
                            **{"command-line": "info registers"})

    def control_registers(self):
        """CR0 and CR4."""
        found = re.search(r"CR0=([0-9a-f]+).*CR4=([0-9a-f]+)", self.registers())
        return int(found[1], 16), int(found[2], 16)

    def interrupts(self, irq):
        """How often the interrupt controller's line was raised."""
        counts = self.execute("human-monitor-command", **{"command-line": "info irq"})
        found = re.search(rf"^ *{irq}: (\d+)", counts, re.MULTILINE)
        return int(found[1]) if found else 0

    def halted(self):
        """Whether the processor is in HLT with interrupts off: nothing wakes it again."""
        registers = self.registers()
        flags = int(re.search(r"EFL=([0-9a-f]+)", registers)[1], 16)
        return "HLT=1" in registers and not flags & FLAG_IF

    def close(self):
        if self.socket:
            self.socket.close()
        if os.path.exists(self.path):
            os.unlink(self.path)
