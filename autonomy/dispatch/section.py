"""Steps in the middle of a window as a window of their own: what earlier steps have left behind is its start.

energy and battery power of the step before, slices of cycled batteries, the month's highest import so far
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from autonomy.dispatch.point import SetPoints, net_export_kw
from autonomy.dispatch.slices import cycled_slices
from autonomy.dispatch.window import Problem, path_kwh
from autonomy.layers.arrays import Vector

BY_STEP = (
    "held", "demand_kw", "pv_kw", "retail_price", "feed_in_price", "carbon_kg_per_kwh", "import_price", "toll",
    "charge_limit_kw", "discharge_limit_kw", "energy_min_kwh", "energy_max_kwh", "import_limit_kw", "export_limit_kw",
    "drive_kwh", "required_kwh",
)  # fmt: skip
"""Fields of a problem that have a row for every step."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class State:
    """What a step finds.

    Attributes:
        energy_kwh: (N,) kWh stored, before what EVs drove since the step before.
        battery_kw: (N,) kW of the step before, + = charge.
        slices_kwh: (N, J) kWh in each slice; None where cycles cost nothing, or nothing was drawn yet.
        peak_kw: kW, the highest import so far in the month of the step before.
    """

    energy_kwh: Vector
    battery_kw: Vector
    slices_kwh: Vector | None
    peak_kw: float


def state_before(problem: Problem) -> State:
    """Return what the first step finds."""
    return State(
        energy_kwh=problem.initial_kwh,
        battery_kw=problem.previous_kw,
        slices_kwh=problem.initial_slices_kwh,
        peak_kw=problem.initial_peak_kw,
    )


def state_after(problem: Problem, asked: SetPoints, steps: int) -> State:
    """Return what the step after the first `steps` steps finds, when these are done as asked."""
    last, power = steps - 1, asked.battery_kw[:steps]
    part = section(problem, 0, steps, state_before(problem))
    _, after = path_kwh(part, power)
    imports = -net_export_kw(problem, asked)[:steps].sum(axis=1)
    same_month = problem.month[:steps] == problem.month[last]
    before = problem.initial_peak_kw if same_month[0] else 0.0
    cycles_cost = problem.economics.cycle_price_per_kwh > 0
    return State(
        energy_kwh=after[last],
        battery_kw=power[last],
        slices_kwh=cycled_slices(part, power)[0]["slices"][last] if cycles_cost else None,
        peak_kw=float(np.max(imports[same_month], initial=before)),
    )


def section(problem: Problem, first: int, stop: int, state: State) -> Problem:
    """Return the steps `first` up to but not including `stop`, which begin with a state; terminal price as before."""
    month = problem.month[first:stop]
    is_new_month = first > 0 and problem.month[first - 1] != problem.month[first]
    timeline = None if problem.timeline is None else problem.timeline.window(first, stop)
    return replace(
        problem,
        timeline=None if timeline is None or timeline.is_empty else timeline,
        month=month - month[0],
        initial_kwh=state.energy_kwh,
        previous_kw=state.battery_kw,
        initial_slices_kwh=state.slices_kwh,
        initial_peak_kw=0.0 if is_new_month else state.peak_kw,
        **{name: getattr(problem, name)[first:stop] for name in BY_STEP},
    )
