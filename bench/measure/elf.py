# SPDX-License-Identifier: MIT
"""The little of a 32-bit little-endian ELF file that measuring needs: where the program
starts, what stands where, which function an address lies in."""
import struct
from bisect import bisect_right
from dataclasses import dataclass

PT_LOAD = 1
SHT_SYMTAB, SHT_NOBITS = 2, 8
SHF_ALLOC = 1 << 1
STT_NOTYPE, STT_OBJECT, STT_FUNC = 0, 1, 2
SHN_UNDEF, SHN_ABS = 0, 0xFFF1


@dataclass(frozen=True, order=True)
class Symbol:
    address: int
    is_global: bool         # a global one names an address rather than a local one
    name: str
    size: int               # 0: not told

    def place(self, address):
        offset = address - self.address
        if self.size and offset >= self.size:
            return None
        return f"{self.name}+{offset:#x}" if offset else self.name


class Elf:
    def __init__(self, path):
        with open(path, "rb") as file:
            self.data = file.read()
        if self.data[:6] != b"\x7fELF\x01\x01":
            raise ValueError(f"{path} is no 32-bit little-endian ELF file")
        header = struct.unpack_from("<HHIIIIIHHHHHH", self.data, 16)
        self.entry = header[3]
        self.segments = self._table("<IIIIIIII", header[4], header[8], header[9])
        self.sections = self._table("<IIIIIIIIII", header[5], header[10], header[11])
        symbols = sorted(self._symbols())
        self.symbols = {symbol.name: symbol.address for symbol in symbols}
        self.labels = {symbol.address: symbol for symbol in symbols}
        self.addresses = sorted(self.labels)

    def _table(self, form, offset, size, count):
        return [struct.unpack_from(form, self.data, offset + index * size)
                for index in range(count)]

    def _symbols(self):
        """Functions, variables, and labels of assembly."""
        for section in self.sections:
            if section[1] != SHT_SYMTAB:
                continue
            names = self.sections[section[6]][4]
            for entry in self._table("<IIIBBH", section[4], 16, section[5] // 16):
                start = names + entry[0]
                name = self.data[start:self.data.index(b"\0", start)].decode("ascii")
                if name and entry[3] & 15 in (STT_NOTYPE, STT_OBJECT, STT_FUNC) \
                        and entry[5] not in (SHN_UNDEF, SHN_ABS):
                    yield Symbol(entry[1], bool(entry[3] >> 4), name, entry[2])

    def place(self, address):
        """`symbol+offset`, or nothing where no loaded section has the address."""
        for section in self.sections:
            if section[2] & SHF_ALLOC and section[3] <= address < section[3] + section[5]:
                index = bisect_right(self.addresses, address) - 1
                if index >= 0:
                    return self.labels[self.addresses[index]].place(address)
        return None

    def offset_of(self, address):
        """Where in the file the byte at a virtual or physical address stands."""
        for kind, offset, virtual, physical, size, *_ in self.segments:
            for start in (virtual, physical):
                if kind == PT_LOAD and start <= address < start + size:
                    return offset + address - start
        raise ValueError(f"{address:#x} is not in the file")

    def bytes_at(self, address, size):
        offset = self.offset_of(address)
        return self.data[offset:offset + size]

    def patched_at_entry(self, code):
        """The whole file with other code where the program starts."""
        offset = self.offset_of(self.entry)
        end = self.offset_of(self.entry + len(code) - 1) + 1
        return self.data[:offset] + code + self.data[end:]

    def text_and_data(self):
        """Bytes of all sections that are loaded from the file, as `size` counts them."""
        return sum(section[5] for section in self.sections
                   if section[2] & SHF_ALLOC and section[1] != SHT_NOBITS)
