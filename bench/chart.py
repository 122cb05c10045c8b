"""Curves on logarithmic axes, or over a logarithmic and a linear one, as an SVG file, without any library."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

Points = Sequence[tuple[float, float]]

WIDTH, HEIGHT, LEGEND = 460, 320, 190
LEFT, RIGHT, TOP, BOTTOM = 62, 16, 40, 46
# Okabe and Ito's palette: told apart by the colour-blind, too.
COLOURS = ("#0072B2", "#000000", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")


@dataclass(frozen=True, slots=True)
class Panel:
    """
    One pair of axes with a curve for each series.

    *x_ticks* are the values named on the axis, every x of the series when there are none. With *y_linear* that axis
    goes from 0 to 100.
    """

    title: str
    x_label: str
    y_label: str
    series: Mapping[str, Points]
    x_ticks: Sequence[float] = ()
    y_linear: bool = False


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis from *low* to *high*, drawn from *start* to *end* (pixels); logarithmic unless *linear*."""

    low: float
    high: float
    start: float
    end: float
    linear: bool = False

    def at(self, value: float) -> float:
        """Where *value* is drawn."""
        place, low, high = (one if self.linear else math.log10(one) for one in (value, self.low, self.high))
        return round(self.start + (place - low) / (high - low) * (self.end - self.start), 1)

    def ticks(self) -> list[float]:
        """The values at which it is marked: quarters, or powers of ten."""
        if self.linear:
            return [self.low + part * (self.high - self.low) / 4 for part in range(5)]
        return [10.0**power for power in range(round(math.log10(self.low)), round(math.log10(self.high)) + 1)]


def log_chart(panels: Sequence[Panel]) -> str:
    """The panels side by side with one legend; values of zero or less have no place on the axes and are left out."""
    names = list(dict.fromkeys(name for panel in panels for name in panel.series))
    colours = {name: COLOURS[place % len(COLOURS)] for place, name in enumerate(names)}
    width = WIDTH * len(panels) + LEGEND
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{HEIGHT}" viewBox="0 0 {width} {HEIGHT}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{HEIGHT}" fill="white"/>',
    ]
    for place, panel in enumerate(panels):
        parts.append(f'<g transform="translate({place * WIDTH} 0)">{_panel(panel, colours)}</g>')
    for place, (name, colour) in enumerate(colours.items()):
        x, y = WIDTH * len(panels) + 8, TOP + 10 + 20 * place
        parts.append(f'<line x1="{x}" y1="{y}" x2="{x + 22}" y2="{y}" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<text x="{x + 28}" y="{y + 4}">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _panel(panel: Panel, colours: Mapping[str, str]) -> str:
    drawn = {name: [(x, y) for x, y in points if x > 0 and y > 0] for name, points in panel.series.items()}
    xs = [x for points in drawn.values() for x, _ in points] or [1.0]
    ys = [y for points in drawn.values() for _, y in points] or [1.0]
    across = Axis(min(xs) / 1.3, max(xs) * 1.3, LEFT, WIDTH - RIGHT)
    up = _upward(ys, panel.y_linear)
    parts = [f'<text x="{LEFT}" y="{TOP - 16}" font-weight="bold">{escape(panel.title)}</text>']
    for tick in up.ticks():
        y = up.at(tick)
        parts.append(f'<line x1="{LEFT}" y1="{y}" x2="{WIDTH - RIGHT}" y2="{y}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4}" text-anchor="end">{tick:g}</text>')
    for x in [tick for tick in panel.x_ticks if across.low <= tick <= across.high] or sorted(set(xs)):
        parts.append(f'<text x="{across.at(x)}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{x:g}</text>')
    parts.append(f'<text x="{(LEFT + WIDTH) / 2}" y="{HEIGHT - 8}" text-anchor="middle">{escape(panel.x_label)}</text>')
    middle = (TOP + HEIGHT - BOTTOM) / 2
    parts.append(
        f'<text transform="translate(14 {middle}) rotate(-90)" text-anchor="middle">{escape(panel.y_label)}</text>'
    )
    for name, points in drawn.items():
        line = " ".join(f"{across.at(x)},{up.at(y)}" for x, y in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colours[name]}" stroke-width="2"/>')
        parts += [f'<circle cx="{across.at(x)}" cy="{up.at(y)}" r="3" fill="{colours[name]}"/>' for x, y in points]
    return "".join(parts)


def _upward(ys: Sequence[float], linear: bool) -> Axis:
    if linear:
        return Axis(0.0, 100.0, HEIGHT - BOTTOM, TOP, linear=True)
    low, high = math.floor(math.log10(min(ys))), math.floor(math.log10(max(ys))) + 1
    return Axis(10**low, 10**high, HEIGHT - BOTTOM, TOP)
