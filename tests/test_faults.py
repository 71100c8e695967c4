"""Faults: each kind on numbers worked by hand, the plant that executes, the bound, and the controllers on the bench."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonomy import Community, Decision, Mode, Network, Observation
from autonomy.errors import ConfigError
from autonomy.faults.actuator import faulty_actuator
from autonomy.faults.bound import upper_bound
from autonomy.faults.catalogue import CATALOGUE, SLOTS
from autonomy.faults.fault import Fault
from autonomy.faults.meter import observe
from autonomy.faults.phases import AFTER, BEFORE, FAULTY
from autonomy.faults.plant import Plant
from autonomy.faults.rig import foreign_rig
from autonomy.faults.rivals import ClipOnly
from autonomy.faults.signal import DISTORTIONS, Moment, Sizes, distort, seen
from autonomy.faults.strike import Strike
from autonomy.faults.trial import ROUTINE
from autonomy.faults.truth import Truth, Weather, minutes_of, time_of
from autonomy.faults.words import Channel, Kind, Phase, Scope, Severity
from autonomy.layers.observation import Forecast
from tests.fault_village import village, village_data

PAST = np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0], [4.0, 40.0], [5.0, 50.0]])
"""The onset is row 3, so row 4 is one step after it and (3, 30) the last sound value."""
SIZES = Sizes(
    offset=(0.2, 1.0, 5.0),
    units=(3.6, 0.001, 1000.0),
    low=np.array([0.0, -1.0]),
    high=np.array([15.0, 16.0]),
    overflow=32767.0,
    mirror=np.array([6.0, 60.0]),
)


def fault(kind: Kind, severity: str = "large", scope: str = "community", steps: int = 4, on: str = "demand") -> Fault:
    return Fault(channel=Channel(on), kind=kind, severity=Severity(severity), scope=Scope(scope), steps=steps)


def moment(kind: str, severity: str, sign: float = 1.0, k: int = 1, scope: str = "community") -> Moment:
    return Moment(fault=fault(Kind(kind), severity, scope), k=k, past=PAST, sizes=SIZES, sign=sign, seed=(3, k))


# Signals --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "severity", "sign", "shown"),
    [
        ("rail", "small", 1, [0, -1]),
        ("rail", "medium", 1, [15, 16]),
        ("rail", "large", 1, [32767, 32767]),
        ("stuck", "large", 1, [3, 30]),
        ("stuck", "small", 1, [5, 50]),  # a third of four steps is one, and this is the second
        ("bias", "small", 1, [5.2, 50.2]),
        ("bias", "medium", -1, [4, 49]),
        ("drift", "medium", 1, [5.5, 50.5]),  # 1 kW at the fourth step, so half of it at the second
        ("scale", "large", 1, [20, 200]),
        ("scale", "large", -1, [1.25, 12.5]),
        ("sign", "large", 1, [-5, -50]),
        ("unit", "large", 1, [5000, 50000]),
        ("unit", "medium", 1, [0.005, 0.05]),
        ("delay", "small", 1, [4, 40]),
        ("delay", "medium", 1, [3, 30]),
        ("delay", "large", 1, [1, 10]),
        ("replay", "large", 1, [3, 30]),  # rows 1 and 2 over and over, this is the second
        ("replay", "small", 1, [2, 20]),  # all three rows that are known
        ("swap", "small", 1, [50, 5]),
        ("swap", "medium", 1, [5, 50]),  # two places further of two is oneself
        ("wrong-dt", "small", 1, [4, 40]),
        ("wrong-dt", "large", 1, [11, 110]),
        ("lie", "large", 1, [1, 10]),
        ("lie", "medium", 1, [3, 30]),
        ("lie", "small", 1, [4, 40]),
    ],
)
def test_each_kind_does_what_its_formula_says(kind: str, severity: str, sign: float, shown: list[float]) -> None:
    assert distort(moment(kind, severity, sign)) == pytest.approx(shown)


def test_not_a_number_comes_and_goes_with_severity() -> None:
    struck = {
        severity: [bool(np.isnan(distort(moment("nan", severity, k=k))).all()) for k in range(4)]
        for severity in ("small", "medium", "large")
    }
    assert struck["small"] == [True, False, False, True]
    assert struck["medium"] == [True, True, False, True]
    assert struck["large"] == [True] * 4


@pytest.mark.parametrize(("severity", "steps"), [("small", 2), ("medium", 4), ("large", 6)])
def test_a_meter_sticks_for_a_third_two_thirds_or_all_of_the_time(severity: str, steps: int) -> None:
    stuck = fault(Kind.STUCK, severity, steps=6)
    assert [stuck.holds_on(k) for k in range(6)] == [k < steps for k in range(6)]


def test_noise_has_the_size_it_is_said_to_have_and_repeats_with_its_seed() -> None:
    wide = replace(moment("noise", "medium"), past=np.zeros((5, 20_000)))
    assert np.std(distort(wide)) == pytest.approx(1.0, abs=0.03)
    assert np.array_equal(distort(wide), distort(wide))
    assert not np.array_equal(distort(wide), distort(replace(wide, seed=(3, 2))))


@given(
    kind=st.sampled_from(list(DISTORTIONS)),
    severity=st.sampled_from(list(Severity)),
    k=st.integers(0, 3),
    victim=st.integers(0, 5),
    sign=st.sampled_from([1.0, -1.0]),
)
def test_a_fault_of_one_prosumer_leaves_the_others_alone(
    kind: Kind, severity: Severity, k: int, victim: int, sign: float
) -> None:
    past = np.arange(48.0).reshape(8, 6) ** 1.5
    sizes = replace(SIZES, low=np.zeros(6), high=np.ones(6), mirror=np.full(6, 7.0))
    struck = Moment(
        fault=Fault(channel=Channel.DEMAND, kind=kind, severity=severity, scope=Scope.ONE, steps=4),
        k=k,
        past=past,
        sizes=sizes,
        sign=sign,
    )
    shown = seen(struck, victim)
    partner = (victim + (1, 2, 4)[severity.place]) % 6 if kind is Kind.SWAP else victim
    others = [i for i in range(6) if i not in (victim, partner)]
    assert np.array_equal(shown[others], past[-1][others])
    if kind is Kind.SWAP:
        assert (shown[victim], shown[partner]) == (past[-1][partner], past[-1][victim])
    else:
        assert np.array_equal(shown[victim], distort(struck)[victim], equal_nan=True)


# Catalogue ------------------------------------------------------------------------------------------------------------


def test_the_catalogue_has_every_channel_and_kind_and_no_combination_twice() -> None:
    pairs = [(entry.channel, entry.kind) for entry in CATALOGUE]
    assert len(set(pairs)) == len(pairs)
    assert {channel for channel, _ in pairs} == set(Channel)
    assert {kind for _, kind in pairs} == set(Kind)


@pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: f"{entry.channel}-{entry.kind}")
def test_every_entry_says_what_it_does_and_whom_it_can_strike(entry: Any) -> None:
    assert entry.formula.endswith(".")
    assert entry.field
    assert Scope.COMMUNITY in entry.scopes
    single = entry.channel in (Channel.PRICE, Channel.FEEDER, Channel.CLOCK, Channel.POLICY, Channel.SOLVER)
    assert not (single and Scope.ONE in entry.scopes)


# Observations ---------------------------------------------------------------------------------------------------------


def truths(count: int = 5) -> list[Truth]:
    data = village_data()
    plant = Plant(village(), np.array([5.0, 2.5, 0.0]))
    found = []
    for k in range(count):
        weather = Weather.of(data, 24 + 10 + k)
        found.append(plant.truth(weather))
        plant.execute(weather, None)
    return found


def strike(kind: Kind, on: str, *, severity: str = "large", scope: str = "community", **changes: Any) -> Strike:
    size = 3 if on not in ("feeder", "clock") else 1
    sizes = replace(SIZES, low=np.zeros(size), high=np.ones(size), mirror=np.ones(size), **changes)
    struck = fault(kind, severity, scope, on=on)
    return Strike(fault=struck, sizes=sizes, victim=1, sign=1.0, seed=5)


def test_without_a_fault_the_truth_is_told_and_a_fault_changes_its_own_field_only() -> None:
    past = truths()
    sound, changed = observe(past, None, None)
    assert not changed
    assert np.array_equal(sound.demand_kw, past[-1].weather.demand_kw)
    assert sound.feeder_kw == pytest.approx(float(past[-1].feeder_kw[0]))
    shown, changed = observe(past, strike(Kind.BIAS, "pv"), 1)
    assert changed
    assert np.array_equal(shown.pv_kw, sound.pv_kw + 5.0)
    for name in ("demand_kw", "soc", "retail_price", "feed_in_price", "feeder_kw", "applied_battery_kw", "time"):
        assert np.array_equal(getattr(shown, name), getattr(sound, name)), name
    assert observe(past, strike(Kind.BIAS, "pv"), None)[1] is False


def test_the_feeder_meter_shows_the_net_export_of_the_step_before() -> None:
    past = truths(2)
    first = past[0].weather
    assert past[0].observation().feeder_kw is None
    expected = (first.pv_kw - first.demand_kw).sum()
    assert past[1].observation().feeder_kw == pytest.approx(expected)


def test_a_missing_field_is_none_and_prices_change_places() -> None:
    past = truths()
    assert observe(past, strike(Kind.MISSING, "soc"), 0)[0].soc is None
    shown, changed = observe(past, strike(Kind.SWAP, "price"), 0)
    assert changed
    assert (shown.retail_price[0], shown.feed_in_price[0]) == (0.06, past[-1].weather.retail_price[0])


def test_a_clock_can_be_late_stop_and_be_no_time() -> None:
    past = truths()
    now = past[-1].weather.time
    assert observe(past, strike(Kind.BIAS, "clock", offset=(15.0, 60.0, 360.0)), 1)[0].time == now + np.timedelta64(
        6, "h"
    )
    assert observe(past, strike(Kind.STUCK, "clock"), 1)[0].time == now - np.timedelta64(2, "h")
    assert np.isnat(observe(past, strike(Kind.NAN, "clock"), 1)[0].time)
    assert time_of(minutes_of(now)) == now
    assert np.isnat(time_of(float("inf")))


# Plant ----------------------------------------------------------------------------------------------------------------


def home(**changes: Any) -> Community:
    fields: dict[str, Any] = {
        "battery_capacity_kwh": 10.0,
        "charge_limit_kw": 5.0,
        "discharge_limit_kw": 5.0,
        "soc_min": 0.1,
        "soc_max": 0.9,
        "network": Network.single_feeder(n_prosumers=1, import_limit_kw=6.0, export_limit_kw=4.0),
    }
    return Community(**(fields | changes))


def weather(demand: float, pv: float = 0.0) -> Weather:
    one = np.ones(1)
    nothing: Any = dict.fromkeys(Forecast.__dataclass_fields__, one)
    return Weather(
        demand_kw=demand * one,
        pv_kw=pv * one,
        retail_price=0.3 * one,
        feed_in_price=0.1 * one,
        carbon_kg_per_kwh=0.2 * one,
        time=np.datetime64("2024-05-06T00:00", "m"),
        forecast=Forecast(**nothing),
    )


def decision(**changes: float) -> Decision:
    fields: dict[str, Any] = dict.fromkeys(
        ("battery_kw", "trade_kw", "price_bid", "curtail_kw", "shed_kw", "net_export_kw"), np.zeros(1)
    )
    fields |= dict.fromkeys(("generation_cap_kw", "load_cap_kw"), np.full(1, np.inf))
    return Decision(**(fields | {name: np.full(1, value) for name, value in changes.items()}), mode=Mode.POLICY)


def rules(deed: Any) -> list[str]:
    return [violation.rule for violation in deed.violations]


def test_a_battery_stops_at_empty_and_below_its_reserve_is_a_violation() -> None:
    plant = Plant(home(), np.array([2.0]))
    deed = plant.execute(weather(3.0), decision(battery_kw=-5.0))
    # 2 kWh are left, so 2 of 5 kW come out; the reserve of 1 kWh is broken by 1 kWh.
    assert deed.execution.battery_kw == pytest.approx([-2.0])
    assert deed.stops == 1
    assert rules(deed) == ["soc"]
    assert deed.violations[0].amount == pytest.approx(1.0)
    assert plant.truth(weather(3.0)).soc == pytest.approx([0.0])
    assert plant.truth(weather(3.0)).applied_kw == pytest.approx([-2.0])


def test_a_battery_stops_at_full_and_at_its_rating() -> None:
    deed = Plant(home(), np.array([8.0])).execute(weather(0.0, 9.0), decision(battery_kw=4.0, curtail_kw=5.0))
    assert (deed.execution.battery_kw[0], deed.stops, rules(deed)) == (pytest.approx(2.0), 1, ["soc"])
    deed = Plant(home(), np.array([1.0])).execute(weather(0.0), decision(battery_kw=9.0))
    assert (deed.execution.battery_kw[0], deed.stops, rules(deed)) == (5.0, 1, [])


def test_devices_obey_cuts_and_caps_and_cut_no_more_than_there_is() -> None:
    plant = Plant(home(), np.array([5.0]))
    x = plant.execute(weather(8.0), decision(load_cap_kw=6.0)).execution
    assert (x.shed_kw[0], x.net_export_kw[0]) == (2.0, -6.0)
    x = plant.execute(weather(2.0, 3.0), decision(shed_kw=5.0, curtail_kw=9.0)).execution
    assert (x.shed_kw[0], x.curtail_kw[0], x.net_export_kw[0]) == (2.0, 3.0, 0.0)


def test_a_line_that_is_overloaded_by_the_true_demand_is_a_violation() -> None:
    deed = Plant(home(), np.array([5.0])).execute(weather(8.0), decision())
    assert [(v.rule, v.amount) for v in deed.violations] == [("line", 2.0)]


def test_a_set_point_that_is_no_number_is_not_executed_and_is_a_violation() -> None:
    deed = Plant(home(), np.array([5.0])).execute(weather(1.0), decision(battery_kw=np.nan))
    assert (deed.execution.battery_kw[0], rules(deed)) == (0.0, ["set-point"])
    deed = Plant(home(), np.array([5.0])).execute(weather(1.0), object())
    assert rules(deed) == ["set-point"]


def test_without_a_decision_batteries_stand_still_and_the_last_caps_hold() -> None:
    plant = Plant(home(), np.array([5.0]))
    plant.execute(weather(5.0), decision(battery_kw=1.0, load_cap_kw=5.0))
    x = plant.execute(weather(9.0), None).execution
    assert (x.battery_kw[0], x.shed_kw[0]) == (0.0, 4.0)


@pytest.mark.parametrize(
    ("kind", "severity", "done"),
    [("missing", "large", 0.0), ("sign", "large", -2.0), ("lie", "medium", 1.0), ("bias", "medium", 3.0)],
)
def test_an_actuator_does_otherwise_than_it_was_told(kind: str, severity: str, done: float) -> None:
    struck = Strike(
        fault=fault(Kind(kind), severity, on="actuator"),
        sizes=replace(SIZES, low=-np.ones(1), high=np.ones(1), mirror=np.zeros(1)),
        victim=0,
        sign=1.0,
        seed=1,
    )
    plant = Plant(home(), np.array([5.0]))
    actuator = faulty_actuator(struck, 0, [np.array([1.0])])
    deed = plant.execute(weather(1.0), decision(battery_kw=2.0), actuator, reports_asked=kind == "lie")
    assert deed.execution.battery_kw == pytest.approx([done])
    assert plant.truth(weather(1.0)).applied_kw == pytest.approx([2.0 if kind == "lie" else done])


def test_devices_that_ignore_their_caps_are_found_out_by_the_line() -> None:
    struck = Strike(fault=fault(Kind.CRASH, on="actuator"), sizes=SIZES, victim=0, sign=1.0, seed=1)
    told = decision(load_cap_kw=6.0)
    deed = Plant(home(), np.array([5.0])).execute(weather(8.0), told, faulty_actuator(struck, 0, []))
    assert deed.ignored
    assert rules(deed) == ["line"]
    assert not Plant(home(), np.array([5.0])).execute(weather(8.0), told, faulty_actuator(struck, None, [])).ignored


# Bound ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failures", "trials", "bound"),
    [(0, 1, 0.95), (0, 10, 0.25887), (1, 10, 0.39416), (5, 10, 0.77756), (10, 10, 1.0), (0, 59, 0.04951)],
)
def test_the_bound_has_its_known_values(failures: int, trials: int, bound: float) -> None:
    assert upper_bound(failures, trials) == pytest.approx(bound, abs=1e-5)


@given(
    st.one_of(st.integers(1, 50), st.integers(1, 3000)).flatmap(lambda n: st.tuples(st.integers(0, n - 1), st.just(n)))
)
def test_the_bound_is_that_of_the_beta_distribution(counts: tuple[int, int]) -> None:
    stats = pytest.importorskip("scipy.stats")
    failures, trials = counts
    assert upper_bound(failures, trials) == pytest.approx(
        stats.beta.ppf(0.95, failures + 1, trials - failures), abs=1e-8
    )


# Controllers ----------------------------------------------------------------------------------------------------------


def told(**changes: Any) -> Observation:
    fields: dict[str, Any] = {
        "demand_kw": [3.0],
        "pv_kw": [0.0],
        "soc": [0.3],
        "retail_price": 0.3,
        "feed_in_price": 0.1,
    }
    return Observation(**(fields | changes))


def test_the_clip_only_filter_clips_to_the_box_and_knows_no_line() -> None:
    rival = ClipOnly(home(), lambda *_: np.array([[-9.0, 0.0, 0.2]]))
    answer = rival.step(told())
    # 0.3·10 − 1 = 2 kWh may come out within the hour.
    assert answer.battery_kw == pytest.approx([-2.0])
    assert np.isinf(answer.load_cap_kw).all()
    assert not answer.shed_kw.any()


@pytest.mark.parametrize("bad", [{"demand_kw": [np.nan]}, {"soc": None}, {"pv_kw": [1.0, 2.0]}, {"soc": ["x"]}])
def test_the_clip_only_filter_answers_zeros_when_the_input_is_bad(bad: dict[str, Any]) -> None:
    answer = ClipOnly(home(), lambda *_: np.array([[-9.0, 0.0, 0.2]])).step(told(**bad))
    assert answer.mode is Mode.GRID_ONLY
    assert not np.any([answer.battery_kw, answer.trade_kw, answer.curtail_kw, answer.shed_kw])


@pytest.mark.parametrize("answer", [np.full((1, 3), np.nan), None, np.zeros((2, 3))])
def test_the_clip_only_filter_answers_zeros_when_the_policy_is_bad(answer: Any) -> None:
    assert ClipOnly(home(), lambda *_: answer).step(told()).mode is Mode.GRID_ONLY


def test_every_slot_is_one_that_a_controller_can_have() -> None:
    assert set(SLOTS.values()) == {"policy", "backend", "journal"}


@pytest.mark.parametrize(
    ("text", "spec", "said"),
    [
        ("", "mine:make", "expected a Python file and a function"),
        ("", "none.py:make", "no file"),
        ("", "mine.py:make", "has no function or class 'make'"),
        ("def make(community):\n    raise KeyError('x')", "mine.py:make", "raised KeyError: 'x'"),
        ("def make(community):\n    return 5", "mine.py:make", "returned a int; expected an object with step(obs)"),
        ("import nowhere", "mine.py:make", "raised ModuleNotFoundError"),
    ],
)
def test_a_controller_that_is_none_is_refused(tmp_path: Any, text: str, spec: str, said: str) -> None:
    (tmp_path / "mine.py").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="--controller") as caught:
        foreign_rig(home(), "grid-only", spec if spec.startswith("mine:") else str(tmp_path / spec))
    assert said in str(caught.value)


# Page -----------------------------------------------------------------------------------------------------------------

PAGE = Path(__file__).resolve().parents[1] / "docs" / "faults.md"


def test_the_page_has_every_formula_of_the_catalogue_and_how_many_combinations_there_are() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for found in CATALOGUE:
        own = f"| `{found.channel}` | `{found.kind}` | {found.formula.removesuffix('.')} |"
        shared = f"| `{found.kind}` | {found.formula.removeprefix('Show ').removesuffix('.')} |"
        assert own in text or shared in text, f"{found.channel} {found.kind}"
        assert f"| `{found.channel}` |" in text
    assert f"{len(CATALOGUE)} combinations" in text


def test_the_page_has_every_cause_that_is_no_doubt_and_every_phase() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert all(f"`{cause}`" in text for cause in ROUTINE)
    assert all(f"| `{phase}` |" in text for phase in Phase)
    assert f"A window is {BEFORE} steps before the fault, {FAULTY} with it and {AFTER} after it" in " ".join(
        text.split()
    )
