"""What is wired wrongly is said: the field, the variable, and what there is instead. No FMU is needed for that."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from autonomy import Community, Network, Scenario, Simulator
from autonomy.controller import Controller
from autonomy.errors import ConfigError, ModelError
from autonomy.hosts.fmu_description import Description, Variable
from autonomy.hosts.fmu_host import FmuHost, _length
from autonomy.hosts.fmu_plant import PLANT, PlantState
from autonomy.hosts.fmu_slave import ASKED_EACH
from autonomy.hosts.fmu_wiring import Wire, Wiring, connect

HOMES = 3
COMMUNITY = Community(
    battery_capacity_kwh=[10.0, 0.0, 5.0],
    charge_limit_kw=[4.0, 0.0, 4.0],
    discharge_limit_kw=[4.0, 0.0, 4.0],
    network=Network.single_feeder(n_prosumers=HOMES, import_limit_kw=5.0, export_limit_kw=4.0),
    names=("east", "west", "north"),
)
WIRED = {item.name: getattr(PLANT, item.name) for item in fields(Wiring) if isinstance(getattr(PLANT, item.name), str)}


def described(wiring: Wiring = PLANT, **more: Variable) -> Description:
    """An FMU that has all that a wiring wants."""
    variables = dict(more)
    for field in WIRED:
        wire = wiring.wire(field)
        assert wire is not None
        causality = "input" if field in ASKED_EACH else "output"
        variables |= {name: Variable(kind="Real", causality=causality) for name in wire.names(COMMUNITY)}
    return Description(variables=variables, stop_s=None)


def test_what_fits_is_connected_in_order() -> None:
    connected = connect(PLANT, COMMUNITY, described())
    assert connected["soc"] == ("soc[1]", "soc[2]", "soc[3]")
    assert connected["feeder_kw"] == ("feeder_kw",)
    assert set(connected) == set(WIRED)
    by_name = replace(PLANT, soc="{name}.soc")
    assert connect(by_name, COMMUNITY, described(by_name))["soc"] == ("east.soc", "west.soc", "north.soc")


@given(field=st.sampled_from(sorted(WIRED)), place=st.integers(0, 30), letter=st.sampled_from("xyq_"))
def test_a_slip_of_the_pen_is_named_with_what_was_meant(field: str, place: int, letter: str) -> None:
    right = WIRED[field]
    stem = right.removesuffix("[{i}]")
    cut = place % len(stem)
    wrong = stem[:cut] + letter + stem[cut + 1 :] + right[len(stem) :]
    assume(wrong not in WIRED.values())
    with pytest.raises(ModelError) as caught:
        connect(replace(PLANT, **{field: wrong}), COMMUNITY, described())
    text = str(caught.value)
    assert text.startswith(f"wiring.{field} = {wrong.replace('{i}', '1')!r}: expected the name of an ")
    assert right.replace("{i}", "1") in text, text


@given(field=st.sampled_from(sorted(WIRED)), other=st.sampled_from(sorted(WIRED)))
def test_a_variable_of_the_other_direction_is_refused(field: str, other: str) -> None:
    assume((field in ASKED_EACH) != (other in ASKED_EACH))
    assume(("{i}" in WIRED[field]) == ("{i}" in WIRED[other]))
    here, there = ("input", "output") if field in ASKED_EACH else ("output or local", "input")
    with pytest.raises(ModelError, match=rf"wiring\.{field} = .*an {here} of the FMU, Real; this one is {there}"):
        connect(replace(PLANT, **{field: WIRED[other]}), COMMUNITY, described())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"soc": "soc"}, r"wiring\.soc = 'soc': expected a name with \{i\}, which stands for 1\.\.3"),
        ({"feeder_kw": "soc[{i}]"}, r"wiring\.feeder_kw = 'soc\[\{i\}\]': expected one variable"),
        ({"shed_kw": "curtail_kw[{i}]"}, r"an input of its own; curtail_kw is wired to it"),
        ({"soc": "word[{i}]"}, r"this one is output, String"),
        ({"seed": "soc[1]"}, r"wiring\.seed = 'soc\[1\]': expected a parameter of the FMU, Integer or Real"),
        ({"seed": "sede"}, r"wiring\.seed = 'sede'.*near it: seed"),
    ],
)
def test_what_else_does_not_fit(change: dict[str, Any], words: str) -> None:
    more = {f"word[{i}]": Variable(kind="String", causality="output") for i in (1, 2, 3)}
    more["seed"] = Variable(kind="Integer", causality="parameter")
    with pytest.raises(ModelError, match=words):
        connect(replace(PLANT, **change), COMMUNITY, described(**more))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"soc": 0.5}, "wiring.soc = 0.5: expected a Wire, or a variable's name"),
        ({"pv_kw": math.nan}, "wiring.pv_kw = nan: expected a finite number"),
        ({"battery_kw": None}, "wiring.battery_kw"),
        ({"demand_kw": None}, "wiring.demand_kw"),
        ({"generation_left_kw": "left[{i}]"}, "none beside curtail_kw"),
        ({"shed_kw": None}, "a shed_kw beside it, or load_left_kw instead"),
        ({"price_bid": None}, "trade_kw and price_bid both, or neither"),
        ({"seed": 3}, "wiring.seed = 3: expected a parameter's name"),
    ],
)
def test_a_wiring_that_contradicts_itself_is_refused_without_an_fmu(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ModelError) as caught:
        replace(PLANT, **change)
    assert words in str(caught.value)


@given(st.floats())
def test_a_factor_is_a_finite_number_that_is_not_0(factor: float) -> None:
    if factor != 0 and math.isfinite(factor):
        assert Wire("a", factor).factor == factor
    else:
        with pytest.raises(ModelError, match="factor"):
            Wire("a", factor)


def test_a_home_without_a_battery_needs_no_variables_of_one() -> None:
    there = described()
    lacking = {name: item for name, item in there.variables.items() if name not in ("soc[2]", "battery_kw[2]")}
    connected = connect(PLANT, COMMUNITY, replace(there, variables=lacking))
    assert connected["soc"] == ("soc[1]", None, "soc[3]")
    assert connected["battery_kw"] == ("battery_kw[1]", None, "battery_kw[3]")
    without = {name: item for name, item in there.variables.items() if name != "soc[1]"}
    with pytest.raises(ModelError, match=r"wiring\.soc = 'soc\[1\]'"):
        connect(PLANT, COMMUNITY, replace(there, variables=without))


def test_what_a_wiring_lacks_a_host_cannot() -> None:
    assert (PLANT.capabilities.curtail, PLANT.capabilities.shed, PLANT.capabilities.trade) == (True, True, True)
    bare = replace(PLANT, generation_cap_kw=None, curtail_kw=None, load_cap_kw=None, shed_kw=None)
    assert (bare.capabilities.curtail, bare.capabilities.shed) == (False, False)
    left = replace(bare, generation_left_kw="most[{i}]", trade_kw=None, price_bid=None)
    assert (left.capabilities.curtail, left.capabilities.shed, left.capabilities.trade) == (True, False, False)


@pytest.mark.parametrize(
    ("steps", "stop_s", "expected"), [(None, 604_800.0, 168), (5, 604_800.0, 5), (5, None, 5), (None, 3600.0, 1)]
)
def test_how_long_a_plant_is_played(steps: int | None, stop_s: float | None, expected: int) -> None:
    assert _length(steps, stop_s, 3600.0) == expected


@pytest.mark.parametrize(("steps", "stop_s"), [(None, None), (0, None), (-1, 7200.0), (None, 0.0), (None, 60.0)])
def test_a_length_that_is_none_is_refused(steps: int | None, stop_s: float | None) -> None:
    with pytest.raises(ModelError, match="steps"):
        _length(steps, stop_s, 3600.0)


def test_what_is_no_fmu_is_said(tmp_path: Path) -> None:
    pytest.importorskip("fmpy")
    path = tmp_path / "plant.fmu"
    with pytest.raises(ConfigError, match=r"plant\.fmu: is no FMU"):
        FmuHost(path, COMMUNITY, PLANT)
    path.write_text("no archive", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"plant\.fmu: is no FMU"):
        FmuHost(path, COMMUNITY, PLANT)


class TestPlant:
    """What is inside the plant's FMU, without one."""

    window = next(Scenario.demo().held_out_weeks()).window(0, 48)

    def test_it_is_the_simulator_to_the_last_bit(self) -> None:
        community = Community.demo()
        state, simulator = PlantState(community, self.window), Simulator(community, self.window)
        controller = Controller(community, policy="time-of-use")
        cost, violations = 0.0, 0
        while not simulator.is_done:
            seen = simulator.observe()
            assert state.measured["soc"].tobytes() == seen.soc.tobytes()
            decision = controller.step(seen)
            outcome = simulator.execute(decision)
            cost, violations = cost + outcome.cost, violations + len(outcome.violations)
            for name in ASKED_EACH:
                state.asked[name][:] = getattr(decision, name)
            assert state.step(3600.0)
        assert state.sums["cost"] == cost
        assert state.violations == violations == 0
        assert not state.step(3600.0), "the data are over"

    @pytest.mark.parametrize("saturates", [True, False])
    def test_a_battery_stops_at_its_band_or_is_counted(self, saturates: bool) -> None:
        community = Community.demo()
        state = PlantState(community, self.window)
        state.saturates = saturates
        state.start()
        state.asked["battery_kw"][:] = 5.0
        for _ in range(6):
            assert state.step(3600.0)
        if saturates:
            assert np.all(state.measured["soc"] <= community.soc_max + 1e-12)
            assert np.all(state.measured["applied_battery_kw"] < 1e-9)
        else:
            assert np.all(state.measured["soc"] > 1.0)
            assert np.all(state.measured["applied_battery_kw"] == 5.0)
            assert state.violations > 0

    @pytest.mark.parametrize("start", [0.0, 0.3, 1.0])
    def test_it_starts_where_it_is_told_within_the_band(self, start: float) -> None:
        state = PlantState(Community.demo(), self.window)
        state.initial_soc = start
        state.start()
        community = state.community
        np.testing.assert_allclose(state.measured["soc"], np.clip(start, community.soc_min, community.soc_max))

    def test_another_step_and_no_number_are_refused_and_change_nothing(self) -> None:
        state = PlantState(Community.demo(), self.window)
        before = state.measured["soc"].copy()
        assert not state.step(900.0)
        state.asked["shed_kw"][3] = np.nan
        assert not state.step(3600.0)
        assert not state.has_feedback
        np.testing.assert_array_equal(state.measured["soc"], before)
