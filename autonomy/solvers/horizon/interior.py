"""Mehrotra's predictor-corrector method on the program over a horizon; `normal.py` takes its Newton steps.

minimise f(z) subject to G z >= h:   G z − h = s,  ∇f(z) = Gᵀy,  s·y = 0,  s, y >= 0
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

from autonomy.solvers.horizon.direction import direction
from autonomy.solvers.horizon.inequalities import FRACTION, centre, go, lengths, total, weigh
from autonomy.solvers.horizon.lanes import copy, take
from autonomy.solvers.horizon.layout import (
    DL,
    DM,
    DU,
    DUALITY,
    DV,
    DX,
    MEAN,
    MISSING,
    PRIMAL,
    RL,
    RM,
    RU,
    RV,
    RX,
    SMOOTHING,
    L,
    U,
    V,
    X,
    compiled,
)
from autonomy.solvers.horizon.normal import factorise
from autonomy.solvers.horizon.residuals import residuals

PROXIMITY = 1e-5
"""Curvature of a later x around its present value, in Newton steps only: later steps have no curvature of their own,
and without it rounding is amplified by s/y. At the end the steps vanish, and it changes nothing."""


@compiled()
def _move(line, cell, row, flats, primal, dual):
    """Take the step."""
    take(line[X], line[DX], -primal)
    take(line[L], line[DL], -primal)
    for k in range(row.shape[1]):
        row[MISSING, k] += primal * row[DM, k]
    for i in range(cell.shape[1]):
        cell[U, i] += primal * cell[DU, i]
        cell[V, i] += primal * cell[DV, i]
    for f in range(3):
        go(flats[f], primal, dual)


@compiled()
def _keep(line, cell, row, kept, others):
    """Keep the negative dual residuals, which the directions are made from twice."""
    copy(kept[0], line[RX], 1.0)
    copy(kept[1], line[RL], 1.0)
    for k in range(row.shape[1]):
        others[0, k] = row[RM, k]
    for i in range(cell.shape[1]):
        others[1, i], others[2, i] = cell[RU, i], cell[RV, i]


@compiled()
def _restore(cell, row, others):
    """Bring back what the first direction changed."""
    for k in range(row.shape[1]):
        row[RM, k] = others[0, k]
    for i in range(cell.shape[1]):
        cell[RU, i], cell[RV, i] = others[1, i], others[2, i]


@compiled()
def iterate(  # noqa: PLR0913, PLR0917 - the arrays of one solver
    step, line, lines, store, cell, cell_pair, row, row_pair, flats, place, setting, report, matrix, kept, others,
    tolerance, most, together,
):  # fmt: skip
    """Take up to `most` steps; return how many were taken, and whether the residuals are below the tolerances.

    Slacks and multipliers go steps of their own lengths, which is faster, or `together`, which is surer.
    """
    for taken in range(most + 1):
        residuals(step, line, lines, store, cell, cell_pair, row, row_pair, flats, place, setting, report)
        fine = (report[PRIMAL] <= tolerance[PRIMAL]) & (report[DUALITY] <= tolerance[DUALITY])
        if fine & (report[MEAN] <= tolerance[MEAN]):
            return taken, True
        if taken == most or not report[MEAN] < 1e100:
            break
        for f in range(3):
            weigh(flats[f])
        factorise(step, line, lines, cell, cell_pair, row, row_pair, place, setting[SMOOTHING], PROXIMITY, matrix)
        _keep(line, cell, row, kept, others)
        target, second = 0.0, 0.0
        for phase in range(2):
            if phase == 1:
                primal, dual = lengths(flats)
                second = 1.0
                # Below the tolerance nothing is won, and rounding grows.
                share = total(flats, min(primal, 1.0), min(dual, 1.0)) / total(flats, 0.0, 0.0)
                target = max(report[MEAN] * share**3, 0.2 * tolerance[MEAN])
                _restore(cell, row, others)
            for f in range(3):
                centre(flats[f], target, second)
            direction(step, line, lines, cell, cell_pair, row, row_pair, flats, place, matrix, kept)
        primal, dual = lengths(flats)
        if together:
            primal = dual = min(primal, dual)
        _move(line, cell, row, flats, min(FRACTION * primal, 1.0), min(FRACTION * dual, 1.0))
    return taken, False
