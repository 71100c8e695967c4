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
from autonomy.hosts.probe import Probe
from autonomy.layers.decision import Cause
from autonomy.layers.errors import ModelError
from tests.planted_citylearn import EXPORT_KW, FAULTS, IMPORT_KW, QUARTERS, host_of, shortened

citylearn = pytest.importorskip("citylearn.citylearn")
wrappers = pytest.importorskip("citylearn.wrappers")
HALF_UNIT = 2.0**-24
"""Fraction of a number by which the nearest of single precision may be off: half a unit in its last place."""
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


@pytest.fixture(scope="module")
def short(schema: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Four homes and five days, by the number of steps an hour."""
    return {parts: shortened(schema, tmp_path_factory.mktemp("short"), parts=parts) for parts in (1, QUARTERS)}


def short_env(short: dict[int, Path], parts: int = 1) -> Any:
    return citylearn.CityLearnEnv(str(short[parts]), central_agent=True, random_seed=0)


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
    assert ours.unmet_kwh == 0.0
    assert alone.unmet_kwh > 1.0
    assert 0.0 < ours.rounding_kw <= 5.0 * HALF_UNIT
    assert ours.rounding_kwh <= 168 * 17 * 5.0 * HALF_UNIT
    doubts = {
        Cause.SOC_BALANCE,
        Cause.SET_POINT_IGNORED,
        Cause.FEEDER_BALANCE,
        Cause.FEEDER_METER,
        Cause.SOC_OUTSIDE_BAND,
    }
    assert not reasons & doubts


@pytest.mark.parametrize("parts", [1, QUARTERS])
def test_what_is_read_is_the_number_of_single_precision_nearest_to_what_was_asked(
    short: dict[int, Path], parts: int
) -> None:
    host = host_of(short_env(short, parts))
    steps = list(play(host, Controller(host.community, policy=Probe(0)).step, steps=96, seed=0))
    asked = np.array([step.decision.battery_kw for step in steps])
    applied = np.array([step.after.applied_battery_kw for step in steps])
    assert np.count_nonzero(asked) > 100
    np.testing.assert_array_equal(applied, (asked / parts).astype(np.float32).astype(np.float64) * parts)
    assert np.all(np.abs(applied - asked) <= HALF_UNIT * np.abs(asked))
    assert np.any(applied != asked)


def test_no_digit_is_lost_where_citylearn_is_made_to_write_in_double_precision(short: dict[int, Path]) -> None:
    """So the difference comes from writing, and neither from CityLearn's arithmetic nor from what it was given."""

    class Double(CityLearnHost):
        def reset(self, *, seed: int | None = None) -> Any:
            raw = super().reset(seed=seed)
            for building in self.env.buildings:
                battery = building.electrical_storage
                for name in ("_StorageDevice__energy_balance", "_ElectricDevice__electricity_consumption"):
                    assert getattr(battery, name).dtype == np.float32
                    setattr(battery, name, getattr(battery, name).astype(np.float64))
            return raw

    largest = {}
    for kind in (CityLearnHost, Double):
        host = host_of(short_env(short), kind)
        steps = play(host, Controller(host.community, policy=Probe(0)).step, steps=96, seed=0)
        largest[kind] = max(np.abs(step.after.applied_battery_kw - step.decision.battery_kw).max() for step in steps)
    assert largest[CityLearnHost] > 1e-9
    assert largest[Double] < 1e-14


@pytest.mark.parametrize("parts", [1, QUARTERS])
def test_a_few_homes_keep_the_table_in_steps_of_any_length(short: dict[int, Path], parts: int) -> None:
    report = check_host(host_of(short_env(short, parts)), steps=72)
    assert report.is_conformant, str(report)
    assert bool(report.unjudged) == (parts == 1)


@pytest.mark.parametrize("fault", FAULTS)
def test_every_planted_fault_is_found_in_citylearn_too(short: dict[int, Path], fault: str) -> None:
    kind, parts, check, words = FAULTS[fault]
    report = check_host(host_of(short_env(short, parts), kind), steps=72)
    found = [finding.text for finding in report.findings if finding.check == check]
    assert found, f"{fault} was not found by {check!r}:\n{report}"
    assert any(words in text for text in found), found
    assert not report.is_conformant


def test_batteries_that_start_empty_show_a_wrong_sign_as_well(host: CityLearnHost) -> None:
    class Wrong(CityLearnHost):
        def from_decision(self, decision: Any) -> Any:
            action = super().from_decision(decision)
            return {**action, "fraction": -action["fraction"]}

    assert any(
        finding.check == "asked equals applied" for finding in check_host(Wrong(host.env, host.community)).findings
    )


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


def test_the_safe_face_holds_the_feeder_through_days_of_sun_and_puts_back_what_it_cut(short: dict[int, Path]) -> None:
    worst, cut = {}, 0.0
    for is_safe in (False, True):
        env = short_env(short)
        loads = [building.energy_simulation.non_shiftable_load.copy() for building in env.buildings]
        host, plain = host_of(env), wrappers.StableBaselines3Wrapper(env)
        face = host.safe(plain) if is_safe else plain
        assert face.action_space == plain.action_space
        assert face.observation_space == plain.observation_space
        face.reset(seed=0)
        random = np.random.default_rng(3)
        for _ in range(96):
            *_, info = face.step(random.uniform(-1.0, 1.0, host.community.n_prosumers).astype(np.float32))
            cut += float(np.sum(info.get("safety", {}).get("curtail_kw", 0.0)))
        net = np.array(env.net_electricity_consumption[:96])
        worst[is_safe] = np.maximum(net - IMPORT_KW, -EXPORT_KW - net).max()
        for building, load in zip(env.buildings, loads, strict=True):
            np.testing.assert_array_equal(building.energy_simulation.non_shiftable_load, load)
    assert worst[False] > 1.0
    assert worst[True] < 1e-3
    assert cut > 0.0
