"""CityLearn 3 as a host; run by an interpreter that has it, with CITYLEARN_DATA, see docs/hosts.md."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autonomy import Controller, Supervisor
from autonomy.benchmark.simulator.citylearn_peer import translate
from autonomy.environments import SafetyWrapper, ScaledPower
from autonomy.hosts import Bare, check_host, play, tally
from autonomy.hosts.citylearn import CityLearnHost, accuracy_of, community_of
from autonomy.hosts.comparison import battery_intent
from autonomy.layers.decision import Cause
from autonomy.layers.errors import ModelError

citylearn = pytest.importorskip("citylearn.citylearn")
wrappers = pytest.importorskip("citylearn.wrappers")
DATA = os.environ.get("CITYLEARN_DATA", "")
pytestmark = pytest.mark.skipif(not DATA, reason="CITYLEARN_DATA names no data")


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return translate(Path(DATA), tmp_path_factory.mktemp("citylearn"))


@pytest.fixture
def host(schema: Path) -> CityLearnHost:
    env = citylearn.CityLearnEnv(str(schema), central_agent=True, random_seed=0, episode_time_steps=200)
    community = community_of(env, import_limit_kw=34.0, export_limit_kw=24.0, connection_limit_kw=15.0)
    return CityLearnHost(env, community, feed_in_price=0.06, start=np.datetime64("2016-08-01T00:00"))


def full_power(community: Any, observation: Any) -> Any:
    hour = int(observation.time.astype("datetime64[h]").astype(int) % 24)
    return battery_intent(np.full(17, 5.0 if hour < 12 else -5.0), observation)


@pytest.mark.parametrize("seed", [0, 7])
def test_citylearn_keeps_the_table(host: CityLearnHost, seed: int) -> None:
    report = check_host(host, seed=seed, steps=72)
    assert report.is_conformant, str(report)


def test_a_week_breaks_no_limit_and_does_what_is_asked(host: CityLearnHost) -> None:
    alone = tally(host, play(host, Bare(host.community, full_power), steps=168, seed=0))
    controller = Controller(host.community, policy=full_power, supervisor=Supervisor(accuracy=accuracy_of(host.env)))
    reasons = set()
    steps = []
    for step in play(host, controller.step, steps=168, seed=0):
        reasons |= {reason.cause for reason in step.decision.reasons}
        steps.append(step)
    ours = tally(host, steps)
    assert alone.violations > 20
    assert ours.violations == 0
    assert ours.unmet_kwh < 1e-3 < alone.unmet_kwh
    doubts = {
        Cause.SOC_BALANCE,
        Cause.SET_POINT_IGNORED,
        Cause.FEEDER_BALANCE,
        Cause.FEEDER_METER,
        Cause.SOC_OUTSIDE_BAND,
    }
    assert not reasons & doubts


def test_a_limit_that_is_not_passed_on_is_asked_for_and_not_applied(host: CityLearnHost) -> None:
    class Silent(CityLearnHost):
        def to_observation(self, raw: Any) -> Any:
            return replace(super().to_observation(raw), limits=None)

    report = check_host(Silent(host.env, host.community), steps=72)
    assert any(finding.check == "asked equals applied" for finding in report.findings)


def test_what_was_shed_comes_back_with_the_next_episode(host: CityLearnHost) -> None:
    loads = [building.energy_simulation.non_shiftable_load.copy() for building in host.env.buildings]
    host.reset(seed=0)
    nothing = {"fraction": np.zeros(17), "solar_kw": np.zeros(17), "load_kw": np.zeros(17)}
    for _ in range(24):
        raw = host.step(nothing)
        assert np.abs(raw["net_kwh"]).max() == 0.0
    for building, load in zip(host.env.buildings, loads, strict=True):
        np.testing.assert_array_equal(building.energy_simulation.non_shiftable_load, load)


def test_without_cuts_the_decision_says_what_it_cannot_hold(host: CityLearnHost) -> None:
    community = community_of(host.env, import_limit_kw=8.0, export_limit_kw=24.0)
    bound = CityLearnHost(host.env, community, cuts=False)
    assert check_host(bound, steps=24).is_conformant
    steps = list(play(bound, Controller(community, policy="grid-only").step, steps=48, seed=0))
    over = [step for step in steps if -step.after.feeder_kw > 8.0 + 1e-3]
    assert over
    assert all(any(reason.cause is Cause.LIMIT_NOT_HELD for reason in step.decision.reasons) for step in over)


def test_several_agents_are_refused(schema: Path) -> None:
    env = citylearn.CityLearnEnv(str(schema), central_agent=False)
    with pytest.raises(ModelError, match="central_agent"):
        community_of(env, import_limit_kw=34.0, export_limit_kw=24.0)


def test_the_wrapper_keeps_a_gymnasium_agent_of_citylearn_within_the_feeder(schema: Path) -> None:
    """CityLearn's own Stable-Baselines3 face, wrapped; at night, since that face has nothing that curtails."""
    worst = {}
    for is_wrapped in (False, True):
        env = citylearn.CityLearnEnv(str(schema), central_agent=True, random_seed=0, episode_time_steps=48)
        community = community_of(env, import_limit_kw=34.0, export_limit_kw=24.0)
        host = CityLearnHost(env, community, feed_in_price=0.06, cuts=False)
        power = ScaledPower(community.charge_limit_kw)
        face = wrappers.StableBaselines3Wrapper(env)
        if is_wrapped:
            face = SafetyWrapper(
                face,
                community=community,
                to_observation=lambda env, seen, info, host=host: host.to_observation(host.read()),
                to_battery_kw=power.to_battery_kw,
                to_action=power.to_action,
            )
        face.reset(seed=0)
        peak = 0.0
        for step in range(8):
            face.step(np.full(17, 1.0 if step % 2 == 0 else -1.0, dtype=np.float32))
            net = sum(float(building.net_electricity_consumption[step]) for building in env.buildings)
            peak = max(peak, net - 34.0, -net - 24.0)
        worst[is_wrapped] = peak
    assert worst[False] > 5.0
    assert worst[True] < 1e-3
