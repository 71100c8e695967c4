"""Matplotlib pictures as small SVG fragments for one HTML page. The only place that imports matplotlib.

Fragments are deterministic (no date, fixed hash salt), carry no identifier that another fragment has too, take their
font from the page and their colours from its CSS variables, and name no address: HTML needs no SVG namespace.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import TYPE_CHECKING, Any

from autonomy.report.palette import INK, RULE, SHADES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH_IN = 10.0
FONT_SIZE = 9.0

_SETTINGS: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "autonomy",
    "text.parse_math": False,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": FONT_SIZE,
    "axes.titlesize": FONT_SIZE,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlecolor": INK,
    "axes.edgecolor": INK,
    "axes.linewidth": 0.6,
    "axes.labelcolor": INK,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.unicode_minus": True,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "xtick.color": INK,
    "ytick.color": INK,
    "ytick.left": False,
    "text.color": INK,
    "figure.facecolor": "none",
    "hatch.linewidth": 1.2,
    "legend.frameon": False,
    "lines.linewidth": 1.3,
    "lines.solid_joinstyle": "round",
}


@contextmanager
def canvas(height_in: float) -> Iterator[Figure]:
    """Yield an empty figure of the report's width, `height_in` inches high; draw inside the block.

    No global state of matplotlib is changed for longer than the block, and pyplot is never touched.
    """
    import matplotlib as mpl  # noqa: PLC0415 - `import autonomy` must not load matplotlib
    from matplotlib.figure import Figure  # noqa: PLC0415

    with mpl.rc_context(_SETTINGS):
        yield Figure(figsize=(WIDTH_IN, height_in), layout="constrained")


def fragment(figure: Figure, *, prefix: str, description: str) -> str:
    """Return the figure as an `<svg>` element for HTML, to be called inside `canvas`.

    Args:
        figure: The picture.
        prefix: Put before every identifier; different for each figure of a page.
        description: The text alternative.
    """
    stream = io.StringIO()
    figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None, "Creator": None, "Type": None})
    text = stream.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r"<style [^>]*>.*?</style>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->\s*", "", text, flags=re.DOTALL)
    text = _own_identifiers(text, prefix)
    text = re.sub(r'style="[^"]*"', lambda match: _page_style(match[0]), text)
    text = re.sub(r' d="([^"]*)"', lambda match: f' d="{compact_path(match[1])}"', text)
    text = re.sub(r"\n\s*", "\n", text)
    box = re.search(r'viewBox="[^"]*"', text)
    opening = f'<svg role="img" aria-label="{escape(description)}" {box[0] if box else ""} focusable="false">'
    return re.sub(r"<svg [^>]*>", lambda _: opening, text, count=1)


def _own_identifiers(text: str, prefix: str) -> str:
    """Drop identifiers that nothing refers to and make the others unique to this figure."""
    used = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', text))
    text = re.sub(r' id="([^"]*)"', lambda match: f' id="{prefix}-{match[1]}"' if match[1] in used else "", text)
    text = re.sub(r"url\(#", f"url(#{prefix}-", text)
    return re.sub(r'(?:xlink:)?href="#', f'href="#{prefix}-', text)


_VARIABLES = {shades[0]: f"var(--{name})" for name, shades in SHADES.items()}


def _page_style(style: str) -> str:
    style = re.sub(r"#[0-9a-f]{6}", lambda match: _VARIABLES.get(match[0], match[0]), style)
    return re.sub(
        r"font: (?:(bold|[0-9]{3}) )?([0-9.]+px) [^;\"]*",
        lambda match: f"font-size: {match[2]}" + ("; font-weight: 600" if match[1] else ""),
        style,
    )


def compact_path(path: str) -> str:
    """Return path data with one decimal, and with H and V for the horizontal and vertical lines of step curves.

    Args:
        path: Absolute commands M, L, Q, C and z, as matplotlib writes them.
    """
    parts: list[str] = []
    here = ("", "")
    for command, numbers in re.findall(r"([MLQCz])([^MLQCz]*)", path):
        points = [f"{float(number):.1f}".removesuffix(".0") for number in numbers.split()]
        points = ["0" if point == "-0" else point for point in points]
        end = (points[-2], points[-1]) if points else here
        if command == "L" and end == here:
            continue
        if command == "L" and end[1] == here[1]:
            parts.append(f"H{end[0]}")
        elif command == "L" and end[0] == here[0]:
            parts.append(f"V{end[1]}")
        else:
            parts.append(command + " ".join(points))
        # After z the pen is back at the start of the contour; forget where it was.
        here = end if command != "z" else ("", "")
    return "".join(parts)
