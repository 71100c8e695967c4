"""Mutually exclusive columns by branching on linear programs, so that the bound can be checked without the solver.

Whatever excludes each other, one of the two is 0: a program splits into one with x_first = 0 and one with x_second = 0.
A tree of such splits covers every point that is allowed, whoever chose them; the multipliers of its leaves prove a
bound for each leaf, and the lowest of them is a bound for all. So `proved_bound` checks a tree without knowing how it
was found.
"""

from __future__ import annotations

import heapq
import time
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, NamedTuple

import highspy
import numpy as np

from autonomy.solvers.exact import exact_bound
from autonomy.solvers.linear import FEASIBILITY_LIMIT, Index, LinearProgram, Vector, load

MOST_NODES = 400
"""Linear programs that are tried before somebody else's search takes over."""
MOST_ITERATIONS = 20
"""Simplex iterations of all of them, as a multiple of those of the first; and `FREE_ITERATIONS` more."""
FREE_ITERATIONS = 20_000
LEAF = -1


class Node(NamedTuple):
    """One program of the tree.

    Attributes:
        pair: Which pair splits it; `LEAF` for none.
        sides: Positions of the program with x_first = 0, and of the one with x_second = 0.
        dual: (m,) multipliers that prove its bound.
        is_empty: Whether they prove that it has no point instead.
    """

    pair: int
    sides: tuple[int, int]
    dual: Vector
    is_empty: bool


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Branching:
    """What a search found.

    Attributes:
        nodes: The tree; the first is its root.
        x: The best allowed point, None if none was better than the one known before.
        objective: cᵀx of the best point known.
        bound: The lowest bound of a leaf, in floats; `proved_bound` has it in fractions.
        pairs: How many pairs were split on.
    """

    nodes: tuple[Node, ...]
    x: Vector | None
    objective: float
    bound: float
    pairs: int


class _Open(NamedTuple):
    """A node that may still be split."""

    bound: float
    position: int
    closed: tuple[int, ...]
    x: Vector


def branch(
    program: LinearProgram,
    first: Index,
    second: Index,
    *,
    objective: float,
    tolerance: float,
    relative_gap: float,
    deadline: float = np.inf,
) -> Branching:
    """Search for the best point in which of each pair only one is positive, lowest bound first.

    Args:
        program: A program whose paired columns have lower bound 0 and a finite upper bound.
        first: (p,) columns.
        second: (p,) columns.
        objective: Of the best allowed point that is known; inf for none.
        tolerance: Largest smaller-of-the-two that counts as exclusive.
        relative_gap: Relative gap at which the search stops.
        deadline: `time.perf_counter` at which it stops as well.
    """
    solver = _Solver(program)
    nodes: list[Node] = []
    queue: list[_Open] = []
    best: Vector | None = None
    split: set[int] = set()

    def enter(closed: tuple[int, ...]) -> int:
        nonlocal best, objective
        found = solver.solve(closed)
        nodes.append(Node(LEAF, (LEAF, LEAF), found.dual, found.is_empty))
        if not found.is_empty:
            overlap = np.minimum(found.x[first], found.x[second])
            error = program.feasibility_error(found.x)
            if overlap.max(initial=0.0) <= tolerance and found.cost < objective and error <= FEASIBILITY_LIMIT:
                best, objective = found.x, found.cost
            heapq.heappush(queue, _Open(found.bound, len(nodes) - 1, closed, found.x))
        return len(nodes) - 1

    enter(())
    most = FREE_ITERATIONS + MOST_ITERATIONS * solver.iterations
    while queue and not objective - queue[0].bound <= 0.5 * relative_gap * max(abs(objective), 1.0):
        here = queue[0]
        overlap = np.minimum(here.x[first], here.x[second])
        spent = len(nodes) >= MOST_NODES or solver.iterations > most or time.perf_counter() > deadline
        if spent or not overlap.max(initial=0.0) > tolerance:
            break
        heapq.heappop(queue)
        pair = int(np.argmax(overlap))
        split.add(pair)
        sides = enter((*here.closed, int(first[pair]))), enter((*here.closed, int(second[pair])))
        nodes[here.position] = nodes[here.position]._replace(pair=pair, sides=sides)
    bound = queue[0].bound if queue else objective
    return Branching(nodes=tuple(nodes), x=best, objective=objective, bound=bound, pairs=len(split))


