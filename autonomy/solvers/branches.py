"""Mutually exclusive columns by branching on linear programs, so that the bound can be checked without the solver.

The tree grows lowest bound first, but from a split on to its better side for as long as that is open: its basis is the
nearest to start from. Columns are chosen by what their splits have gained (`autonomy.solvers.choice`). Allowed points
come from leaves that need no split, and from programs with the smaller side of every pair held at 0.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from autonomy.solvers.choice import Choice, score
from autonomy.solvers.deadline import Deadline
from autonomy.solvers.linear import Index, LinearProgram, Vector
from autonomy.solvers.linear_solution import FEASIBILITY_LIMIT
from autonomy.solvers.sides import Found, Sides
from autonomy.solvers.tree import LEAF, NO_SIDES, Node, partners

NEVER = Deadline(np.inf)
TRIALS, STALE_TRIALS = 8, 4
"""Columns that are tried before a split, and how many in a row that are no better end that."""
ROUNDS_EVERY = 10
"""Splits after which the smaller sides are held at 0 again, for a better point."""
EMPTY_GAIN = 0.1
"""What an empty side counts as having gained, of the bound, while no point is known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Effort:
    """When a search gives up.

    Attributes:
        programs: Linear programs that were solved.
        iterations: Their simplex iterations, as a multiple of those of the first; and `free_iterations` more.
        free_iterations: See above.
        numbers: Floats that the tree holds.
    """

    programs: int = 2_000
    iterations: int = 20
    free_iterations: int = 200_000
    numbers: int = 30_000_000

    def times(self, factor: int) -> Effort:
        """Return so many times the effort; memory stays as it is."""
        return Effort(
            programs=factor * self.programs,
            iterations=factor * self.iterations,
            free_iterations=factor * self.free_iterations,
            numbers=self.numbers,
        )


class Aim(NamedTuple):
    """What is good enough.

    Attributes:
        tolerance: Largest smaller-of-the-two that counts as exclusive.
        relative_gap: Gap at which a leaf need not be split, relative to the objective and the offset.
        offset: What is added to the objective elsewhere.
    """

    tolerance: float
    relative_gap: float
    offset: float = 0.0

    def enough(self, objective: float) -> float:
        """Return the bound from which on a leaf need not be split."""
        if objective == np.inf:
            return np.inf
        return objective - 0.5 * self.relative_gap * max(abs(objective + self.offset), 1.0)


class _Open(NamedTuple):
    """A leaf that may still be split."""

    bound: float
    position: int
    at_zero: tuple[int, ...]
    found: Found


