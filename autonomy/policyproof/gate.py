"""One gate as a quantity to search, and what of it can be written down so that a checker without floats repeats it."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from autonomy.layers.arrays import Vector
from autonomy.learning.network import Network
from autonomy.policyproof.crown import Box
from autonomy.policyproof.ensemble import Ensemble
from autonomy.policyproof.search import Found, Objective, halves

FORMAT = "autonomy-certificate/1"
SHARE = 0.8
"""Share of a bound that a leaf may reach in floats: the checker's slopes are coarser, and its bounds looser."""
MOST_LEAVES = 400

Weights = Sequence[tuple[str, int]]
"""File and place in it of each network, as a checker finds them."""


def gate_objective(networks: Sequence[Network], gate: int) -> Objective:
    """Return a gate, in 0..1, as a quantity over boxes of `autonomy.policyproof.ensemble`."""
    ensemble = Ensemble(networks, (gate,))

    def objective(box: Box) -> Found:
        bounds = ensemble.bounds(box)
        slope = bounds.most_slope[:, 0]
        point = np.where(slope > 0.0, box.upper, box.lower)
        score = (np.abs(slope) + np.abs(bounds.least_slope[:, 0])) * (box.upper - box.lower)
        return Found(bounds.least[:, 0], bounds.most[:, 0], point, ensemble(point)[:, 0], score)

    return objective


def gate_certificate(
    networks: Sequence[Network], weights: Weights, gate: int, box: Box, *, most: float, statement: str
) -> dict[str, Any] | None:
    """Return the certificate that a gate is at most `most` over boxes; None where it takes more than `MOST_LEAVES`."""
    objective, boxes, left = gate_objective(networks, gate), [], MOST_LEAVES
    for row in range(len(box.lower)):
        tree = _tree(objective, box.rows(np.array([row])), most, left)
        if tree is None:
            return None
        left -= len(tree) // 2 + 1
        ends = zip(map(_text, box.lower[row]), map(_text, box.upper[row]), strict=True)
        boxes.append({"box": [list(pair) for pair in ends], "tree": tree})
    return {
        "format": FORMAT,
        "kind": "gate",
        "statement": statement,
        "weights": [list(weight) for weight in weights],
        "gate": gate,
        "sense": "most",
        "bound": _text(most),
        "boxes": boxes,
    }


def range_certificates(
    networks: Sequence[Network], weights: Weights, gate: int, box: Box, *, statement: str
) -> list[dict[str, Any]]:
    """Return two certificates of what a gate is at least and at most over one box, without a split.

    The bounds are those in floats, rounded outward to six digits; a looser one is stated than was found.
    """
    bounds = Ensemble(networks, (gate,)).bounds(box)
    ends = zip(map(_text, box.lower[0]), map(_text, box.upper[0]), strict=True)
    about = {
        "format": FORMAT,
        "kind": "gate",
        "statement": statement,
        "weights": [list(weight) for weight in weights],
        "gate": gate,
        "boxes": [{"box": [list(pair) for pair in ends], "tree": [{}]}],
    }
    low = max(np.floor(float(bounds.least[0, 0]) * 1e6 - 1.0) / 1e6, 0.0)
    high = min(np.ceil(float(bounds.most[0, 0]) * 1e6 + 1.0) / 1e6, 1.0)
    return [{**about, "sense": "least", "bound": _text(low)}, {**about, "sense": "most", "bound": _text(high)}]


def witness_certificate(weights: Weights, gate: int, point: Vector, *, most: float, statement: str) -> dict[str, Any]:
    """Return the certificate that a gate is above `most` at a point."""
    return {
        "format": FORMAT,
        "kind": "gate-witness",
        "statement": statement,
        "weights": [list(weight) for weight in weights],
        "gate": gate,
        "sense": "most",
        "bound": _text(most),
        "point": [_text(x) for x in point],
    }


def _tree(objective: Objective, box: Box, most: float, limit: int) -> list[dict[str, Any]] | None:
    """Return the tree of splits of one box until every leaf is at most `SHARE` of `most`."""
    tree: list[dict[str, Any]] = [{}]
    todo = [(0, box)]
    while todo:
        boxes = Box(*(np.concatenate([getattr(one, side) for _, one in todo]) for side in ("lower", "upper")))
        found = objective(boxes)
        open_ = np.flatnonzero(found.most > SHARE * most)
        if len(tree) // 2 + open_.size >= limit:
            return None
        both = halves(boxes.rows(open_), found.score[open_])
        later: list[tuple[int, Box]] = []
        for k, row in enumerate(open_):
            column = int(np.flatnonzero(both.lower[2 * k + 1] != both.lower[2 * k])[0])
            place = len(tree)
            tree += [{}, {}]
            node = {"column": column, "at": _text(both.lower[2 * k + 1, column]), "below": place, "above": place + 1}
            tree[todo[int(row)][0]] = node
            later += [(place, both.rows(np.array([2 * k]))), (place + 1, both.rows(np.array([2 * k + 1])))]
        todo = later
    return tree


def _text(value: float) -> str:
    """Return a float as an amount of a certificate: the very fraction that it is."""
    exact = Fraction(float(value))
    return str(exact.numerator) if exact.denominator == 1 else f"{exact.numerator}/{exact.denominator}"
