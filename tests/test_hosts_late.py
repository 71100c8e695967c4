"""Set-points that arrive one step late, by hand, through mosaik and HELICS: safe if projected where they are used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from autonomy import Controller, Supervisor
from autonomy.benchmark.physics.case import fontana
from autonomy.hosts import HostStep, Tolerance, check_steps, tally
from autonomy.hosts.comparison import battery_intent
from autonomy.hosts.helics_federates import FederationError, federate
from autonomy.hosts.late import Feeder, Remote
from autonomy.hosts.mosaik_sim import cosimulate
from autonomy.hosts.opendss_host import ACCURACY, OpenDssHost
from autonomy.hosts.verdict import LIMITS

pytest.importorskip("dss")
CASE, STEPS = fontana(), 72


def by_the_clock(community: Any, observation: Any) -> Any:
    hour = int(observation.time.astype("datetime64[h]").astype(int) % 24)
    return battery_intent(community.charge_limit_kw * ((10 <= hour < 14) - float(17 <= hour < 21)), observation)


def by_hand(feeder: Feeder, remote: Remote, *, with_cuts: bool) -> None:
    sent = None
    for _ in range(STEPS):
        measured = feeder.measure()
        feeder.apply(sent)
        sent = remote.decide(measured)


def by_mosaik(feeder: Feeder, remote: Remote, *, with_cuts: bool) -> None:
    pytest.importorskip("mosaik")
    cosimulate(feeder, remote, steps=STEPS, with_cuts=with_cuts)


def by_helics(feeder: Feeder, remote: Remote, *, with_cuts: bool) -> None:
    pytest.importorskip("helics")
    federate(feeder, remote, steps=STEPS, with_cuts=with_cuts)


WAYS: dict[str, Callable[..., None]] = {"by hand": by_hand, "mosaik": by_mosaik, "HELICS": by_helics}


def run(way: str, *, too_early: bool = False, alone: bool = False) -> Feeder:
    host, supervisor = OpenDssHost(CASE.community, CASE.grid, CASE.scenario), Supervisor(accuracy=ACCURACY)
    feeder = Feeder(host, is_shielded=not (alone or too_early), supervisor=supervisor)
    policy: Any = Controller(CASE.community, policy=by_the_clock, supervisor=supervisor) if too_early else by_the_clock
    WAYS[way](feeder, Remote(CASE.community, policy), with_cuts=too_early)
    assert len(feeder.steps) == STEPS
    return feeder


def is_same_run(one: list[HostStep], other: list[HostStep]) -> bool:
    return all(
        a.decision.battery_kw.tobytes() == b.decision.battery_kw.tobytes()
        and a.decision.shed_kw.tobytes() == b.decision.shed_kw.tobytes()
        and a.after.soc.tobytes() == b.after.soc.tobytes()
        for a, b in zip(one, other, strict=True)
    )


@pytest.mark.parametrize("way", WAYS)
def test_what_is_projected_where_it_is_applied_breaks_nothing(way: str) -> None:
    feeder = run(way)
    report = check_steps(feeder.host, feeder.steps, tolerance=Tolerance(feeder_kw=0.05))
    assert report.is_conformant, str(report)
    sums = tally(feeder.host, feeder.steps)
    assert sums.violations == 0
    assert sums.unmet_kwh < 1e-3


@pytest.mark.parametrize("way", WAYS)
def test_a_decision_that_is_one_step_old_passes_limits_and_is_found(way: str) -> None:
    feeder = run(way, too_early=True)
    assert tally(feeder.host, feeder.steps).violations > 0
    report = check_steps(feeder.host, feeder.steps, tolerance=Tolerance(feeder_kw=0.05))
    assert [finding.check for finding in report.findings] == [LIMITS]
    assert tally(feeder.host, run(way, alone=True).steps).violations > tally(feeder.host, feeder.steps).violations


@pytest.mark.parametrize("way", ["mosaik", "HELICS"])
def test_every_way_is_late_by_exactly_one_step(way: str) -> None:
    assert is_same_run(run("by hand").steps, run(way).steps)
    assert is_same_run(run("by hand", too_early=True).steps, run(way, too_early=True).steps)


def test_the_first_step_has_heard_nothing() -> None:
    host = OpenDssHost(CASE.community, CASE.grid, CASE.scenario)
    feeder = Feeder(host)
    assert len(feeder.measure()["demand_kw"]) == 17
    feeder.apply(None)
    assert not feeder.steps[0].decision.battery_kw.any()


def test_what_arrives_broken_is_no_intent() -> None:
    feeder = Feeder(OpenDssHost(CASE.community, CASE.grid, CASE.scenario), supervisor=Supervisor(accuracy=ACCURACY))
    feeder.apply({"battery_kw": [float("nan")] * 17})
    feeder.apply({"battery_kw": [1e9] * 17})
    feeder.apply({})
    assert all(np.isfinite(step.decision.battery_kw).all() for step in feeder.steps)
    assert tally(feeder.host, feeder.steps).violations == 0


def test_a_federate_that_fails_says_so() -> None:
    pytest.importorskip("helics")

    def broken(community: Any, observation: Any) -> Any:
        raise RuntimeError("no idea")

    feeder = Feeder(OpenDssHost(CASE.community, CASE.grid, CASE.scenario))
    with pytest.raises(FederationError, match="no idea"):
        federate(feeder, Remote(CASE.community, broken), steps=4)