class Branches:
    """A tree in the making.

    Attributes:
        x: The best allowed point; None while there is none.
        objective: What it costs; inf while there is none.
        split: The columns that were split on.
    """

    def __init__(
        self,
        program: LinearProgram,
        first: Index,
        second: Index,
        *,
        aim: Aim,
        rows: int | None = None,
        deadline: Deadline = NEVER,
    ) -> None:
        """Solve the program of the root.

        Args:
            program: A program whose paired columns have lower bound 0 and a finite upper bound.
            first: (p,) columns.
            second: (p,) columns; of each pair only one may be positive.
            aim: What is good enough.
            rows: How many of the program's first rows are used from the start; None for all.
            deadline: When the program of the root is given up.
        """
        self.x: Vector | None = None
        self.objective, self.split = np.inf, set[int]()
        self._first, self._second, self._partners = first, second, partners(first, second)
        self._aim = aim
        self._sides, self._choice = Sides(program, rows), Choice(program.cost.size)
        self._nodes: list[Node] = []
        self._open: list[_Open] = []
        self._stuck = np.inf
        self._here: _Open | None = None
        root = self._sides.solve((), deadline.left_s)
        self._root_iterations = self._sides.iterations
        self._put(self._enter(root, (), -np.inf))

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The tree; the first is its root."""
        return tuple(self._nodes)

    @property
    def program(self) -> LinearProgram:
        """The program whose multipliers the nodes hold: that of the root, its rows in the order in which they came."""
        return self._sides.program

    @property
    def bound(self) -> float:
        """The lowest bound of a leaf, in floats; `autonomy.solvers.tree.proved_bound` has it in fractions."""
        return min(self.objective, self._stuck, *(leaf.bound for leaf in self._lowest))

    @property
    def leaves(self) -> int:
        """How many programs prove the bound."""
        return sum(node.column == LEAF for node in self._nodes)

    @property
    def is_closed(self) -> bool:
        """Whether no leaf is left that has to be split."""
        return not any(leaf.bound < self._enough for leaf in self._lowest)

    @property
    def overlapping(self) -> Index:
        """Pairs of a column that was split on, and those that overlap in the leaf with the lowest bound."""
        split = list(self.split)
        pairs = np.isin(self._first, split) | np.isin(self._second, split)
        for leaf in self._lowest:
            pairs |= self._overlap(leaf.found) > self._aim.tolerance
        return np.flatnonzero(pairs)

    def consider(self, x: Vector, objective: float) -> None:
        """Take a point as the best one, if it is better, exclusive and feasible."""
        exclusive = np.minimum(x[self._first], x[self._second]).max(initial=0.0) <= self._aim.tolerance
        if objective < self.objective and exclusive and self.program.feasibility_error(x) <= FEASIBILITY_LIMIT:
            self.x, self.objective = x, objective

    def grow(self, effort: Effort, deadline: Deadline = NEVER) -> None:
        """Split leaves until none has to be split, or the effort is spent."""
        if not self.split and not self.is_closed:
            self._round(self._lowest[0])
        most = effort.free_iterations + effort.iterations * self._root_iterations
        while not (self.is_closed or deadline.is_over):
            size = self.program.cost.size + self.program.row_lower.size
            spent = self._sides.programs >= effort.programs or self._sides.iterations >= most
            if spent or len(self._nodes) * size > effort.numbers:
                break
            leaf = self._here if self._here is not None else heapq.heappop(self._open)
            self._here = None
            if leaf.bound >= self._enough:
                self._put(leaf)
            else:
                self._split(leaf, deadline)

    @property
    def _lowest(self) -> tuple[_Open, ...]:
        """The leaf to go on with, and the one with the lowest bound of the others."""
        return (*(() if self._here is None else (self._here,)), *self._open[:1])

    @property
    def _enough(self) -> float:
        return self._aim.enough(self.objective)

    def _overlap(self, found: Found) -> Vector:
        overlap: Vector = np.minimum(found.x[self._first], found.x[self._second])
        return np.where(np.isfinite(overlap), overlap, 0.0)

    def _enter(self, found: Found, at_zero: tuple[int, ...], least: float) -> _Open | None:
        """Add a leaf; return it if it may have to be split."""
        self._nodes.append(Node(LEAF, NO_SIDES, found.dual, found.is_empty))
        if found.is_empty:
            return None
        self.consider(found.x, found.cost)
        leaf = _Open(max(found.bound, least), len(self._nodes) - 1, at_zero, found)
        if self._overlap(found).max(initial=0.0) > self._aim.tolerance:
            return leaf
        self._stuck = min(self._stuck, leaf.bound)
        return None

    def _put(self, leaf: _Open | None) -> None:
        if leaf is not None:
            heapq.heappush(self._open, leaf)

    def _split(self, leaf: _Open, deadline: Deadline) -> None:
        """Split a leaf on the best column, and go on with its better side."""
        column, parts = self._best_split(leaf, deadline)
        self.split.add(column)
        places, fresh = [], []
        for held, part in zip(self._held(column), parts, strict=True):
            # What holds for the whole holds for its sides: multipliers that prove less are not taken.
            kept = part if part.bound >= leaf.found.bound else part._replace(dual=leaf.found.dual)
            fresh.append(self._enter(kept, (*leaf.at_zero, *held), leaf.bound))
            places.append(len(self._nodes) - 1)
        self._nodes[leaf.position] = Node(column, (places[0], places[1]), np.zeros(0), is_empty=False)
        open_sides = sorted((side for side in fresh if side is not None), key=lambda side: side.bound)
        if not open_sides:
            return
        self._here, *others = open_sides
        for side in others:
            self._put(side)
        if self.objective == np.inf or len(self._nodes) // 2 % ROUNDS_EVERY == 0:
            self._round(self._here)

    def _held(self, column: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return what is 0 on either side."""
        return (column,), self._partners[column]

    def _round(self, leaf: _Open) -> None:
        """Look for an allowed point with the smaller column of every pair at 0, the larger overlaps first."""
        x, at_zero = leaf.found.x, set(leaf.at_zero)
        for pair in np.argsort(-self._overlap(leaf.found), kind="stable").tolist():
            one, other = int(self._first[pair]), int(self._second[pair])
            if one not in at_zero and other not in at_zero:
                at_zero.add(other if x[one] >= x[other] else one)
        found = self._sides.solve(tuple(at_zero))
        if not found.is_empty:
            self.consider(found.x, found.cost)

    def _candidates(self, found: Found) -> dict[int, float]:
        """Return by how much the columns of pairs overlap; of two that exclude nothing but each other, only one."""
        overlap, candidates = self._overlap(found), dict[int, float]()
        for pair in np.flatnonzero(overlap > self._aim.tolerance).tolist():
            both = int(self._first[pair]), int(self._second[pair])
            for column in [one for one in both if len(self._partners[one]) > 1] or both[:1]:
                candidates[column] = max(candidates.get(column, 0.0), float(overlap[pair]))
        return candidates

    def _best_split(self, leaf: _Open, deadline: Deadline) -> tuple[int, tuple[Found, Found]]:
        """Return a column and its two sides, solved."""
        candidates = self._candidates(leaf.found)
        best, best_score, stale, trials = -1, -1.0, 0, 0
        tried: dict[int, tuple[Found, Found]] = {}
        for expected, column in self._choice.ranked(candidates):
            if stale >= STALE_TRIALS or trials >= TRIALS or (best >= 0 and deadline.is_over):
                break
            found_score = expected
            if not self._choice.is_reliable(column):
                tried[column] = self._both_sides(leaf, column, candidates[column])
                trials += 1
                found_score = score((self._gain(leaf, tried[column][0]), self._gain(leaf, tried[column][1])))
            stale = 0 if found_score > best_score else stale + 1
            if found_score > best_score:
                best, best_score = column, found_score
        return best, tried[best] if best in tried else self._both_sides(leaf, best, candidates[best])

    def _both_sides(self, leaf: _Open, column: int, overlap: float) -> tuple[Found, Found]:
        sides = []
        for side, held in enumerate(self._held(column)):
            found = self._sides.solve((*leaf.at_zero, *held))
            self._choice.learn(column, side, self._gain(leaf, found), overlap)
            sides.append(found)
        return sides[0], sides[1]

    def _gain(self, leaf: _Open, found: Found) -> float:
        """Return by how much a side raises the bound."""
        whole = self._enough - leaf.bound if self.objective < np.inf else EMPTY_GAIN * abs(leaf.bound)
        return max(whole, 0.0) if found.is_empty else max(found.bound - leaf.bound, 0.0)
