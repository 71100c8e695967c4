"""Branch and bound in our own hands: HiGHS solves the linear programs, every leaf is proved in fractions.

HiGHS keeps its tree to itself, so a bound it claims for a mixed-integer program cannot be re-checked. Here the tree is
ours: the linear program of each node gives multipliers, these are rounded to few digits, and what they prove is worked
out exactly (`autonomy.worstcase.tree`). A node is split until that is at most the best value known.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from autonomy.layers.arrays import Vector
from autonomy.solvers.linear_solution import load
from autonomy.worstcase.program import ExactProgram, Sense
from autonomy.worstcase.tree import Branching, Leaf, Multipliers, Narrowed, Prover, Tree, split

DIGITS = (0, 3, 6, 9, 12)
"""Digits behind the point that multipliers are rounded to, the fewest that prove enough."""
SMALLEST = 1e-13
"""Multipliers below this are rounding."""
ROUNDING = 1e-9
"""How far, in the unit of the program, a linear optimum in floats may be off the exact one; a hint, not a proof."""
FRACTIONAL = 1e-6
"""How far a whole column of a linear optimum is from whole when it is not."""
TRIED = 8
"""Columns of one priority whose splits are tried before one is chosen."""
MOST_NODES = 20_000

Guess = Callable[[Vector], Fraction]
"""From a linear optimum to the value of the best feasible point known, exactly."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Search:
    """What a search found.

    Attributes:
        tree: Its nodes; the first is the root.
        bound: What the tree proves.
        linear_programs: How many were solved.
        is_complete: Whether no leaf was left above what was asked because of the limits.
        seconds: Wall-clock time.
    """

    tree: Tree
    bound: Fraction
    linear_programs: int
    is_complete: bool
    seconds: float

    @property
    def leaves(self) -> int:
        """Number of leaves."""
        return sum(isinstance(node, Leaf) for node in self.tree)


class Solved(NamedTuple):
    """A linear optimum in floats; the objective is infinitely bad where there is no point."""

    x: Vector
    multipliers: Vector
    objective: float


def search(
    program: ExactProgram,
    guess: Guess,
    *,
    allowed_gap: Fraction,
    priority: Sequence[float],
    most_nodes: int = MOST_NODES,
    time_limit_s: float | None = None,
) -> Search:
    """Return a tree whose bound is at most `allowed_gap` from the best value that `guess` knows, if the limits allow.

    Args:
        program: Any linear program with whole columns.
        guess: Called with the first linear optimum, and those that are whole; returns the best value known, so it
            keeps what it found.
        allowed_gap: In the unit of the program.
        priority: For every column how early it is split on where it is not whole; the most fractional decides ties.
        most_nodes: Nodes that the tree may have.
        time_limit_s: Seconds after which no node is split any more; None for no limit.
    """
    start = time.perf_counter()
    deadline = np.inf if time_limit_s is None else start + time_limit_s
    solver, prover, sign = _Solver(program), Prover(program), 1 if program.sense is Sense.MAX else -1
    chooser = _Chooser(program, solver, priority)
    unknown, is_complete, value = Leaf((), Fraction(0)), True, Fraction(0)
    whole = np.array([column.integer for column in program.columns])
    nodes: list[Branching | Leaf] = [unknown]
    todo: list[tuple[int, dict[int, tuple[int, int]]]] = [(0, {})]
    while todo:
        place, narrowed = todo.pop()
        solved = solver.solve(narrowed)
        if place == 0 or _is_whole(solved.x[whole]):
            value = guess(solved.x)
        goal = value + sign * allowed_gap
        looks_closed = sign * (solved.objective - float(goal)) <= ROUNDING
        is_spent = len(nodes) + 2 > most_nodes or time.perf_counter() > deadline
        branching = None if looks_closed else chooser.choose(solved, narrowed, len(nodes))
        if branching is None or is_spent:
            leaf = _proved(prover, solved.multipliers, narrowed, value)
            if not is_spent and sign * (leaf.bound - goal) > 0:
                branching = chooser.choose(solved, narrowed, len(nodes))
            if branching is None or is_spent:
                nodes[place] = leaf
                is_complete &= sign * (leaf.bound - goal) <= 0
                continue
        nodes[place] = branching
        nodes += [unknown, unknown]
        parts = [(branching.at_most + side, split(program, narrowed, branching, side)) for side in (0, 1)]
        # The part that the linear optimum is nearer to is looked at first.
        todo += parts if solved.x[branching.column] - branching.most > 0.5 else parts[::-1]
    bounds = [node.bound for node in nodes if isinstance(node, Leaf)]
    return Search(
        tree=tuple(nodes),
        bound=max(bounds) if sign > 0 else min(bounds),
        linear_programs=solver.solved,
        is_complete=is_complete,
        seconds=time.perf_counter() - start,
    )


