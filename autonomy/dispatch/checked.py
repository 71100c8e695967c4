"""A dispatch that somebody found, checked in fractions: what it costs, that it is feasible, how far from a bound."""

from __future__ import annotations

import time
from fractions import Fraction

import numpy as np

from autonomy.dispatch.certificate import Claim, Verdict, certify
from autonomy.dispatch.errors import DispatchError
from autonomy.dispatch.optimum import Dispatch
from autonomy.dispatch.point import SetPoints, cost_of, point_of
from autonomy.dispatch.program import dispatch_program
from autonomy.dispatch.window import Problem
from autonomy.layers.arrays import frozen


def checked_dispatch(
    problem: Problem,
    asked: SetPoints,
    *,
    bound: float,
    method: str,
    binaries: int = 0,
    relative_gap: float,
    start: float,
) -> Dispatch:
    """Return set-points as a dispatch, however they were found.

    Args:
        problem: The window.
        asked: What is asked of everybody.
        bound: Currency, proved elsewhere to be less than what any dispatch costs.
        method: Who found it.
        binaries: How many binary columns that took.
        relative_gap: The gap that was asked for.
        start: `time.perf_counter` when it began.

    Raises:
        DispatchError: it breaks a limit, or costs less than the bound.
    """
    model = dispatch_program(problem)
    x, objective = point_of(problem, model, asked), cost_of(problem, asked)
    certificate = certify(
        model.program,
        x=x,
        dual=np.zeros(model.program.row_lower.size),
        pairs=(model.first, model.second),
        claim=Claim(objective=float(model.program.cost @ x) + model.constant, bound=bound),
        relative_gap=relative_gap,
        constant=model.constant,
        proved=Fraction(bound) - Fraction(model.constant),
    )
    if certificate.verdict is Verdict.REFUTED:
        raise DispatchError(f"what was found failed the checks: {certificate.message}")
    return Dispatch(
        battery_kw=frozen(asked.battery_kw),
        curtail_kw=frozen(asked.curtail_kw),
        shed_kw=frozen(asked.shed_kw),
        objective=objective,
        method=method,
        binaries=binaries,
        gap=max(objective - bound, 0.0) / max(abs(objective), 1.0),
        seconds=time.perf_counter() - start,
        bound=bound,
        certificate=certificate,
    )
