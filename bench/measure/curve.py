# SPDX-License-Identifier: MIT
"""Draws what something costs for different sizes: one line for each system, or each
thing, on logarithmic axes. A line ends where its measures do.
"""
import math
from xml.sax.saxutils import escape

from .picture import (FAINT, GRID, MARGIN, OURS, PAPER, STYLE, decade, line, short,
                      text)

WIDTH, HEIGHT = 760, 420
LEFT, TOP = MARGIN + 40, 84
RIGHT, BOTTOM = WIDTH - 190, HEIGHT - 56    # room right of the lines for their names
COLOURS = ("#6b7a8c", "#a3762f", "#7b5ea7", "#b0525c")
NAME_STEP = 15              # names at the lines' ends stand this far apart, at least


class Axes:
    """Where a size and a cost stand, for all points of all lines."""

    def __init__(self, points, size_name):
        self.size_name = size_name
        sizes, costs = zip(*points)
        self.sizes = sorted(set(sizes))
        self.low = math.floor(math.log10(min(costs)))
        self.high = math.ceil(math.log10(max(costs)))

    def x(self, size):
        first, last = math.log2(self.sizes[0]), math.log2(self.sizes[-1])
        return LEFT + (RIGHT - LEFT) * (math.log2(size) - first) / (last - first)

    def y(self, cost):
        share = (math.log10(cost) - self.low) / (self.high - self.low)
        return BOTTOM - (BOTTOM - TOP) * share

    def draw(self):
        for exponent in range(self.low, self.high + 1):
            y = self.y(10 ** exponent)
            yield line(LEFT, y, RIGHT, y, GRID)
            yield text(LEFT - 8, y + 4, decade(exponent), "scale", "end")
        for size in self.sizes:
            x = self.x(size)
            yield line(x, BOTTOM, x, BOTTOM + 4, FAINT)
            yield text(x, BOTTOM + 18, self.size_name(size), "scale", "middle")


def draw_line(axes, points, colour, width):
    path = " ".join(f"{axes.x(size):.1f},{axes.y(cost):.1f}" for size, cost in points)
    yield (f'<polyline points="{path}" fill="none" stroke="{colour}" '
           f'stroke-width="{width}"/>')
    for size, cost in points:
        yield (f'<circle cx="{axes.x(size):.1f}" cy="{axes.y(cost):.1f}" r="3" '
               f'fill="{colour}"/>')


def draw_names(axes, ends):
    """Each line's name behind its end, none on another."""
    lowest = -math.inf
    for name, (size, cost), colour in sorted(ends, key=lambda end: -end[1][1]):
        lowest = max(axes.y(cost), lowest + NAME_STEP)
        yield (f'<text x="{axes.x(size) + 9:.1f}" y="{lowest + 4:.1f}" '
               f'style="fill:{colour}">'
               f"{escape(name)} {short(round(cost))}</text>")


def draw(heading, remark, lines, size_name, ours=1):
    """The picture as the text of an SVG file; `lines` is {name: [(size, cost)]}, the
    first `ours` of them ours."""
    axes = Axes([point for points in lines.values() for point in points], size_name)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{escape(heading)}</title>",
        f"<style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="8" fill="{PAPER}"/>',
        text(MARGIN, 38, heading, "head"),
        text(MARGIN, 60, remark, "faint"),
        *axes.draw(),
    ]
    ends = []
    for index, (name, points) in enumerate(lines.items()):
        colour = COLOURS[(index - ours) % len(COLOURS)] if index >= ours else OURS
        parts += draw_line(axes, points, colour, 1.5 if index >= ours else 3)
        ends.append((name, points[-1], colour))
    return "\n".join([*parts, *draw_names(axes, ends), "</svg>"]) + "\n"
