"""A co-simulation as a host: judged whole by `check_host`, through mosaik and HELICS, and in processes of their own."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from importlib.resources import files
from typing import Any
from uuid import uuid4

import pytest

from autonomy import Controller, Supervisor
from autonomy.benchmark.physics.case import fontana
from autonomy.hosts import HostError, Tolerance, check_host, play, tally
from autonomy.hosts.comparison import battery_intent
from autonomy.hosts.cosimulated import CoSimulated
from autonomy.hosts.helics_federates import federate, run_community
from autonomy.hosts.late import Feeder, Remote
from autonomy.hosts.mosaik_sim import SIMULATORS, connect, cosimulate
from autonomy.hosts.opendss_host import ACCURACY, OpenDssHost
from autonomy.hosts.verdict import SIGNALS
from autonomy.layers.errors import ModelError
from autonomy.policies import load_policy
from tests.planted_hosts import COMMUNITY, FAULTS, street_host

STEPS = 72
TOML = files("autonomy") / "data" / "fontana.toml"


def by_the_clock(community: Any, observation: Any) -> Any:
    hour = int(observation.time.astype("datetime64[h]").astype(int) % 24)
    return battery_intent(community.charge_limit_kw * ((10 <= hour < 14) - float(17 <= hour < 21)), observation)


def by_hand(side: Any, remote: Remote, *, steps: int) -> None:
    sent = None
    for _ in range(steps):
        measured = side.measure()
        side.apply(sent)
        sent = remote.decide(measured)


def by_mosaik(side: Any, remote: Remote, *, steps: int) -> None:
    pytest.importorskip("mosaik")
    cosimulate(side, remote, steps=steps)


def by_helics(side: Any, remote: Remote, *, steps: int) -> None:
    pytest.importorskip("helics")
    federate(side, remote, steps=steps)


WAYS: dict[str, Callable[..., None]] = {"by hand": by_hand, "mosaik": by_mosaik, "HELICS": by_helics}


def needs(way: str) -> None:
    """Skip here, not in the co-simulation's thread, where a package is missing."""
    if way != "by hand":
        pytest.importorskip(way.lower())


def whole(way: str, host: Any = None, *, steps: int = STEPS) -> CoSimulated:
    needs(way)
    return CoSimulated(street_host() if host is None else host, by_the_clock, WAYS[way], steps=steps)


@pytest.mark.parametrize("way", WAYS)
def test_check_host_passes_on_every_co_simulation(way: str) -> None:
    for seed in (0, 7):
        report = check_host(whole(way), seed=seed)
        assert report.is_conformant, str(report)
        assert report.unjudged == ()


@pytest.mark.parametrize("way", WAYS)
def test_check_host_passes_on_opendss_in_a_co_simulation(way: str) -> None:
    pytest.importorskip("dss")
    case = fontana()
    host = whole(way, OpenDssHost(case.community, case.grid, case.scenario))
    report = check_host(host, tolerance=Tolerance(feeder_kw=0.05))
    assert report.is_conformant, str(report)
    supervisor = Supervisor(accuracy=ACCURACY)
    sums = tally(host, play(host, Controller(case.community, policy=host.policy, supervisor=supervisor).step))
    assert sums.steps == STEPS
    assert sums.violations == 0
    # The same run by somebody else's loop, with the feeder in it.
    feeder = Feeder(OpenDssHost(case.community, case.grid, case.scenario), supervisor=supervisor)
    WAYS[way](feeder, Remote(case.community, by_the_clock), steps=STEPS)
    assert tally(feeder.host, feeder.steps).cost == sums.cost


TELLING = ("wrong sign of the action", "wrong scale of the action", "kWh for kW", "one step late", "stale SoC")
EVERY = [
    *((fault, "by hand") for fault in FAULTS),
    *((fault, way) for fault in TELLING for way in ("mosaik", "HELICS")),
]


@pytest.mark.parametrize(("fault", "way"), EVERY)
def test_every_planted_fault_is_found_through_a_co_simulation(fault: str, way: str) -> None:
    make, check, words = FAULTS[fault]
    report = check_host(whole(way, make()))
    found = [finding.text for finding in report.findings if finding.check == check]
    assert found, str(report)
    if fault != "a missing row":  # what cannot be sent is an error before it is compared
        assert any(words in text for text in found), found


def two_steps_late(side: Any, remote: Remote, *, steps: int) -> None:
    sent = [None, None]
    for _ in range(steps):
        measured = side.measure()
        side.apply(sent.pop(0))
        sent.append(remote.decide(measured))


def scaled(side: Any, remote: Remote, *, steps: int) -> None:
    sent = None
    for _ in range(steps):
        measured = side.measure()
        side.apply(sent)
        sent = {name: [1e3 * value for value in row] for name, row in remote.decide(measured).items()}


