"""Bars and curves as SVG text: no library, no font, no script; the page's colours, and a text alternative for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from math import ceil, floor, log10
from typing import Any

WIDTH, LABEL, ROW = 620.0, 190.0, 22.0
"""Units of a bar chart: its width, that of its labels, and the height of a row."""
HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 272.0, 64.0, 42.0, 28.0, 150.0
"""Units of a chart of curves: its height and what is left around it."""
COLOURS = ("blue", "vermillion", "green", "purple", "amber", "sky")


def bars(title: str, unit: str, values: Sequence[tuple[str, float]]) -> str:
    """Return one bar a label, from 0 to the largest."""
    most = max((value for _, value in values), default=0.0) or 1.0
    room = WIDTH - LABEL - 90
    parts = []
    for place, (label, value) in enumerate(values):
        y, long = 4 + place * ROW, max(room * value / most, 1.0 if value else 0.0)
        parts.append(f'<text x="{LABEL - 8:g}" y="{y + 13:g}" text-anchor="end">{escape(label)}</text>')
        parts.append(f'<rect x="{LABEL:g}" y="{y + 2:g}" width="{long:.1f}" height="15" rx="2" fill="var(--blue)"/>')
        parts.append(f'<text x="{LABEL + long + 6:.1f}" y="{y + 13:g}">{_number(value)}</text>')
    told = "; ".join(f"{label} {_number(value)}" for label, value in values)
    return _svg(WIDTH, 8 + ROW * len(values), f"{title}, {unit}: {told}", parts)


def curves(shown: dict[str, Any]) -> str:
    """Return curves with axes, and limits as dashed lines."""
    named = shown["curves"]
    points = [point for _, line in named for point in line]
    if not points:
        return ""
    xs, ys = [x for x, _ in points], [y for _, y in points] + [y for _, y in shown["limits"]]
    across, up = _Axis(min(xs), max(xs), LEFT, WIDTH - RIGHT), _Axis(min(*ys, 0.0), max(ys), HEIGHT - BOTTOM, TOP)
    parts = list(_grid(across, up, shown))
    ends: list[tuple[float, str, str]] = []
    for place, (name, line) in enumerate(named):
        colour = f"var(--{COLOURS[place % len(COLOURS)]})"
        path = _path([(across.at(x), up.at(y)) for x, y in line], is_stepped=shown["is_stepped"])
        parts.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        ends.append((up.at(line[-1][1]), name, colour))
    for name, y in shown["limits"]:
        path = f"M{LEFT:g} {up.at(y):.1f}H{WIDTH - RIGHT:g}"
        parts.append(f'<path d="{path}" stroke="var(--alarm)" stroke-dasharray="5 4" fill="none"/>')
        ends.append((up.at(y), name, "var(--alarm)"))
    parts += _end_labels(ends)
    told = "; ".join(f"{name} from {_number(line[0][1])} to {_number(line[-1][1])}" for name, line in named)
    limits = "".join(f"; {name} {_number(y)}" for name, y in shown["limits"])
    return _svg(WIDTH, HEIGHT, f"{shown['title']}: {told}{limits}; {shown['up']} over {shown['across']}", parts)


def shares(tally: Sequence[tuple[str, int]]) -> str:
    """Return one bar that is divided by how many claims have each verdict."""
    total, x, parts = sum(n for _, n in tally), 0.0, []
    for word, n in tally:
        wide = WIDTH * n / total
        kind = word.lower()
        parts.append(
            f'<rect class="share {kind}" x="{x:.1f}" y="0" width="{max(wide - 2, 1):.1f}" height="26" rx="3"/>'
        )
        parts.append(
            f'<text class="share-text {kind}" x="{x + wide / 2 - 1:.1f}" y="18" text-anchor="middle">{n}</text>'
        )
        x += wide
    return _svg(WIDTH, 26, "Claims by verdict: " + ", ".join(f"{n} {word}" for word, n in tally), parts)


class _Axis:
    def __init__(self, low: float, high: float, first: float, last: float) -> None:
        self.step = _nice((high - low) / 4 if high > low else abs(high) / 2 or 1.0)
        self.low, self.high = floor(low / self.step) * self.step, ceil(high / self.step) * self.step
        if self.high <= self.low:
            self.high = self.low + self.step
        self._first, self._last = first, last

    def at(self, value: float) -> float:
        return self._first + (value - self.low) / (self.high - self.low) * (self._last - self._first)

    def ticks(self) -> list[float]:
        steps = round((self.high - self.low) / self.step)
        return [round(self.low + k * self.step, 12) for k in range(steps + 1)]


def _nice(step: float) -> float:
    power = 10.0 ** floor(log10(step)) if step > 0 else 1.0
    return power * float(next(nice for nice in (1, 2, 5, 10) if step / power <= nice))


def _grid(across: _Axis, up: _Axis, shown: dict[str, Any]) -> Iterator[str]:
    for y in up.ticks():
        yield f'<path d="M{LEFT:g} {up.at(y):.1f}H{WIDTH - RIGHT:g}" stroke="var(--rule)" fill="none"/>'
        yield f'<text x="{LEFT - 6:g}" y="{up.at(y) + 4:.1f}" text-anchor="end">{_number(y)}</text>'
    for x in across.ticks():
        yield f'<text x="{across.at(x):.1f}" y="{HEIGHT - BOTTOM + 16:g}" text-anchor="middle">{_number(x)}</text>'
    middle, name = (LEFT + WIDTH - RIGHT) / 2, escape(shown["across"])
    yield f'<text x="{middle:g}" y="{HEIGHT - 6:g}" text-anchor="middle">{name}</text>'
    yield f'<text x="4" y="12">{escape(shown["up"])}</text>'


def _path(points: Sequence[tuple[float, float]], *, is_stepped: bool) -> str:
    parts = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
    for x, y in points[1:]:
        parts.append(f"H{x:.1f}V{y:.1f}" if is_stepped else f"L{x:.1f} {y:.1f}")
    return "".join(parts)


def _end_labels(ends: Sequence[tuple[float, str, str]]) -> Iterator[str]:
    """Yield the names at the right edge, moved apart where they would overlap."""
    least = 0.0
    for y, name, colour in sorted(ends):
        place = max(y + 4, least)
        least = place + 14
        yield f'<text x="{WIDTH - RIGHT + 6:g}" y="{place:.1f}" fill="{colour}">{escape(name)}</text>'


def _number(value: float) -> str:
    if value == round(value) and abs(value) < 1e9:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _svg(width: float, height: float, told: str, parts: Sequence[str]) -> str:
    opening = f'<svg role="img" aria-label="{escape(told)}" viewBox="0 0 {width:g} {height:g}" focusable="false">'
    return f"{opening}{''.join(parts)}</svg>"
