"""A proof by cases: a tree of splits whose leaves' multipliers bound what any allowed point costs.

Either a column is 0, or all columns that exclude it are: so a program splits in two. A tree of such splits covers every
point that is allowed, whoever chose them; the multipliers of its leaves prove a bound for each leaf, and the lowest of
them is a bound for all. So `proved_bound` checks a tree without knowing how it was found, and without a solver.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from autonomy.solvers.exact import ExactProgram
from autonomy.solvers.linear import Index, LinearProgram, Vector

LEAF = -1
NO_SIDES = (LEAF, LEAF)


class Node(NamedTuple):
    """One program of the tree.

    Attributes:
        column: Which column splits it; `LEAF` for none.
        sides: Positions of the program with this column at 0, and of the one with all at 0 that exclude it.
        dual: Multipliers that prove a leaf's bound, of the first rows; those of the others count as 0. What is split
            needs none.
        is_empty: Whether they prove that it has no point instead.
    """

    column: int
    sides: tuple[int, int]
    dual: Vector
    is_empty: bool


def proved_bound(program: LinearProgram, first: Index, second: Index, nodes: tuple[Node, ...]) -> Fraction | None:
    """Return the lower bound that a tree proves, exactly; None where it proves none.

    Args:
        program: The program of the root; its paired columns have lower bound 0.
        first: (p,) columns.
        second: (p,) columns; of each pair only one may be positive.
        nodes: The tree; the first is its root.

    Raises:
        ValueError: it is no tree: a node is missing or reached twice, or splits on a column that nothing excludes.
    """
    exact, excluded = ExactProgram(program), partners(first, second)
    bounds: list[Fraction] = []
    todo: list[tuple[int, tuple[int, ...]]] = [(0, ())]
    seen: set[int] = set()
    while todo:
        position, at_zero = todo.pop()
        if position in seen or not 0 <= position < len(nodes):
            raise ValueError(f"nodes: {position} is reached twice or is none; expected a tree")
        seen.add(position)
        node = nodes[position]
        if node.column != LEAF:
            if node.column not in excluded:
                raise ValueError(f"nodes[{position}].column = {node.column}: expected one of a pair, or {LEAF}")
            split = (node.column,), excluded[node.column]
            todo += [(side, (*at_zero, *columns)) for side, columns in zip(node.sides, split, strict=True)]
            continue
        dual, upper = np.zeros(program.row_lower.size), program.upper.copy()
        if node.dual.size > dual.size:
            raise ValueError(f"nodes[{position}].dual has {node.dual.size} entries: expected at most {dual.size}")
        dual[: node.dual.size] = node.dual
        upper[list(at_zero)] = 0.0
        if node.is_empty and (exact.bound(dual, upper=upper, is_free=True) or 0) > 0:
            continue
        bound = exact.bound(dual, upper=upper)
        if bound is None:
            return None
        bounds.append(bound)
    return min(bounds, default=None)


def partners(first: Index, second: Index) -> dict[int, tuple[int, ...]]:
    """Return for each column of a pair the columns that exclude it."""
    found: dict[int, list[int]] = {}
    for a, b in zip(first.tolist(), second.tolist(), strict=True):
        found.setdefault(a, []).append(b)
        found.setdefault(b, []).append(a)
    return {column: tuple(others) for column, others in found.items()}


def held_at_zero(program: LinearProgram, columns: tuple[int, ...]) -> LinearProgram:
    """Return the program with the given columns held at 0."""
    upper = program.upper.copy()
    upper[list(columns)] = 0.0
    return replace(program, upper=upper)
