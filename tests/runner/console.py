# SPDX-License-Identifier: MIT
"""
An emulator and its serial console.

A Console starts the emulator, reads COM1 from its standard output or from a FIFO, keeps
everything in a log file and hands it out line by line. Every wait has a deadline; past
it, TimeoutError. `stop` ends the emulator however it stands; a Console is a context
manager that does so.
"""
import os
import select
import subprocess
import time

POLL_SLICE = 0.2        # how soon the end of a process that never opened its FIFO is seen


class Console:
    def __init__(self, argv, log_path, fifo=None, interactive=False):
        os.makedirs(os.path.dirname(log_path), exist_ok=True)
        self.log = open(log_path, "wb")
        self.buffer = b""
        self.at_end = False
        output = None
        if fifo:
            output = open(log_path + ".emulator", "wb")
            self.fd = open_fifo(fifo)
        self.process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE if interactive else subprocess.DEVNULL,
            stdout=output or subprocess.PIPE,
            stderr=output or subprocess.STDOUT,
        )
        if output:
            output.close()
        else:
            self.fd = self.process.stdout.fileno()
        self.fifo = fifo

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def read_line(self, deadline):
        """The next line without its end; None when the console has closed."""
        while b"\n" not in self.buffer and not self.at_end:
            self._fill(deadline)
        if not self.buffer:
            return None
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line.rstrip(b"\r").decode("utf-8", "replace")

    def read_until(self, text, deadline):
        """Everything up to and with `text` (bytes), which need not end a line."""
        while text not in self.buffer:
            if self.at_end:
                raise EOFError(f"console closed before {text!r}")
            self._fill(deadline)
        end = self.buffer.index(text) + len(text)
        seen, self.buffer = self.buffer[:end], self.buffer[end:]
        return seen.decode("utf-8", "replace")

    def write(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def _fill(self, deadline):
        """Waits for more input. An ended process has no more once poll is silent."""
        poll = select.poll()
        poll.register(self.fd, select.POLLIN)
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            ended = self.process.poll() is not None
            if poll.poll(1000 * min(left, POLL_SLICE)):
                data = os.read(self.fd, 65536)
                self.log.write(data)
                self.log.flush()
                self.buffer += data
                self.at_end = not data
                return
            if ended:
                self.at_end = True
                return

    def wait(self, deadline):
        """The emulator's exit status, or None if it still runs at the deadline."""
        try:
            return self.process.wait(max(0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            return None

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream:
                stream.close()
        if self.fifo:
            os.close(self.fd)
            os.unlink(self.fifo)
        self.log.close()


def open_fifo(path):
    """Makes a FIFO afresh and opens its reading end, so that the writer need not wait."""
    if os.path.lexists(path):
        os.unlink(path)
    os.mkfifo(path)
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK)
