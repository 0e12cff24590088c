# SPDX-License-Identifier: MIT
"""Draws measures as bars, one panel each, in two columns: ours, the peers', and the bound
as a line across. The scale is logarithmic and each panel's own: lengths compare within a
panel and nowhere else.
"""
import math
from dataclasses import dataclass
from xml.sax.saxutils import escape

COLUMN_WIDTH = 600
COLUMN_GAP = 40
MARGIN = 28
HEADER = 84
PANEL_HEAD = 30             # the title above the bars
BAR_STEP = 21
BAR_HEIGHT = 14
PANEL_FOOT = 30             # the scale below the bars, and the gap to the next panel
LABEL_WIDTH = 96            # the system's name, left of its bar
LEAST_BAR = 1.5             # a panel's least value over where its scale begins, at least
VALUE_WIDTH = 190           # room right of the longest bar for its value and remark

OURS, PEER, BOUND = "#17725a", "#b9c0c8", "#c8432b"
INK, FAINT, GRID, PAPER = "#1b1f24", "#68717c", "#e3e6ea", "#ffffff"
STYLE = f"""\
text {{ font-family: "Helvetica Neue", Helvetica, Arial, "DejaVu Sans", sans-serif;
       font-size: 12px; fill: {INK}; }}
.head {{ font-size: 21px; font-weight: bold; }}
.title {{ font-size: 13px; font-weight: bold; }}
.faint {{ fill: {FAINT}; }}
.value {{ paint-order: stroke; stroke: {PAPER}; stroke-width: 4px; }}
.scale {{ fill: {FAINT}; font-size: 10px; }}
.bound {{ fill: {BOUND}; font-size: 10px; }}
.ours {{ font-weight: bold; }}"""


def short(value):
    """A value as a reader says it: 44.95, 1,392, 4.81 M."""
    for least, unit in ((1e9, " G"), (1e6, " M")):
        if value >= least:
            return f"{value / least:.2f}".rstrip("0").rstrip(".") + unit
    return f"{value:,}"


def decade(exponent):
    for step, unit in ((9, "G"), (6, "M"), (3, "k")):
        if exponent >= step:
            return f"{10 ** (exponent - step)} {unit}"
    return str(10 ** exponent)


def text(x, y, string, kind="", anchor="start"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">'
            f"{escape(string)}</text>")


def line(x1, y1, x2, y2, colour, more=""):
    return (f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
            f'stroke="{colour}" {more}/>')


@dataclass(frozen=True)
class Bar:
    system: str
    value: float
    remark: str = ""
    ours: bool = False


class Panel:
    """One measure: a title, bars, and a bound or None."""

    def __init__(self, title, unit, bars, bound):
        self.title, self.unit, self.bars, self.bound = title, unit, bars, bound
        values = [bar.value for bar in bars] + ([bound] if bound else [])
        self.low = math.floor(math.log10(min(values) / LEAST_BAR))
        self.high = max(math.log10(max(values)), self.low + 1)
        self.height = PANEL_HEAD + BAR_STEP * len(bars) + PANEL_FOOT

    def x(self, value):
        """How far right of the bars' beginning a value stands."""
        room = COLUMN_WIDTH - LABEL_WIDTH - VALUE_WIDTH
        return room * (math.log10(value) - self.low) / (self.high - self.low)

    def draw(self, left, top):
        start = left + LABEL_WIDTH
        bars_top = top + PANEL_HEAD
        bars_end = bars_top + BAR_STEP * len(self.bars)
        yield text(left, top + 16, self.title, "title")
        yield text(left + COLUMN_WIDTH, top + 16, self.unit, "faint", "end")
        yield from self._draw_scale(start, bars_top, bars_end)
        if self.bound:
            x = start + self.x(self.bound)
            yield line(x, bars_top - 4, x, bars_end + 3, BOUND, 'stroke-dasharray="4 3"')
            yield text(x, bars_end + 13, f"bound {short(self.bound)}", "bound", "middle")
        for index, bar in enumerate(self.bars):
            yield from self._draw_bar(start, bars_top + BAR_STEP * index, bar)

    def _draw_scale(self, start, top, end):
        bound_x = self.x(self.bound) if self.bound else -math.inf
        for exponent in range(self.low, math.floor(self.high) + 1):
            x = self.x(10 ** exponent)
            yield line(start + x, top - 4, start + x, end, GRID)
            if abs(x - bound_x) > 46:
                yield text(start + x, end + 13, decade(exponent), "scale", "middle")

    def _draw_bar(self, start, top, bar):
        width = max(self.x(bar.value), 1)
        middle = top + BAR_STEP / 2
        kind = "ours" if bar.ours else ""
        yield text(start - 8, middle + 4, bar.system, kind, "end")
        yield (f'<rect x="{start:.1f}" y="{middle - BAR_HEIGHT / 2:.1f}" '
               f'width="{width:.1f}" height="{BAR_HEIGHT}" rx="2" '
               f'fill="{OURS if bar.ours else PEER}"/>')
        remark = ""
        if bar.remark:
            remark = f' <tspan class="faint">({escape(bar.remark)})</tspan>'
        yield (f'<text x="{start + width + 6:.1f}" y="{middle + 4:.1f}" '
               f'class="value {kind}">{short(bar.value)}{remark}</text>')


def columns_of(panels):
    """Two columns of nearly one height, in the order given."""
    half = sum(panel.height for panel in panels) / 2
    height, count = 0, 0
    while count < len(panels) and height + panels[count].height / 2 <= half:
        height += panels[count].height
        count += 1
    return panels[:count], panels[count:]


def draw(heading, remark, panels):
    """The whole picture as the text of an SVG file."""
    columns = columns_of(panels)
    height = HEADER + max(sum(panel.height for panel in column) for column in columns)
    width = 2 * MARGIN + 2 * COLUMN_WIDTH + COLUMN_GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img">',
        f"<title>{escape(heading)}</title>",
        f"<style>{STYLE}</style>",
        f'<rect width="{width}" height="{height}" rx="8" fill="{PAPER}"/>',
        text(MARGIN, 38, heading, "head"),
        text(MARGIN, 60, remark, "faint"),
    ]
    for index, column in enumerate(columns):
        top = HEADER
        for panel in column:
            parts += panel.draw(MARGIN + index * (COLUMN_WIDTH + COLUMN_GAP), top)
            top += panel.height
    return "\n".join([*parts, "</svg>"]) + "\n"
