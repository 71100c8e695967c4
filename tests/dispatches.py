"""Dispatches in tests: solved, replayed, and compared with every policy."""

from __future__ import annotations

from typing import Any

import pytest

from autonomy import Economics, Simulator
from autonomy.dispatch import Dispatch, Verdict, optimal_dispatch
from autonomy.rollout import replay
from autonomy.trajectory import Trajectory

PLAIN = Economics(carbon_price_per_kg=0.0, wear_per_kwh=0.0, terminal_price_per_kwh=0.0)


def solved(simulator: Simulator, **options: Any) -> tuple[Dispatch, Trajectory]:
    dispatch = optimal_dispatch(
        simulator.community,
        simulator.scenario,
        economics=simulator.economics,
        energy_kwh=simulator.initial_soc * simulator.community.battery_capacity_kwh,
        timeline=simulator.timeline,
        **options,
    )
    return dispatch, replay(simulator, dispatch)


def assert_replayed(dispatch: Dispatch, run: Trajectory) -> None:
    assert run.violations == ()
    assert run.cost == pytest.approx(dispatch.objective, rel=1e-9, abs=1e-9)
    assert dispatch.bound <= dispatch.objective + 1e-9
    assert dispatch.certificate is not None
    assert dispatch.certificate.verdict is not Verdict.REFUTED
    assert dispatch.certificate.repair <= 1e-7
