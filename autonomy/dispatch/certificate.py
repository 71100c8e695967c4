"""What is proved of a dispatch: a bound and an incumbent, both re-checked without the solver and without rounding.

The checker takes nobody's word: not the solver's status, not its objective, not its bound. What it is told it compares
with what it finds, in fractions (`autonomy.solvers.exact`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

import numpy as np

from autonomy.layers.arrays import Index, Vector
from autonomy.solvers.exact import exact_bound, exact_point
from autonomy.solvers.linear import LinearProgram
from autonomy.solvers.linear_solution import FEASIBILITY_LIMIT

CLAIM_TOLERANCE = 1e-9
"""Relative difference between a claimed number and the exact one that is rounding of floats."""


class Verdict(StrEnum):
    """How much of an optimum is proved."""

    EXACT = "EXACT"
    """The bound is proved in fractions, the incumbent is feasible in fractions up to the stated repair, and the gap
    between them is at most what was asked for."""
    FLOAT = "FLOAT"
    """The gap is proved by the solver's arithmetic only, or it is larger than what was asked for; it is stated."""
    LIMIT = "LIMIT"
    """A limit stopped the search: the gap is larger than what was asked for; it is stated and proved in fractions."""
    REFUTED = "REFUTED"
    """Something that was claimed is not so; the message says what."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """What somebody says about an incumbent.

    Attributes:
        objective: What it costs.
        bound: Lower bound on all feasible points; -inf for none.
        is_optimal: Whether the linear program's multipliers are said to prove the bound.
        is_stopped: Whether a limit is said to have stopped the search before its gap was closed.
    """

    objective: float
    bound: float = -math.inf
    is_optimal: bool = False
    is_stopped: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Certificate:
    """The finding.

    Attributes:
        verdict: How much is proved.
        objective: What the incumbent costs in the program, exactly.
        bound: The largest lower bound that was proved, exactly; None where none was.
        repair: kW (kWh), the largest amount, rounded up, by which the incumbent breaks a bound, a row or a pair.
        gap: (objective − bound)/max(|objective|, 1), rounded up; inf without a bound.
        message: One sentence.
    """

    verdict: Verdict
    objective: Fraction
    bound: Fraction | None
    repair: float
    gap: float
    message: str


def certify(
    program: LinearProgram,
    *,
    x: Vector,
    dual: Vector,
    pairs: tuple[Index, Index],
    claim: Claim,
    relative_gap: float,
    constant: float = 0.0,
    proved: Fraction | None = None,
) -> Certificate:
    """Return what is proved of an incumbent.

    Args:
        program: The linear program, without binaries.
        x: (n,) the incumbent.
        dual: (m,) any multipliers; those of the linear optimum prove most.
        pairs: (p,) columns and (p,) columns that exclude them, one by one.
        claim: What is said of it.
        relative_gap: The gap that was asked for.
        constant: What is added to cᵀx in all that is claimed and found.
        proved: A bound on cᵀx that was proved in fractions elsewhere; the better one counts.
    """
    if not np.isfinite(x).all():
        return Certificate(
            verdict=Verdict.REFUTED,
            objective=Fraction(0),
            bound=None,
            repair=math.inf,
            gap=math.inf,
            message="the incumbent has a number that is not finite.",
        )
    point = exact_point(program, x, *pairs)
    bounds = [bound for bound in (exact_bound(program, dual), proved) if bound is not None]
    objective = point.objective + Fraction(constant)
    bound = max(bounds) + Fraction(constant) if bounds else None
    size = max(abs(objective), Fraction(1))
    gap = math.inf if bound is None else _up((objective - bound) / size)
    allowed = Fraction(CLAIM_TOLERANCE) * size
    verdict, message = Verdict.EXACT, f"proved in fractions to a gap of {max(gap, 0.0):.1e}"
    claimed = None if not math.isfinite(claim.bound) else Fraction(claim.bound)
    if point.residual > Fraction(FEASIBILITY_LIMIT):
        verdict = Verdict.REFUTED
        message = f"the incumbent breaks the program by {float(point.residual):.3g}"
    elif not (math.isfinite(claim.objective) and abs(Fraction(claim.objective) - objective) <= allowed):
        verdict = Verdict.REFUTED
        message = f"the incumbent costs {float(objective):.12g} and not {claim.objective:.12g}"
    elif claimed is not None and claimed - objective > allowed:
        verdict = Verdict.REFUTED
        message = f"the claimed bound of {claim.bound:.12g} is above an incumbent of {float(objective):.12g}"
    elif gap <= relative_gap:
        pass
    elif claim.is_optimal:
        verdict = Verdict.REFUTED
        message = f"optimality is claimed, but the multipliers prove a gap of {gap:.3g} only"
    elif claim.is_stopped:
        verdict, message = Verdict.LIMIT, f"stopped by a limit at a gap of {gap:.3g}, proved in fractions"
    else:
        verdict, message = Verdict.FLOAT, f"proved in fractions to a gap of {gap:.3g} only"
    return Certificate(
        verdict=verdict,
        objective=objective,
        bound=bound,
        repair=_up(point.residual),
        gap=gap,
        message=f"{message}.",
    )


def _up(value: Fraction) -> float:
    """Return the smallest float >= value."""
    nearest = float(value)
    return nearest if Fraction(nearest) >= value else math.nextafter(nearest, math.inf)


def round_down(value: Fraction) -> float:
    """Return the largest float <= value."""
    nearest = float(value)
    return nearest if Fraction(nearest) <= value else math.nextafter(nearest, -math.inf)
