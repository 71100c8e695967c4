"""PuLP and the solver it brings along, CBC: the page of formulas that Pyomo is given, given to PuLP."""

from __future__ import annotations

from itertools import product
from types import SimpleNamespace
from typing import Any

import numpy as np

from autonomy.benchmark.optimum.method import Answer, UnsolvedError, UnstatedError
from autonomy.benchmark.optimum.window import Window
from autonomy.dispatch.facts import Facts
from autonomy.dispatch.formulas import CONSTRAINTS, cost, name_numbers, sets_of
from autonomy.dispatch.reference import why_not
from autonomy.layers.arrays import Vector

RELATIVE_GAP = 1e-9
OPTIONS = ["primalT 1e-9", "dualT 1e-9", "integerT 1e-9"]
NODE = ("T", "N")


class PulpCbc:
    """PuLP writes the program to a file, CBC reads it."""

    name = "PuLP, CBC"

    def state(self, window: Window) -> Any:
        """Return (problem, its model) of a window."""
        return stated(window.facts())

    def solve(self, stated: Any, limit_s: float) -> Answer:
        """Solve it with CBC on one thread."""
        problem, m = stated
        return solved(problem, m, limit_s)


def stated(facts: Facts) -> tuple[Any, Any]:
    """Return the problem of a window and its model: numbers, sets, variables.

    Raises:
        UnstatedError: it is not linear.
    """
    import pulp  # noqa: PLC0415 - optional

    unstated = why_not(facts)
    if unstated:
        raise UnstatedError(unstated)
    m = SimpleNamespace(sum=pulp.lpSum)
    name_numbers(m, facts)
    for name, (_, _, members) in sets_of(facts).items():
        setattr(m, name, members)
    _add_variables(m, pulp)
    problem = pulp.LpProblem("window", pulp.LpMinimize)
    problem.setObjective(cost(m))
    for name, over, formula in CONSTRAINTS:
        for key in _keys(m, over):
            problem.addConstraint(formula(m, *key), f"{name}_{'_'.join(map(str, key))}")
    return problem, m


def solved(problem: Any, m: Any, limit_s: float) -> Answer:
    """Solve it with CBC on one thread.

    Raises:
        UnsolvedError: CBC calls nothing optimal.
    """
    import pulp  # noqa: PLC0415 - optional

    solver = pulp.PULP_CBC_CMD(
        msg=False, threads=1, timeLimit=limit_s, gapRel=RELATIVE_GAP, gapAbs=RELATIVE_GAP, options=OPTIONS
    )
    problem.solve(solver)
    if problem.sol_status != pulp.LpSolutionOptimal:
        raise UnsolvedError(f"CBC reports: {pulp.LpSolution[problem.sol_status].lower()}.")
    return Answer(
        objective=float(pulp.value(problem.objective)),
        battery_kw=_values(m, m.ch) - _values(m, m.dis),
        curtail_kw=_values(m, m.c),
        shed_kw=_values(m, m.s),
        binaries=sum(variable.cat == pulp.LpInteger for variable in problem.variables()),
    )


def _add_variables(m: Any, pulp: Any) -> None:
    """Add the variables that `autonomy.dispatch.reference` describes."""

    def add(letter: str, over: tuple[str, ...], upper: Any = None, lower: Any = None, binary: bool = False) -> None:
        kind = pulp.LpBinary if binary else pulp.LpContinuous
        variables = {}
        for key in _keys(m, over):
            low = 0.0 if lower is None else lower(*key)
            high = 1.0 if binary else None if upper is None else upper(*key)
            variable = pulp.LpVariable(f"{letter}_{'_'.join(map(str, key))}", low, high, kind)
            variables[key if len(key) > 1 else key[0]] = variable
        setattr(m, letter, variables)

    add("ch", NODE, lambda t, i: m.Pch[t][i])
    add("dis", NODE, lambda t, i: m.Pdis[t][i])
    add("e", NODE, lambda t, i: m.ehigh[t][i], lambda t, i: m.elow[t][i])
    add("c", NODE, lambda t, i: m.g[t][i])
    add("s", NODE, lambda t, i: m.d[t][i])
    add("n", NODE, None, lambda *_: None)
    add("charging", NODE, binary=True)
    for letter in ("imp", "exp"):
        add(letter, ("T",))
    add("importing", ("T",), binary=True)
    for letter in ("x_in", "x_out", "t_in", "t_out"):
        add(letter, ("APART", "N"))
    add("buying", ("APART", "N"), binary=True)
    add("peak", ("MONTHS",))
    add("missing", ("LEAVING",))
    add("road", ("BACK",))
    for letter in ("above", "enough"):
        add(letter, ("BACK",), binary=True)
    add("q", ("T", "WORN", "J"), lambda _t, i, _j: m.slice_kwh[i])
    for letter in ("fill", "draw"):
        add(letter, ("T", "WORN", "J"))


def _keys(m: Any, over: tuple[str, ...]) -> Any:
    """Return the index tuples of a product of sets, pairs among them taken apart."""
    sets = [[member if isinstance(member, tuple) else (member,) for member in getattr(m, name)] for name in over]
    return [sum(key, start=()) for key in product(*sets)]


def _values(m: Any, variables: Any) -> Vector:
    found: Vector = np.array([[variables[t, i].varValue or 0.0 for i in m.N] for t in m.T])
    return found