def proved_bound(program: LinearProgram, first: Index, second: Index, nodes: tuple[Node, ...]) -> Fraction | None:
    """Return the lower bound that a tree proves, exactly; None where it proves none. No solver is asked.

    Raises:
        ValueError: it is no tree: a node is reached twice.
    """
    bounds: list[Fraction] = []
    todo: list[tuple[int, tuple[int, ...]]] = [(0, ())]
    seen: set[int] = set()
    while todo:
        position, closed = todo.pop()
        if position in seen or not 0 <= position < len(nodes):
            raise ValueError(f"nodes: {position} is reached twice or is none; expected a tree")
        seen.add(position)
        node = nodes[position]
        if node.pair != LEAF:
            todo += [
                (side, (*closed, int(columns[node.pair])))
                for side, columns in zip(node.sides, (first, second), strict=True)
            ]
            continue
        part = _closed(program, closed)
        if node.is_empty and _is_empty(part, node.dual):
            continue
        bound = exact_bound(part, node.dual)
        if bound is None:
            return None
        bounds.append(bound)
    return min(bounds, default=None)


def _closed(program: LinearProgram, closed: tuple[int, ...]) -> LinearProgram:
    """Return the program with the given columns held at 0."""
    upper = program.upper.copy()
    upper[list(closed)] = 0.0
    return replace(program, upper=upper)


def _is_empty(program: LinearProgram, ray: Vector) -> bool:
    """Return whether a ray proves that there is no point: without costs it proves a bound above 0 (Farkas' lemma)."""
    free = replace(program, cost=np.zeros(program.cost.size))
    bounds = (exact_bound(free, sign * ray) for sign in (1.0, -1.0))
    return any(bound is not None and bound > 0 for bound in bounds)


class _Found(NamedTuple):
    x: Vector
    dual: Vector
    cost: float
    bound: float
    is_empty: bool


class _Solver:
    """HiGHS with one program in it; every solve starts from the basis of the last."""

    def __init__(self, program: LinearProgram) -> None:
        self._program, self._highs, self._held = program, load(program), set[int]()
        for name in ("primal_feasibility_tolerance", "dual_feasibility_tolerance"):
            self._highs.setOptionValue(name, 1e-9)
        self.iterations = 0

    def solve(self, closed: tuple[int, ...]) -> _Found:
        """Return the optimum with the given columns held at 0, and the bound that its multipliers prove."""
        program, highs = self._program, self._highs
        for column in self._held.symmetric_difference(closed):
            upper = 0.0 if column in closed else float(program.upper[column])
            highs.changeColBounds(column, float(program.lower[column]), upper)
        self._held = set(closed)
        highs.run()
        self.iterations += max(int(highs.getInfo().simplex_iteration_count), 0)
        nothing = np.full(program.cost.size, np.nan)
        if highs.getModelStatus() == highspy.HighsModelStatus.kInfeasible:
            return _Found(nothing, self._ray(), np.inf, np.inf, is_empty=True)
        solution: Any = highs.getSolution()
        part = _closed(program, closed)
        dual = np.asarray(solution.row_dual, dtype=np.float64)
        x = np.asarray(solution.col_value, dtype=np.float64)
        if not solution.dual_valid or not solution.value_valid or x.size != program.cost.size:
            zeros = np.zeros(program.row_lower.size)
            return _Found(np.zeros(program.cost.size), zeros, np.inf, part.dual_bound(zeros), is_empty=False)
        x = np.clip(x, part.lower, part.upper)
        return _Found(x, dual, float(program.cost @ x), part.dual_bound(dual), is_empty=False)

    def _ray(self) -> Vector:
        answer = self._highs.getDualRay()
        ray = np.asarray(answer[-1], dtype=np.float64)
        return ray if ray.size == self._program.row_lower.size else np.zeros(self._program.row_lower.size)
