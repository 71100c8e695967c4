"""Integrated gradients: how much each input contributes on the straight way from a baseline to a step.

    A_j = (x_j − x'_j)·∫₀¹ ∂P/∂x_j (x' + α·(x − x')) dα        Σ_j A_j = P(x) − P(x')        [Sundararajan2017]

P is smooth but for bends where rectifiers and minima change sides. A cell of the way is integrated by two
Gauss-Legendre nodes; what P rises by in it is known without any integral, so where the attributions of a cell do not
add up to that, there is a bend in it, and it is halved.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from autonomy.layers.arrays import Vector
from autonomy.learning.explanation.inputs import Ends, Inputs
from autonomy.learning.explanation.slope import slope, wanted_kw
from autonomy.learning.network import Network

NODES = 0.5 + np.array([-0.5, 0.5]) / np.sqrt(3.0)
"""Of the Gauss-Legendre rule on 0..1, whose weights are a half each."""
CELLS, HALVINGS = 32, 24
"""Cells at first, and how often one is halved at most."""
TOLERANCE = 1e-6
"""Of all batteries' power: what the attributions of a cell may miss."""
AT_ONCE = 1_000_000
"""Points times prosumers that are looked at together."""


class Contributions(NamedTuple):
    """What the inputs of a step contribute.

    Attributes:
        kw: Attributions, kW, in the places of what they are attributed to.
        baseline_kw: kW wanted at the baseline.
        wanted_kw: kW wanted in the step.
        gap_kw: kW by which the attributions miss the difference of the two.
    """

    kw: Inputs
    baseline_kw: float
    wanted_kw: float
    gap_kw: float


def contributions(networks: Sequence[Network], ends: Ends) -> Contributions:
    """Return the integrated gradients of the power that networks want in a step."""
    edges = np.linspace(0.0, 1.0, CELLS + 1)
    wanted = _wanted(networks, ends, edges)
    cells = _Cells(edges[:-1], edges[1:], wanted[:-1], wanted[1:])
    scale = float(np.sum(ends.step.charge_limit_kw + ends.step.discharge_limit_kw))
    total = Inputs(*(np.zeros(np.shape(end)) for end in ends.step))
    for halving in range(HALVINGS + 1):
        found = _attributed(networks, ends, cells)
        covered = np.sum([part.reshape(cells.lower.size, -1).sum(axis=1) for part in found], axis=0)
        missed = np.abs(covered - (cells.wanted_above - cells.wanted_below))
        is_bent = (missed > TOLERANCE * scale) & (halving < HALVINGS)
        total = Inputs(*(so_far + part[~is_bent].sum(axis=0) for so_far, part in zip(total, found, strict=True)))
        if not is_bent.any():
            break
        cells = _halved(networks, ends, _Cells(*(values[is_bent] for values in cells)))
    covered_kw = float(np.sum([part.sum() for part in total]))
    first, last = float(wanted[0]), float(wanted[-1])
    return Contributions(total, first, last, abs(covered_kw - (last - first)))


class _Cells(NamedTuple):
    """Parts of the way, (C,) each: where they begin and end, and kW wanted there."""

    lower: Vector
    upper: Vector
    wanted_below: Vector
    wanted_above: Vector


def _halved(networks: Sequence[Network], ends: Ends, cells: _Cells) -> _Cells:
    middle = 0.5 * (cells.lower + cells.upper)
    wanted = _wanted(networks, ends, middle)
    return _Cells(
        np.concatenate([cells.lower, middle]),
        np.concatenate([middle, cells.upper]),
        np.concatenate([cells.wanted_below, wanted]),
        np.concatenate([wanted, cells.wanted_above]),
    )


def _attributed(networks: Sequence[Network], ends: Ends, cells: _Cells) -> Inputs:
    """Return the attributions of each of (C,) cells."""
    width = cells.upper - cells.lower
    points = (cells.lower[:, None] + width[:, None] * NODES).ravel()
    slopes = [slope(networks, ends.at(part)) for part in _parts(ends, points)]
    found = []
    for place, (start, end) in enumerate(zip(ends.baseline, ends.step, strict=True)):
        along = np.concatenate([one[place] for one in slopes]).reshape(width.size, NODES.size, *np.shape(end))
        found.append(np.multiply.outer(width, end - start) * along.mean(axis=1))
    return Inputs(*found)


def _wanted(networks: Sequence[Network], ends: Ends, points: Vector) -> Vector:
    return np.concatenate([wanted_kw(networks, ends.at(part)) for part in _parts(ends, points)])


def _parts(ends: Ends, points: Vector) -> list[Vector]:
    size = max(AT_ONCE // max(ends.step.room_kw.size, 1), 1)
    return [points[first : first + size] for first in range(0, points.size, size)]
