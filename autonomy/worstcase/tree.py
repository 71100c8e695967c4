"""A tree of branchings whose leaves carry multipliers: what it proves, exactly and whoever found it.

Each leaf narrows the bounds [l, u] of whole columns; any row multipliers y bound cᵀx there, for the sense "max" by

    B = Σ_r y_r·(upper_r if y_r > 0 else lower_r) + Σ_j max(q_j·l_j, q_j·u_j)        q = c − Aᵀy   [Neumaier2004]

and a feasible point is in one leaf, so the largest B of all leaves is a bound for all points.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from autonomy.worstcase.amounts import text
from autonomy.worstcase.program import ExactProgram, Sense

Multipliers = tuple[tuple[int, Fraction], ...]
Narrowed = Mapping[int, tuple[int, int]]
"""Bounds of whole columns at a node, where they are not the program's."""


class Branching(NamedTuple):
    """A node that splits on a whole column: at most `most`, or above it."""

    column: int
    most: int
    at_most: int
    above: int

    def document(self) -> dict[str, Any]:
        """Return the node as a certificate states it."""
        return {"column": self.column, "most": self.most, "at_most": self.at_most, "above": self.above}


class Leaf(NamedTuple):
    """A node that is not split: (row, multiplier) pairs and the bound they prove."""

    multipliers: Multipliers
    bound: Fraction

    def document(self) -> dict[str, Any]:
        """Return the node as a certificate states it."""
        pairs = [[row, text(amount)] for row, amount in self.multipliers]
        return {"multipliers": pairs, "bound": text(self.bound)}


Tree = tuple[Branching | Leaf, ...]


class Prover:
    """Works out what multipliers prove of a program, in whole numbers of a common denominator."""

    def __init__(self, program: ExactProgram) -> None:
        self.program = program
        self._is_max = program.sense is Sense.MAX
        self._unit = unit = math.lcm(*_denominators(program))
        self._cost = [int(column.cost * unit) for column in program.columns]
        self._bounds = [(int(column.lower * unit), int(column.upper * unit)) for column in program.columns]
        self._terms = [[(j, int(amount * unit)) for j, amount in row.terms] for row in program.rows]
        self._rows = [
            tuple(None if bound is None else int(bound * unit) for bound in (row.lower, row.upper))
            for row in program.rows
        ]

    def bound(self, multipliers: Multipliers, narrowed: Narrowed) -> Fraction | None:
        """Return the bound that multipliers prove at a node; None where a row has no bound to use."""
        unit, scale = self._unit, math.lcm(1, *(y.denominator for _, y in multipliers))
        reduced, total = [cost * scale for cost in self._cost], 0
        for r, amount in multipliers:
            y = int(amount * scale)
            bound = self._rows[r][int((y > 0) == self._is_max)]
            if bound is None:
                return None
            total += y * bound
            for j, term in self._terms[r]:
                reduced[j] -= y * term
        total *= unit
        for j, (q, ends) in enumerate(zip(reduced, self._bounds, strict=True)):
            if q:
                low, high = (end * unit for end in narrowed[j]) if j in narrowed else ends
                total += q * (high if (q > 0) == self._is_max else low)
        return Fraction(total, unit * unit * scale)


def tree_bound(program: ExactProgram, tree: Sequence[Branching | Leaf]) -> Fraction:
    """Return what a tree proves of its program.

    Raises:
        ValueError: it is no tree over whole columns, a leaf proves nothing, or not what it says.
    """
    prover, bounds, seen = Prover(program), list[Fraction](), set[int]()
    todo: list[tuple[int, dict[int, tuple[int, int]]]] = [(0, {})]
    while todo:
        place, narrowed = todo.pop()
        if place in seen or not 0 <= place < len(tree):
            raise ValueError(f"node {place} is reached twice or is none; expected a tree")
        seen.add(place)
        node = tree[place]
        if isinstance(node, Branching):
            todo += [(node.at_most, split(program, narrowed, node, 0)), (node.above, split(program, narrowed, node, 1))]
            continue
        bound = prover.bound(node.multipliers, narrowed)
        if bound is None or bound != node.bound:
            raise ValueError(f"the multipliers of node {place} prove {bound} and not {node.bound}")
        bounds.append(bound)
    if len(seen) != len(tree):
        raise ValueError(f"{len(tree) - len(seen)} nodes are not reached from the root; expected a tree")
    return max(bounds) if program.sense is Sense.MAX else min(bounds)


def split(program: ExactProgram, narrowed: Narrowed, node: Branching, side: int) -> dict[int, tuple[int, int]]:
    """Return the bounds in one of the two parts that a branching makes; side 0 is "at most".

    Raises:
        ValueError: the column is not whole, or both parts would not have a value of it.
    """
    column = program.columns[node.column]
    low, high = narrowed.get(node.column, (int(column.lower), int(column.upper)))
    if not column.integer or not low <= node.most < high:
        raise ValueError(f"column {column.name} in {low}..{high} cannot be split at {node.most}; expected a whole one")
    return {**narrowed, node.column: (node.most + 1, high) if side else (low, node.most)}


def _denominators(program: ExactProgram) -> Iterable[int]:
    """Yield the denominator of every number of a program."""
    for column in program.columns:
        yield from (column.cost.denominator, column.lower.denominator, column.upper.denominator)
    for row in program.rows:
        yield from (amount.denominator for _, amount in row.terms)
        yield from (bound.denominator for bound in (row.lower, row.upper) if bound is not None)
