# SPDX-License-Identifier: MIT
"""The committed tables of bench/, and what is shown of measured values: a table, a
picture, a judgement as TAP.
"""
import os
import re
from dataclasses import dataclass

from . import curve, picture, scale
from .machine import number
from .picture import short

TOLERANCE_PERCENT = 2

HEADING = "What Limen costs"
REMARK = ("Guest instructions under QEMU's -icount, not cycles; shorter is better; each "
          "panel has its own logarithmic scale. The method and the peers: docs/bench.md")


CURVE_HEADING = "What a KiB costs in a message"
CURVE_REMARK = "Guest instructions per KiB, by the message's size: docs/bench.md"
SCALE_HEADING = "What calls cost among many"
SCALE_REMARK = ("Guest instructions, by the number of threads, ports and handles there "
                "are: docs/bench.md")
CALL_SIZE = re.compile(r"call_(\d+)k$")


@dataclass(frozen=True)
class Measure:
    name: str
    unit: str
    bound: float            # or None
    title: str


@dataclass(frozen=True)
class Peer:
    system: str
    value: float
    condition: str          # or ""


def rows(path):
    with open(path, encoding="utf-8") as file:
        for line in file:
            if not line.startswith("#"):
                cells = line.rstrip("\n").split("\t")
                yield ["" if cell == "-" else cell for cell in cells]


class Tables:
    """measures.tsv in its order; peers.tsv by measure; baseline.tsv."""

    def __init__(self, folder):
        self.baseline_path = os.path.join(folder, "baseline.tsv")
        self.measures = [Measure(name, unit, number(bound) if bound else None, title)
                         for name, unit, bound, title in rows(
                             os.path.join(folder, "measures.tsv"))]
        self.peers = {}
        for name, system, value, condition in rows(os.path.join(folder, "peers.tsv")):
            self.peers.setdefault(name, []).append(Peer(system, number(value), condition))
        self.baseline = {}
        if os.path.exists(self.baseline_path):
            self.baseline = {name: number(value)
                             for name, value in rows(self.baseline_path)}

    def record(self, values):
        with open(self.baseline_path, "w", encoding="utf-8") as file:
            file.write("# SPDX-License-Identifier: MIT\n"
                       "# What `make bench-baseline` measured when it was last run.\n")
            for measure in self.measures:
                file.write(f"{measure.name}\t{values[measure.name]}\n")


def shown(value):
    return "-" if value is None else f"{value:,}"


def table(tables, values):
    """Lines of text: each measure with its bound and baseline, the peers below it."""
    yield f"{'':24}{'Limen':>14}{'bound':>12}{'baseline':>14}"
    for measure in tables.measures:
        ours = shown(values.get(measure.name))
        baseline = shown(tables.baseline.get(measure.name))
        unit = "" if measure.unit == "instructions" else f"  {measure.unit}"
        yield f"{measure.name:24}{ours:>14}{shown(measure.bound):>12}{baseline:>14}{unit}"
        for peer in tables.peers.get(measure.name, ()):
            remark = f"  ({peer.condition})" if peer.condition else ""
            yield f"    {peer.system:20}{shown(peer.value):>14}{remark}"


def drawing(tables, values):
    panels = []
    for measure in tables.measures:
        if measure.name in values and not measure.name.startswith("scale_"):
            bars = [picture.Bar(peer.system, peer.value, peer.condition)
                    for peer in tables.peers.get(measure.name, ())]
            bars.sort(key=lambda bar: bar.value)
            bars.insert(0, picture.Bar("Limen", values[measure.name], ours=True))
            panels.append(picture.Panel(measure.title, measure.unit, bars, measure.bound))
    return picture.draw(HEADING, REMARK, panels)


def size_curve(tables, values):
    """The calls by size as a picture: what a KiB costs, ours and the peers'."""
    lines = {"Limen": []}
    for name, value in values.items():
        match = CALL_SIZE.match(name)
        if match:
            size = int(match[1])
            lines["Limen"].append((size, value / size))
            for peer in tables.peers.get(name, ()):
                lines.setdefault(peer.system, []).append((size, peer.value / size))
    return curve.draw(
        CURVE_HEADING, CURVE_REMARK, lines,
        lambda size: f"{size} KiB" if size < 1024 else f"{size // 1024} MiB")


def scale_curve(values):
    """The calls among few and among many, as a picture."""
    lines = scale.lines(values)
    return curve.draw(SCALE_HEADING, SCALE_REMARK, lines, short, len(lines))


def judgement(tables, values):
    """TAP: every measure was taken, is within its bound, and is no worse than the
    baseline."""
    results = []
    for measure in tables.measures:
        value = values.get(measure.name)
        if value is None:
            results.append((False, f"{measure.name} was measured"))
            continue
        if measure.bound is not None:
            results.append((value <= measure.bound, f"{measure.name}: {shown(value)}, "
                                                    f"bound {shown(measure.bound)}"))
        baseline = tables.baseline.get(measure.name)
        kept = baseline is not None and value <= baseline * (1 + TOLERANCE_PERCENT / 100)
        results.append((kept, f"{measure.name}: {shown(value)}, "
                              f"baseline {shown(baseline)} + {TOLERANCE_PERCENT} %"))
    for index, (passed, name) in enumerate(results, 1):
        yield f"{'ok' if passed else 'not ok'} {index} - {name}"
    yield f"1..{len(results)}"
