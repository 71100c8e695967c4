"""The reference: the cheapest dispatch of a window as a mixed-integer program in Pyomo.

It says what "optimal" means. It is written to be read, in the letters of `docs/notation.md`, and not to be fast; what
is fast is tested equal to it. Nobody charges and discharges at once, nobody imports and exports at once, by binaries.
The formulas stand in `autonomy.dispatch.formulas`, one a function.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from autonomy.dispatch.facts import Facts
from autonomy.dispatch.formulas import CONSTRAINTS, cost, name_numbers, sets_of
from autonomy.errors import AutonomyError
from autonomy.layers.arrays import Vector, frozen

TOLERANCE = 1e-9
"""Primal, dual and integrality tolerance of the solver, and its relative gap."""


class NoReferenceError(AutonomyError):
    """The reference has no answer; the sentence says why."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Reference:
    """What the reference found.

    Attributes:
        objective: Currency, the cost of the window as `Economics` defines it, line losses left out.
        bound: Currency, the solver's claim that nothing costs less.
        battery_kw: (T, N) kW, + = charge.
        curtail_kw: (T, N) kW >= 0.
        shed_kw: (T, N) kW >= 0.
        binaries: Binary variables.
        build_s: Seconds to write the model down and to hand it over to HiGHS.
        solve_s: Seconds to solve it.
    """

    objective: float
    bound: float
    battery_kw: Vector
    curtail_kw: Vector
    shed_kw: Vector
    binaries: int
    build_s: float
    solve_s: float


def solve_reference(facts: Facts, *, time_limit_s: float | None = None) -> Reference:
    """Build the reference model of a window, solve it, and return what it found.

    Raises:
        NoReferenceError: it is not solved, or `why_not` says that it cannot be stated.
    """
    started = time.perf_counter()
    model = reference_model(facts)
    solver = handed_over(model)
    built = time.perf_counter()
    objective, bound = solve_model(solver, model, time_limit_s)
    solved = time.perf_counter()
    battery_kw, curtail_kw, shed_kw = set_points_of(model)
    return Reference(
        objective=objective,
        bound=bound,
        battery_kw=frozen(battery_kw),
        curtail_kw=frozen(curtail_kw),
        shed_kw=frozen(shed_kw),
        binaries=binaries_of(model),
        build_s=built - started,
        solve_s=solved - built,
    )


def why_not(facts: Facts) -> str:
    """Return why the model cannot be stated, or nothing."""
    wears = facts.economics.cycle_price_per_kwh > 0
    driven = (facts.drive_kwh > 0).any(axis=0) & (facts.discharge_limit_kw > 0).any(axis=0)
    if wears and driven.any():
        return (
            "a drive takes the same share of every slice of a battery: with cycle_price_per_kwh that is no linear row"
        )
    return ""


# The model -----------------------------------------------------------------------------------------------------------


def reference_model(facts: Facts) -> Any:
    """Return the Pyomo model of a window, unsolved: sets, variables, constraints, cost."""
    import pyomo.environ as pyo  # noqa: PLC0415 - optional, and slow to import

    unstated = why_not(facts)
    if unstated:
        raise NoReferenceError(f"the reference cannot be stated: {unstated}.")
    m = pyo.ConcreteModel(doc="The cheapest dispatch of a window")
    m.sum = pyo.quicksum
    name_numbers(m, facts)
    for name, (doc, dimension, members) in sets_of(facts).items():
        setattr(m, name, pyo.Set(dimen=dimension, initialize=members, doc=doc))
    _add_variables(m, pyo)
    for name, over, formula in CONSTRAINTS:
        sets = [getattr(m, letter) for letter in over]
        setattr(m, name, pyo.Constraint(*sets, rule=formula, doc=formula.__doc__))
    m.cost = pyo.Objective(rule=cost, sense=pyo.minimize, doc=cost.__doc__)
    return m