def _is_whole(x: Vector) -> bool:
    return bool(np.all(np.abs(x - np.round(x)) <= FRACTIONAL))


def _proved(prover: Prover, multipliers: Vector, narrowed: Narrowed, value: Fraction) -> Leaf:
    """Return the leaf with the fewest digits whose bound is the value or better, else the one with the best bound."""
    sign, best = 1 if prover.program.sense is Sense.MAX else -1, Leaf((), prover.bound((), narrowed) or Fraction(0))
    for rounded in _roundings(multipliers):
        bound = prover.bound(rounded, narrowed)
        if bound is not None and sign * (bound - best.bound) < 0:
            best = Leaf(rounded, bound)
        if sign * (best.bound - value) <= 0:
            break
    return best


def _roundings(multipliers: Vector) -> Iterator[Multipliers]:
    places = np.flatnonzero(np.abs(multipliers) > SMALLEST).tolist()
    for digits in DIGITS:
        rounded = ((r, Fraction(repr(round(float(multipliers[r]), digits)))) for r in places)
        yield tuple((r, y) for r, y in rounded if y)
    yield tuple((r, Fraction(float(multipliers[r]))) for r in places)


class _Chooser:
    """Chooses what to split on: by priority, then by what linear programs say of the most fractional few."""

    def __init__(self, program: ExactProgram, solver: _Solver, priority: Sequence[float]) -> None:
        self._program, self._solver, self._priority = program, solver, priority
        self._whole = [j for j, column in enumerate(program.columns) if column.integer]
        self._sign = 1 if program.sense is Sense.MAX else -1

    def choose(self, solved: Solved, narrowed: Narrowed, place: int) -> Branching | None:
        """Return the split that comes first; None if every whole column has one value left."""
        splits: list[tuple[float, float, Branching]] = []
        for j in self._whole:
            column = self._program.columns[j]
            low, high = narrowed.get(j, (int(column.lower), int(column.upper)))
            if low < high:
                most = min(max(math.floor(solved.x[j] + FRACTIONAL), low), high - 1)
                off = min(solved.x[j] - most, most + 1 - solved.x[j])
                rank = self._priority[j] if off > FRACTIONAL else -1.0
                splits.append((rank, off, Branching(j, most, place, place + 1)))
        if not splits:
            return None
        first = max(rank for rank, _, _ in splits)
        best = sorted((-off, split) for rank, off, split in splits if rank == first)[:TRIED]
        if len(best) == 1 or first < 0:
            return best[0][1]
        return max((split for _, split in best), key=lambda branching: self._gain(solved, narrowed, branching))

    def _gain(self, solved: Solved, narrowed: Narrowed, branching: Branching) -> float:
        """Return the product of what both parts take off the bound."""
        gains = [
            self._sign
            * (solved.objective - self._solver.solve(split(self._program, narrowed, branching, side)).objective)
            for side in (0, 1)
        ]
        return max(gains[0], ROUNDING) * max(gains[1], ROUNDING)


class _Solver:
    """HiGHS with one program in it; every solve starts from the basis of the last."""

    def __init__(self, program: ExactProgram) -> None:
        relaxed = program.in_floats()
        relaxed = replace(relaxed, integer=np.zeros_like(relaxed.integer))
        self._program, self._highs = relaxed, load(relaxed)
        for name in ("primal_feasibility_tolerance", "dual_feasibility_tolerance"):
            self._highs.setOptionValue(name, 1e-10)
        self._sign = -1.0 if program.sense is Sense.MAX else 1.0
        self._held: Narrowed = {}
        self.solved = 0

    def solve(self, narrowed: Narrowed) -> Solved:
        """Return the linear optimum at a node; where HiGHS gives none, the lower ends and no multipliers."""
        highs, program = self._highs, self._program
        for column in self._held.keys() | narrowed.keys():
            ends = narrowed.get(column, (program.lower[column], program.upper[column]))
            if ends != self._held.get(column):
                highs.changeColBounds(column, float(ends[0]), float(ends[1]))
        self._held = dict(narrowed)
        highs.run()
        self.solved += 1
        solution: Any = highs.getSolution()
        x, y = np.asarray(solution.col_value), np.asarray(solution.row_dual)
        if x.size != program.lower.size or not solution.value_valid or not solution.dual_valid:
            return Solved(program.lower, np.zeros(program.row_lower.size), -self._sign * np.inf)
        return Solved(x, self._sign * y, self._sign * float(program.cost @ x))
