"""A plan for a peak in exact numbers, made of the floats of a linear optimum."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from autonomy.layers.arrays import Vector
from autonomy.solvers.linear import LinearProgram
from autonomy.worstcase.amounts import clip, exact, texts
from autonomy.worstcase.cut import Point, least_cut
from autonomy.worstcase.peak import Peak, Rows, Store
from autonomy.worstcase.reserve_program import ReserveProgram
from autonomy.worstcase.side import Quantity, Rung, Side

ZERO = Fraction(0)
DIGITS = 9
"""Digits behind the point that the powers of a plan in kW have at least."""
EXTRA = tuple(Fraction(count, 10**DIGITS) for count in (0, 1, 2, 5, 10, 100))
"""Powers in kW that batteries give more than the rounded optimum, the least with which nothing is shed."""
ROOM = 1e-7
"""Energy in kWh that the optimum leaves free at the top of every band, for the rounding of powers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What batteries start with and do.

    Attributes:
        start: (N,) kWh.
        battery: (H, N) kW, + = charge.
        curtail: (H, N) kW.
    """

    start: tuple[Fraction, ...]
    battery: Rows
    curtail: Rows

    def document(self) -> dict[str, Any]:
        """Return the plan as a certificate states it."""
        return {
            "start_kwh": texts(self.start),
            "battery_kw": [texts(row) for row in self.battery],
            "curtail_kw": [texts(row) for row in self.curtail],
        }


def with_room(program: ReserveProgram) -> LinearProgram:
    """Return the program in floats with a little room at the top of every band."""
    floats = program.program.in_floats()
    upper = floats.upper.copy()
    energies = np.concatenate([program.start, *(columns.energy for columns in program.steps)]).astype(np.int64)
    upper[energies] = np.maximum(upper[energies] - ROOM, floats.lower[energies])
    return replace(floats, upper=upper)


def plan_from(peak: Peak, program: ReserveProgram, x: Vector) -> Plan | None:
    """Return a plan near a linear optimum that sheds nothing, exactly; None where there is none so near."""
    battery, curtail = [], []
    for h, columns in enumerate(program.steps):
        found = _step(peak, h, x[columns.charge] - x[columns.discharge])
        if found is None:
            return None
        battery.append(found[0])
        curtail.append(found[1])
    plan = Plan(start=(), battery=tuple(battery), curtail=tuple(curtail))
    starts = tuple(
        start_of(store, [row[i] for row in plan.battery], peak.timestep) for i, store in enumerate(peak.stores)
    )
    if any(start is None for start in starts):
        return None
    kept = tuple(start for start in starts if start is not None)
    return Plan(start=kept, battery=plan.battery, curtail=plan.curtail)


def _step(peak: Peak, h: int, battery: Vector) -> tuple[tuple[Fraction, ...], tuple[Fraction, ...]] | None:
    """Return battery power and curtailment of a step: at most what is asked of batteries, and nothing shed."""
    rounded = [exact(round(float(b), DIGITS)) for b in battery]
    for extra in EXTRA:
        charge = [clip(b - extra, ZERO, s.charge) for b, s in zip(rounded, peak.stores, strict=True)]
        help_ = tuple(
            clip(extra - b, ZERO, s.discharge) if b <= 0 else ZERO for b, s in zip(rounded, peak.stores, strict=True)
        )
        side = Side(
            quantity=Quantity.SHED,
            rung=Rung.SUPPORT,
            network=peak.network,
            near=peak.imports,
            far=peak.exports,
            connection=peak.connection,
            help=help_,
        )
        wanted = tuple(d + more for d, more in zip(peak.demand[h], charge, strict=True))
        found = least_cut(side, Point(wanted=wanted, eased=peak.pv[h]))
        if found.value == 0:
            return tuple(more - used for more, used in zip(charge, found.help, strict=True)), found.ease_cut
    return None


def start_of(store: Store, battery: list[Fraction], timestep: Fraction) -> Fraction | None:
    """Return the least energy from which a battery can do something without leaving its band; None if there is none."""
    changes = [
        timestep * (store.charge_efficiency * max(b, ZERO) - max(-b, ZERO) / store.discharge_efficiency)
        for b in battery
    ]
    needed = store.low
    for change in reversed(changes):
        needed = max(store.low, (needed - change) / store.retention)
    energy = needed
    for change in changes:
        energy = store.retention * energy + change
        if not store.low <= energy <= store.high:
            return None
    return needed if needed <= store.high else None