def _add_variables(m: Any, pyo: Any) -> None:
    none, real, yes_no = pyo.NonNegativeReals, pyo.Reals, pyo.Binary
    m.ch = pyo.Var(m.T, m.N, domain=none, bounds=lambda m, t, i: (0, m.Pch[t][i]), doc="charging, kW")
    m.dis = pyo.Var(m.T, m.N, domain=none, bounds=lambda m, t, i: (0, m.Pdis[t][i]), doc="discharging, kW")
    m.e = pyo.Var(m.T, m.N, domain=real, bounds=lambda m, t, i: (m.elow[t][i], m.ehigh[t][i]), doc="stored after, kWh")
    m.c = pyo.Var(m.T, m.N, domain=none, bounds=lambda m, t, i: (0, m.g[t][i]), doc="curtailed, kW")
    m.s = pyo.Var(m.T, m.N, domain=none, bounds=lambda m, t, i: (0, m.d[t][i]), doc="shed, kW")
    m.n = pyo.Var(m.T, m.N, domain=real, doc="net export at the node, kW")
    m.imp = pyo.Var(m.T, domain=none, doc="import of the community, kW")
    m.exp = pyo.Var(m.T, domain=none, doc="export of the community, kW")
    m.charging = pyo.Var(m.T, m.N, domain=yes_no, doc="1 where charging is allowed, 0 where discharging is")
    m.importing = pyo.Var(m.T, domain=yes_no, doc="1 where the community may import, 0 where it may export")
    m.x_in = pyo.Var(m.APART, m.N, domain=none, doc="bought from the grid, kW")
    m.x_out = pyo.Var(m.APART, m.N, domain=none, doc="sold to the grid, kW")
    m.t_in = pyo.Var(m.APART, m.N, domain=none, doc="bought from neighbours, kW")
    m.t_out = pyo.Var(m.APART, m.N, domain=none, doc="sold to neighbours, kW")
    m.buying = pyo.Var(m.APART, m.N, domain=yes_no, doc="1 where a prosumer may buy, 0 where it may sell")
    m.peak = pyo.Var(m.MONTHS, domain=none, doc="highest import of the month, kW")
    m.missing = pyo.Var(m.LEAVING, domain=none, doc="what a car lacks when it leaves, kWh")
    m.road = pyo.Var(m.BACK, domain=none, doc="what a drive has taken from the battery, kWh")
    m.above = pyo.Var(m.BACK, domain=yes_no, doc="1 where the car left with more than the floor")
    m.enough = pyo.Var(m.BACK, domain=yes_no, doc="1 where it left with enough for the whole drive")
    m.q = pyo.Var(m.T, m.WORN, m.J, domain=none, bounds=lambda m, _t, i, _j: (0, m.slice_kwh[i]), doc="in a slice, kWh")
    m.fill = pyo.Var(m.T, m.WORN, m.J, domain=none, doc="stored into a slice, kWh")
    m.draw = pyo.Var(m.T, m.WORN, m.J, domain=none, doc="drawn from a slice, kWh")


# Solving it -----------------------------------------------------------------------------------------------------------


def handed_over(model: Any) -> Any:
    """Return Pyomo's interface to HiGHS with the model in it, on one thread."""
    from pyomo.contrib.appsi.solvers.highs import Highs  # noqa: PLC0415 - optional, and slow to import

    solver = Highs()
    solver.config.load_solution = False
    solver.highs_options = {
        "parallel": "off",
        "mip_rel_gap": TOLERANCE,
        "mip_abs_gap": TOLERANCE,
        "primal_feasibility_tolerance": TOLERANCE,
        "dual_feasibility_tolerance": TOLERANCE,
        "mip_feasibility_tolerance": TOLERANCE,
    }
    solver.set_instance(model)
    return solver


def solve_model(solver: Any, model: Any, time_limit_s: float | None = None) -> tuple[float, float]:
    """Solve a model that was handed over; return its cost and the bound HiGHS claims. Its variables get their values.

    Raises:
        NoReferenceError: it was not solved to optimality.
    """
    from pyomo.contrib.appsi.base import TerminationCondition  # noqa: PLC0415 - optional, and slow to import

    solver.config.time_limit = time_limit_s
    found = solver.solve(model)
    if found.termination_condition is not TerminationCondition.optimal:
        raise NoReferenceError(f"the reference was not solved: HiGHS reports {found.termination_condition.name}.")
    found.solution_loader.load_vars()
    return float(found.best_feasible_objective), float(found.best_objective_bound)


def set_points_of(model: Any) -> tuple[Vector, Vector, Vector]:
    """Return (T, N) kW of a solved model: battery power, + = charge; curtailed; shed."""
    charge, discharge, curtail, shed = (
        np.array([[variable[t, i].value for i in model.N] for t in model.T])
        for variable in (model.ch, model.dis, model.c, model.s)
    )
    return charge - discharge, curtail, shed


def binaries_of(model: Any) -> int:
    """Return how many binary variables a model has."""
    import pyomo.environ as pyo  # noqa: PLC0415 - optional, and slow to import

    return sum(variable.is_binary() for variable in model.component_data_objects(pyo.Var, active=True))