def misheard(side: Any, remote: Remote, *, steps: int) -> None:
    sent = None
    for _ in range(steps):
        measured = side.measure()
        side.apply(sent)
        sent = remote.decide({**measured, "soc": measured["soc"][::-1]})


def too_short(side: Any, remote: Remote, *, steps: int) -> None:
    by_hand(side, remote, steps=steps // 2)


def prophetic(side: Any, remote: Remote, *, steps: int) -> None:
    for _ in range(steps):
        side.apply(remote.decide(side.measure()))


@pytest.mark.parametrize(
    ("carry", "words"),
    [
        (two_steps_late, "what arrived for step 1 is not"),
        (scaled, "what arrived for step"),
        (misheard, "the policy heard another soc of step 0"),
        (too_short, "ended before its last step"),
        (prophetic, "before anything was decided"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_connection_that_carries_something_else_is_found(carry: Any, words: str) -> None:
    report = check_host(CoSimulated(street_host(), by_the_clock, carry, steps=STEPS))
    found = [finding.text for finding in report.findings if finding.check == SIGNALS]
    assert any(words in text for text in found), str(report)


def test_it_ends_with_the_hosts_data_and_can_be_left_in_the_middle() -> None:
    host = CoSimulated(street_host(days=1), by_the_clock, by_hand, steps=1000)
    steps = list(play(host, Controller(COMMUNITY, policy=host.policy).step, seed=3))
    assert len(steps) == 96
    assert host.is_done
    before = threading.active_count()
    for _ in range(20):
        host.reset(seed=1)
    host.close()
    assert threading.active_count() <= before
    with pytest.raises(ModelError, match="reset"):
        host.step(host.from_decision(steps[0].decision))


@pytest.mark.parametrize("steps", [0, -1, 2.0, True])
def test_a_number_of_steps_that_is_none_is_refused(steps: Any) -> None:
    with pytest.raises(ModelError, match="steps"):
        CoSimulated(street_host(), by_the_clock, by_hand, steps=steps)


def test_a_policy_that_fails_elsewhere_is_told_here() -> None:
    def broken(community: Any, observation: Any) -> Any:
        raise RuntimeError("no idea")

    host = CoSimulated(street_host(), broken, by_hand, steps=8)
    raw = host.reset(seed=0)
    decide = Controller(COMMUNITY, policy=host.policy).step
    with pytest.raises(HostError, match="no idea"):
        host.step(host.from_decision(decide(host.to_observation(raw))))


def alike(one: Feeder, other: Feeder) -> bool:
    pairs = zip(one.steps, other.steps, strict=True)
    return all(a.decision.battery_kw.tobytes() == b.decision.battery_kw.tobytes() for a, b in pairs)


def opendss_feeder() -> Feeder:
    pytest.importorskip("dss")
    case = fontana()
    return Feeder(OpenDssHost(case.community, case.grid, case.scenario), supervisor=Supervisor(accuracy=ACCURACY))


def expected() -> Feeder:
    feeder = opendss_feeder()
    by_hand(feeder, Remote(feeder.community, load_policy("time-of-use")), steps=STEPS)
    return feeder


@pytest.mark.parametrize("core", ["zmq", "tcp"])
def test_helics_federates_in_processes_of_their_own_equal_the_loop_by_hand(core: str) -> None:
    helics = pytest.importorskip("helics")
    broker = helics.helicsCreateBroker(core, f"broker-{uuid4().hex}", "-f 2")
    assert helics.helicsBrokerIsConnected(broker)
    address = helics.helicsBrokerGetAddress(broker)
    command = [sys.executable, "-m", "autonomy.hosts.helics_federates", str(TOML), "--policy", "time-of-use"]
    with subprocess.Popen([*command, "--steps", str(STEPS), "--core", core, "--broker", address]) as policy:
        feeder = opendss_feeder()
        run_community(feeder, steps=STEPS, core=core, broker=address)
        assert policy.wait(60) == 0
    helics.helicsBrokerWaitForDisconnect(broker, 10_000)
    helics.helicsBrokerFree(broker)
    assert alike(feeder, expected())


def test_a_mosaik_policy_in_a_process_of_its_own_equals_the_loop_by_hand() -> None:
    mosaik = pytest.importorskip("mosaik")
    apart = {**SIMULATORS, "Policy": {"cmd": "%(python)s -m autonomy.hosts.mosaik_sim %(addr)s"}}
    feeder = opendss_feeder()
    with mosaik.World(apart, skip_greetings=True) as world:
        here = world.start("Community", feeder=feeder).Community()
        there = world.start("Policy", community=str(TOML), policy="time-of-use").Policy()
        connect(world, here, there, step_s=3600, steps=STEPS)
    assert alike(feeder, expected())
