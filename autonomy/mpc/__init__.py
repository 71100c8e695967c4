"""Receding-horizon controllers as policies: one store planned exactly, scenario trees, and the same through HiGHS."""

from autonomy.mpc.catalogue import PLANNERS
from autonomy.mpc.receding import RecedingHorizon, ScenarioPlan, plan_exactly

__all__ = ["PLANNERS", "RecedingHorizon", "ScenarioPlan", "plan_exactly"]
