"""What an answer over a horizon is worth: recomputed from the program it was given, and carried out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from autonomy.benchmark.lower_bound import relative_gap
from autonomy.layers.arrays import Matrix
from autonomy.layers.projection.question import Question
from autonomy.solvers.horizon.certificate import FEASIBLE, RELATIVE_GAP

BOTH_KW = 1e-6
"""kW of charge and of discharge above which a battery does both at once."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Answered:
    """One answer, in the terms that all forms of the program share.

    Attributes:
        charge_kw: (H + 1, S) kW.
        discharge_kw: (H + 1, S) kW.
        missing_kw: (H,) kW that it says will be missing.
        violation: Largest amount by which a bound or a row of the form it was given is left; NaN if it has one.
        objective: f.
        bound: Lower bound on f* that its own multipliers prove; -inf for none.
        claimed: Whether the method says "solved".
        message: What it says otherwise.
    """

    charge_kw: Matrix
    discharge_kw: Matrix
    missing_kw: Matrix
    violation: float
    objective: float
    bound: float
    claimed: bool
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """The figures of one answer.

    Attributes:
        instance: Which instance of the case.
        claimed: Whether the method says "solved".
        violation: As in `Answered`.
        objective: As in `Answered`.
        bound: As in `Answered`.
        both: Pairs of a step and a battery that charges and discharges at once.
        pairs: All pairs of a step and a battery.
        carried_kw: Largest need that is not met, beyond what the answer says is missing, when discharge less charge is
            carried out as one number, with the battery's exact losses.
        message: What the method says when it claims nothing.
    """

    instance: int
    claimed: bool
    violation: float
    objective: float
    bound: float
    both: int
    pairs: int
    carried_kw: float
    message: str


def judge(instance: int, question: Question, answered: Answered) -> Judged:
    """Return the figures of one answer."""
    at_once = np.minimum(answered.charge_kw, answered.discharge_kw)
    return Judged(
        instance=instance,
        claimed=answered.claimed,
        violation=answered.violation,
        objective=answered.objective,
        bound=answered.bound if np.isfinite(answered.bound) else -np.inf,
        both=int(np.count_nonzero(~(at_once <= BOTH_KW))),
        pairs=at_once.size,
        carried_kw=_carried_kw(question, answered),
        message=answered.message,
    )


def is_right(item: Judged, bounds: Sequence[float]) -> bool:
    """Return whether the answer is one that the look-ahead would use: feasible, minimal, and it can be carried out."""
    near = abs(relative_gap(item, bounds)) <= RELATIVE_GAP
    return item.violation <= FEASIBLE and near and item.carried_kw <= FEASIBLE * item.pairs


def _carried_kw(question: Question, answered: Answered) -> float:
    from autonomy.solvers.horizon.plan import carry_out  # noqa: PLC0415 - loads Numba

    structure, program = question.prepared.structure, question.program
    plan = answered.discharge_kw - answered.charge_kw
    if not np.isfinite(plan).all():
        return float("nan")
    carry_out(plan, program.level, program.floor, program.ceiling, structure.fill, structure.drain)
    unmet = program.need[:, 0] - answered.missing_kw - plan[1:].sum(axis=1)
    return float(np.max(unmet, initial=0.0))
