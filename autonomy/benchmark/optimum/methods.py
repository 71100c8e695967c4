"""The methods by name; a new one is one more in `METHODS`."""

from __future__ import annotations

from typing import Any

from autonomy.benchmark.dispatch.peers.linopy_highs import LinopyHighs
from autonomy.benchmark.dispatch.peers.pulp_cbc import PulpCbc
from autonomy.benchmark.dispatch.peers.pypsa_highs import PypsaHighs
from autonomy.benchmark.dispatch.peers.single_home import SingleHome
from autonomy.benchmark.optimum.arrays import Arrays, ArraysWithBinaries
from autonomy.benchmark.optimum.method import Answer, Method, UnsolvedError, UnstatedError
from autonomy.benchmark.optimum.window import Window
from autonomy.dispatch.reference import (
    NoReferenceError,
    binaries_of,
    handed_over,
    reference_model,
    set_points_of,
    solve_model,
    why_not,
)


class PyomoReference:
    """The reference model, handed over by Pyomo's interface to HiGHS."""

    name = "Pyomo"

    def state(self, window: Window) -> Any:
        """Return (interface with the model in it, the model)."""
        facts = window.facts()
        unstated = why_not(facts)
        if unstated:
            raise UnstatedError(unstated)
        model = reference_model(facts)
        return handed_over(model), model

    def solve(self, stated: Any, limit_s: float) -> Answer:
        """Solve it."""
        solver, model = stated
        try:
            objective, _ = solve_model(solver, model, limit_s)
        except NoReferenceError as fault:
            raise UnsolvedError(str(fault)) from None
        battery_kw, curtail_kw, shed_kw = set_points_of(model)
        return Answer(
            objective=objective,
            battery_kw=battery_kw,
            curtail_kw=curtail_kw,
            shed_kw=shed_kw,
            binaries=binaries_of(model),
        )


REFERENCE, FAST, ALONE = PyomoReference.name, Arrays.name, SingleHome.name
METHODS: dict[str, Method] = {
    "arrays": Arrays(),
    "arrays-binaries": ArraysWithBinaries(),
    "pyomo": PyomoReference(),
    "pulp": PulpCbc(),
    "linopy": LinopyHighs(),
    "pypsa": PypsaHighs(),
    "single-home": SingleHome(),
}
"""By the word for the command line."""
