"""OpenDSS as a host: a week in which its batteries and ours hold the same, and no line more than it may."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autonomy import Controller, Supervisor
from autonomy.benchmark.physics.case import Case, fontana, simbench
from autonomy.hosts import Bare, HostStep, Tolerance, check_host, play, tally
from autonomy.hosts.comparison import battery_intent
from autonomy.hosts.opendss_host import ACCURACY, OpenDssHost
from autonomy.layers import physics
from autonomy.layers.decision import Cause
from autonomy.layers.errors import ModelError

pytest.importorskip("dss")
CASES = {case.name: case for case in (fontana(), *simbench(Path(__file__).parent / "data"))}


def host_of(case: Case) -> OpenDssHost:
    return OpenDssHost(case.community, case.grid, case.scenario, demand_kvar=case.demand_kvar)


def by_the_clock(community: Any, observation: Any) -> Any:
    hour = int(observation.time.astype("datetime64[h]").astype(int) % 24)
    power = community.charge_limit_kw
    return battery_intent(power if 10 <= hour < 14 else -power if 17 <= hour < 21 else 0.0 * power, observation)


@pytest.fixture(scope="module")
def week() -> tuple[OpenDssHost, list[HostStep]]:
    host = host_of(CASES["fontana"])
    controller = Controller(host.community, policy=by_the_clock, supervisor=Supervisor(accuracy=ACCURACY))
    return host, list(play(host, controller.step))


@pytest.mark.parametrize("name", CASES)
def test_opendss_keeps_the_table(name: str) -> None:
    # Line losses of the model are those at nominal voltage and without reactive power.
    report = check_host(host_of(CASES[name]), steps=96, tolerance=Tolerance(feeder_kw=0.05))
    assert report.is_conformant, str(report)


def test_over_a_week_both_models_hold_the_same_energy(week: tuple[OpenDssHost, list[HostStep]]) -> None:
    host, steps = week
    community = host.community
    assert len(steps) == 168
    energy = steps[0].observation.soc * community.battery_capacity_kwh
    moved = 0.0
    for step in steps:
        # Our model alone, from the start, by what was asked.
        energy = physics.rated_energy_after_kwh(community, energy, step.decision.battery_kw)
        np.testing.assert_allclose(step.after.soc * community.battery_capacity_kwh, energy, atol=1e-3)
        moved += float(np.abs(step.decision.battery_kw).sum())
    assert moved > 1000


def test_a_week_breaks_no_limit_where_the_policy_alone_would(week: tuple[OpenDssHost, list[HostStep]]) -> None:
    host, steps = week
    ours = tally(host, steps)
    alone = tally(host, play(host, Bare(host.community, by_the_clock)))
    assert alone.violations > 20
    assert ours.violations == 0
    assert ours.unmet_kwh < 1e-3
    doubts = {Cause.SOC_BALANCE, Cause.SET_POINT_IGNORED, Cause.FEEDER_BALANCE, Cause.FEEDER_METER}
    assert not doubts & {reason.cause for step in steps for reason in step.decision.reasons}


def test_a_sign_that_is_wrong_on_the_way_to_opendss_is_found() -> None:
    class Reversed(OpenDssHost):
        def from_decision(self, decision: Any) -> Any:
            action = super().from_decision(decision)
            return {**action, "battery_kw": -action["battery_kw"]}

    case = CASES["simbench"]
    report = check_host(Reversed(case.community, case.grid, case.scenario), tolerance=Tolerance(feeder_kw=0.05))
    assert any("sign reversed" in finding.text for finding in report.findings)


def test_a_scenario_of_others_and_a_step_before_the_first_are_refused() -> None:
    case, other = CASES["fontana"], CASES["simbench"]
    with pytest.raises(ModelError, match=r"scenario\.names"):
        OpenDssHost(case.community, case.grid, other.scenario)
    with pytest.raises(ModelError, match="step"):
        host_of(case).step({})
    with pytest.raises(ModelError, match="step"):
        host_of(case).line_flows()
