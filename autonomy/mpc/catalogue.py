"""The receding-horizon policies by name."""

from __future__ import annotations

from collections.abc import Callable

from autonomy.economics import Economics
from autonomy.mpc.receding import RecedingHorizon, ScenarioPlan, plan_exactly

PLANNERS: dict[str, Callable[[Economics | None], RecedingHorizon]] = {
    "mpc": lambda economics: RecedingHorizon(plan_exactly, economics),
    "mpc-stochastic": lambda economics: RecedingHorizon(ScenarioPlan(), economics),
    "mpc-two-stage": lambda economics: RecedingHorizon(ScenarioPlan(lasting_share=1.0, lasting_nodes=9), economics),
    "mpc-lp": lambda economics: _linear(economics, by_battery=False),
    "mpc-lp-full": lambda economics: _linear(economics, by_battery=True),
}


def _linear(economics: Economics | None, *, by_battery: bool) -> RecedingHorizon:
    from autonomy.mpc.linear import LinearPlan  # noqa: PLC0415 - loads HiGHS

    return RecedingHorizon(LinearPlan(by_battery=by_battery), economics)
