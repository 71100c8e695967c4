"""Colours, each with a light and a dark variant; told apart by readers with any colour vision (after Okabe and Ito).

Figures are drawn in the light variant; `svg` then replaces each colour by a CSS variable, so that one picture is right
on white, on black and on paper.
"""

from __future__ import annotations

from dataclasses import dataclass

from autonomy.evidence import RunEvidence
from autonomy.layers.decision import Mode
from autonomy.report.week import BASELINE, OPTIMUM

INK = "#101418"
"""Text and axes; becomes the colour of the surrounding text."""
RULE = "#d3d8dd"
"""Grid lines."""

SHADES: dict[str, tuple[str, str]] = {
    "ink": (INK, "#e8ecef"),
    "rule": (RULE, "#3a4249"),
    "grey": ("#767f88", "#939ca5"),
    "blue": ("#0072b2", "#4db2f0"),
    "vermillion": ("#d55e00", "#ff8c4d"),
    "green": ("#008060", "#35c795"),
    "purple": ("#a34a85", "#e596c8"),
    "amber": ("#c08a00", "#f0c04a"),
    "sky": ("#56a8d8", "#8fd0f5"),
    "alarm": ("#c1121f", "#ff6b6b"),
    "sun": ("#e8b62c", "#d9a81f"),
    "pale": ("#a9b8c6", "#5c6b79"),
}
"""Name of each colour: (on light ground, on dark ground)."""

SERIES = ("blue", "vermillion", "green", "purple", "amber", "sky")
DASHES: tuple[str, ...] = ("-", "--", "-.", ":")

MODES: dict[str, str] = {
    Mode.POLICY: "grey",
    Mode.PROJECTED: "blue",
    Mode.SUPPORT: "amber",
    Mode.GRID_ONLY: "vermillion",
    Mode.DEAD_STOP: "alarm",
}
"""Colour name of each mode."""


@dataclass(frozen=True, slots=True)
class Stroke:
    """How a policy is drawn, in every figure the same.

    Attributes:
        color: Hexadecimal colour on light ground.
        dash: Matplotlib line style.
    """

    color: str
    dash: str


def light(name: str) -> str:
    """Return the colour `name` on light ground."""
    return SHADES[name][0]


def strokes(evidence: RunEvidence) -> dict[str, Stroke]:
    """Return one stroke a policy: grey for grid-only, dashed ink for the optimum, the series for the others."""
    others = [policy for policy in evidence.policies if policy not in (BASELINE, OPTIMUM)]
    chosen = {
        policy: Stroke(light(SERIES[i % len(SERIES)]), DASHES[(i // len(SERIES)) % len(DASHES)])
        for i, policy in enumerate(others)
    }
    return {BASELINE: Stroke(light("grey"), "-"), OPTIMUM: Stroke(INK, "--"), **chosen}
