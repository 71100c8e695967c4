"""The reference model of the optimal dispatch: worked by hand, carried out in the simulator, equal to all others."""

from __future__ import annotations

import csv
import importlib.util
import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from autonomy.assets import Assets, Ev
from autonomy.benchmark.optimum.cases import CASES, KINDS, START, case
from autonomy.benchmark.optimum.demo import demo_window
from autonomy.benchmark.optimum.method import Answer, UnsolvedError, UnstatedError
from autonomy.benchmark.optimum.methods import ALONE, FAST, METHODS, REFERENCE
from autonomy.benchmark.optimum.row import EQUAL, OptimumRow
from autonomy.benchmark.optimum.run import Found, OptimumRun, Settings, carried_out
from autonomy.benchmark.optimum.table import optimum_tables
from autonomy.benchmark.optimum.window import Window
from autonomy.benchmark.row import Outcome
from autonomy.cli import main
from autonomy.dispatch.facts import facts_of
from autonomy.dispatch.formulas import CONSTRAINTS, sets_of
from autonomy.dispatch.reference import NoReferenceError, reference_model, solve_reference, why_not
from autonomy.economics import Economics
from autonomy.layers.community import Community
from autonomy.layers.network import Network
from autonomy.scenario import Scenario
from autonomy.series import Series

pytest.importorskip("pyomo")

LIMIT_S = 60.0
FREE = Economics(carbon_price_per_kg=0.0, wear_per_kwh=0.0, terminal_price_per_kwh=0.0)
LIBRARIES = {"pulp": "pulp", "linopy": "linopy", "pypsa": "pypsa"}
NETWORKED = (0, 1, 23, 24, 8, 28, 12, 15)
"""Windows of eight kinds, three in half hours: PyPSA takes seconds each; `autonomy benchmark optimum` asks for all."""
HOUR = np.timedelta64(60, "m")
ULP = 1e-11


@cache
def answer_of(method: str, number: int) -> Answer:
    return answered(method, case(number))


def answered(method: str, window: Window) -> Answer:
    found = Found()
    found.try_on(METHODS[method], window, LIMIT_S)
    (answer,) = found.answers
    assert answer is not None, f"{method} on {window.name}: {found.outcome}, {found.message}"
    return answer


def relative(objective: float, reference: float) -> float:
    return abs(objective - reference) / max(abs(reference), 1.0)


def home(demand, pv, retail, feed_in, *, economics=FREE, energy=0.0, assets=None, limits=None, **battery) -> Window:
    """A window of one home, in steps of an hour."""
    steps = len(demand)
    battery = {"battery_capacity_kwh": 10.0, "charge_limit_kw": 5.0, "discharge_limit_kw": 5.0, **battery}
    network = Network.single_feeder(n_prosumers=1, **(limits or {}))
    community = Community(**battery, network=network, timestep_h=1.0, names=("home",))
    assets = assets or Assets()
    community = assets.equip(community)
    series = Series(
        time=START + HOUR * np.arange(steps),
        demand_kw=np.array(demand, dtype=float)[:, None],
        pv_kw=np.broadcast_to(np.array(pv, dtype=float), (steps,))[:, None],
        retail_price=np.array(retail, dtype=float),
        feed_in_price=np.array(feed_in, dtype=float),
        names=community.names,
        timestep_h=1.0,
    )
    return Window(
        name="by hand",
        community=community,
        scenario=Scenario.whole(series),
        economics=economics,
        energy_kwh=np.array([energy]),
        timeline=assets.timeline(community, series),
    )


# Worked by hand ------------------------------------------------------------------------------------------------------


def test_a_battery_charges_cheap_and_discharges_dear():
    window = home([1, 1], 0, [0.1, 0.5], [0, 0], charge_efficiency=0.9, discharge_efficiency=0.8)
    found = solve_reference(window.facts())
    bought = 1 / 0.8 / 0.9
    np.testing.assert_allclose(found.battery_kw[:, 0], [bought, -1.0], atol=1e-7)
    assert found.objective == pytest.approx(0.1 * (1 + bought), rel=1e-9)
    assert found.bound == pytest.approx(found.objective, rel=1e-7)


def test_paid_to_import_a_battery_does_not_run_both_ways_to_burn_more():
    # A kWh bought earns 0.2. With 1 kWh of room the battery takes 1/0.5 kW in one of the two steps and no more in the
    # other, unless it gives some back in between: at 0.2 a kWh both ways that earns nothing. Running both ways at once
    # would burn 4 kW of 5 in each step.
    window = home(
        [0, 0], 0, [-0.2, -0.2], [-0.2, -0.2], battery_capacity_kwh=1.0, charge_efficiency=0.5, discharge_efficiency=0.5
    )
    found = solve_reference(window.facts())
    assert found.objective == pytest.approx(-0.4, rel=1e-7)
    assert carried_out(window, as_answer(found))[0] == pytest.approx(-0.4, rel=1e-7)


def test_a_car_leaves_with_what_it_requires_where_that_is_cheaper_than_what_it_lacks():
    car = Assets(evs=(Ev(prosumer="home", departure_h=16, arrival_h=20, required_kwh=6.0, drive_kwh=4.0),))
    window = home([0] * 3, 0, [0.3, 0.4, 0.1], [0] * 3, assets=car, charge_limit_kw=2.0)
    # Two hours at 2 kW before 16 o'clock: 4 of 6 kWh, at 0.3 and 0.4, and 2 kWh missing at 1.
    assert solve_reference(window.facts()).objective == pytest.approx(2 * 0.3 + 2 * 0.4 + 2 * 1.0, rel=1e-7)
    cheap = replace(window, economics=replace(FREE, missing_charge_price_per_kwh=0.35))
    assert solve_reference(cheap.facts()).objective == pytest.approx(2 * 0.3 + 4 * 0.35, rel=1e-7)


@pytest.mark.parametrize(("energy", "left"), [(9.0, 5.0), (3.0, 2.0), (1.5, 1.5)])
def test_a_drive_takes_no_more_than_lies_above_the_lower_end_of_the_band(energy, left):
    # Away from 15 to 16 o'clock with what it has, back having driven 4 kWh; below 2 kWh it was charged on the way.
    car = Assets(evs=(Ev(prosumer="home", departure_h=14, arrival_h=16, required_kwh=0.0, drive_kwh=4.0),))
    economics = replace(FREE, terminal_price_per_kwh=0.1)
    window = home([0] * 3, 0, [0.3] * 3, [0] * 3, assets=car, energy=energy, soc_min=0.2, economics=economics)
    found = solve_reference(window.facts())
    assert found.objective == pytest.approx(-0.1 * (left - energy), abs=1e-8)


def test_a_capacity_tariff_is_paid_once_a_month():
    # Eleven hours from 14 o'clock on 31 May: ten of May with a peak of 3, one of June with 2. The battery is empty.
    economics = replace(FREE, capacity_price_per_kw=5.0, value_of_lost_load_per_kwh=100.0)
    window = home([1.0, 3.0, *[1.0] * 8, 2.0], 0, [0.0] * 11, [0.0] * 11, economics=economics, battery_capacity_kwh=0.0)
    assert solve_reference(window.facts()).objective == pytest.approx(5.0 * (3 + 2), rel=1e-9)
    # At 3 a kWh it is cheaper to shed what sticks out of one hour, and all of June, than to pay 5 for its peak.
    cheap = replace(window, economics=replace(economics, value_of_lost_load_per_kwh=3.0))
    assert solve_reference(cheap.facts()).objective == pytest.approx(5.0 * 1 + 3.0 * (2 + 2), rel=1e-9)


def test_a_limit_that_nothing_can_keep_is_said_to_have_no_answer():
    window = home([0, 0], 0, [0.1, 0.1], [0, 0], energy=5.0, ramp_limit_kw=0.5)
    facts = replace(window.facts(), battery_kw=np.array([5.0]), energy_max_kwh=np.full((2, 1), 5.0))
    with pytest.raises(NoReferenceError, match="infeasible"):
        solve_reference(facts)


def test_wear_by_depth_of_a_battery_that_drives_and_discharges_is_refused():
    car = Assets(evs=(Ev(prosumer="home", departure_h=15, arrival_h=16, required_kwh=1.0, drive_kwh=1.0, v2g=True),))
    window = home([1] * 3, 0, [0.3] * 3, [0] * 3, assets=car, economics=replace(FREE, cycle_price_per_kwh=50.0))
    assert "no linear row" in why_not(window.facts())
    with pytest.raises(NoReferenceError, match="no linear row"):
        reference_model(window.facts())


def test_every_formula_says_what_it_is_and_every_set_what_is_in_it():
    window = case(list(KINDS).index("cars"))
    model = reference_model(window.facts())
    for name, over, formula in CONSTRAINTS:
        assert formula.__doc__
        assert getattr(model, name).doc == formula.__doc__
        assert set(over) <= set(sets_of(window.facts()))
    assert all(text for text, _, _ in sets_of(window.facts()).values())
    import pyomo.environ as pyo  # noqa: PLC0415 - skipped above where it is missing

    assert all(variable.doc for variable in model.component_objects(pyo.Var))


# Sixty windows -------------------------------------------------------------------------------------------------------


def as_answer(found) -> Answer:
    return Answer(
        objective=found.objective,
        battery_kw=found.battery_kw,
        curtail_kw=found.curtail_kw,
        shed_kw=found.shed_kw,
        binaries=found.binaries,
    )


@pytest.mark.parametrize("number", range(CASES))
def test_the_reference_carried_out_costs_what_it_says_and_breaks_nothing(number):
    window, found = case(number), answer_of("pyomo", number)
    cost, broken = carried_out(window, found)
    assert broken == 0
    if not window.community.network.is_lossless:  # what lines lose is not in the program, and is never to its favour
        assert cost >= found.objective - 1e-9
        return
    # Fees are paid in whole micro-currency, rounded down.
    rounding = 1e-6 * window.scenario.n_steps if window.economics.trade_fee_per_kwh > 0 else 0.0
    assert cost == pytest.approx(found.objective, rel=1e-7, abs=1e-7 + rounding)


@pytest.mark.parametrize("number", range(CASES))
def test_the_arrays_have_the_reference_objective(number):
    reference = answer_of("pyomo", number).objective
    assert relative(answer_of("arrays", number).objective, reference) <= EQUAL
    assert relative(answer_of("arrays-binaries", number).objective, reference) <= EQUAL


@pytest.mark.parametrize("number", range(CASES))
def test_pulp_with_another_solver_has_the_reference_objective(number):
    pytest.importorskip("pulp")
    assert relative(answer_of("pulp", number).objective, answer_of("pyomo", number).objective) <= EQUAL


@pytest.mark.parametrize("number", range(len(KINDS)))
def test_linopy_has_the_reference_objective(number):
    pytest.importorskip("linopy")
    assert relative(answer_of("linopy", number).objective, answer_of("pyomo", number).objective) <= EQUAL


@pytest.mark.parametrize("number", NETWORKED)
def test_the_community_as_a_network_of_pypsa_has_the_reference_objective(number):
    pytest.importorskip("pypsa")
    assert relative(answer_of("pypsa", number).objective, answer_of("pyomo", number).objective) <= EQUAL


def test_the_windows_have_in_them_what_they_are_for():
    found = {name: [answer_of("pyomo", k) for k in range(CASES) if case(k).name[3:] == name] for name in KINDS}
    fast = {name: [answer_of("arrays", k) for k in range(CASES) if case(k).name[3:] == name] for name in KINDS}
    for name in ("feeder binds", "nodes bind", "tree", "cheap curtailing"):
        assert any(answer.curtail_kw.sum() + answer.shed_kw.sum() > 0.1 for answer in found[name]), name
    for name in ("negative prices", "negative prices, no wear", "dear curtailing"):
        assert any(answer.binaries > 0 for answer in fast[name]), f"{name}: the linear program is always exact"
    for name in ("plain", "cheap curtailing", "trade fee", "capacity tariff"):
        assert all(answer.binaries == 0 for answer in fast[name]), f"{name}: binaries are needed"
    cars = case(list(KINDS).index("cars"))
    assert {"BACK", "LEAVING"} <= {name for name, (_, _, members) in sets_of(cars.facts()).items() if members}


def test_a_curtailing_price_raises_the_cost_by_what_is_curtailed_at_most():
    window = case(list(KINDS).index("feeder binds"))
    free = answered("pyomo", window)
    priced = answered("pyomo", replace(window, curtail_price_per_kwh=0.01))
    curtailed = window.community.timestep_h * free.curtail_kw.sum()
    assert free.objective <= priced.objective + ULP
    assert priced.objective <= free.objective + 0.01 * curtailed + 1e-7


def test_homes_alone_agree_where_they_are_one_and_lose_where_neighbours_could_have_helped():
    pytest.importorskip("pulp")
    alone = home([1, 1, 2], [0, 3, 0], [0.1, 0.3, 0.5], [0, 0.1, 0])
    assert relative(answered("single-home", alone).objective, answered("arrays", alone).objective) <= EQUAL
    window = demo_window(4, 24, 0)
    homes, together = answered("single-home", window), answered("arrays", window)
    cost, _ = carried_out(window, homes)
    assert cost > together.objective + 0.1
    assert cost < homes.objective  # they trade all the same once the market is there


# The benchmark -------------------------------------------------------------------------------------------------------


class Sleeper:
    name = "sleeper"

    def state(self, window):
        return window

    def solve(self, stated, limit_s):
        raise UnsolvedError(f"nothing found in {limit_s} s")


class Blind:
    name = "blind"

    def state(self, window):
        raise UnstatedError("it knows nothing")

    def solve(self, stated, limit_s):
        raise AssertionError


class Wrong:
    name = "wrong"

    def state(self, window):
        return window

    def solve(self, stated, limit_s):
        right = answered("arrays", stated)
        return replace(right, objective=right.objective * 1.01)


def test_failures_are_charged_the_limit_and_wrong_costs_are_seen():
    settings = Settings(cases=0, sizes=(2,), hours=(6,), repeats=1, time_limit_s=0.5)
    methods = [METHODS["arrays"], METHODS["pyomo"], Sleeper(), Blind(), Wrong()]
    run = OptimumRun(methods, settings)
    ((part, windows, name),) = run.parts()
    rows = {row.method: row for row in run.measure(part, windows, name, lambda _: None)}
    assert (rows["sleeper"].outcome, rows["sleeper"].charged_s) == (Outcome.FAILED, 0.5)
    assert (rows["blind"].outcome, rows["blind"].message) == (Outcome.NOT_RUN, "it knows nothing")
    assert np.isnan(rows["blind"].charged_s)
    assert rows[FAST].is_equal
    assert rows[REFERENCE].difference == 0.0
    assert not rows["wrong"].is_equal
    assert rows["wrong"].difference == pytest.approx(0.01, rel=1e-6)
    assert rows[FAST].total_ratio == rows[FAST].build_ratio == 1.0
    assert rows["sleeper"].total_ratio == 0.5 / rows[FAST].charged_s
    shown = {row[0]: row[1] for row in optimum_tables(list(rows.values()))[0].rows}
    assert shown["wrong"].endswith("≠")
    assert shown["sleeper"] == "failed"


def test_tables_count_who_agrees():
    base = OptimumRow(part="agreement", method=REFERENCE, window="00 plain", homes=2, steps=12, outcome=Outcome.RAN)
    rows = [
        replace(base, objective=1.0, difference=0.0, charged_s=1.0),
        replace(base, method=FAST, objective=1.0, difference=1e-9, charged_s=0.1),
        replace(base, method="off", objective=1.1, difference=0.1, violations=2, charged_s=0.5),
        replace(base, method="blind", outcome=Outcome.NOT_RUN),
        replace(base, method=ALONE, outcome=Outcome.FAILED, charged_s=60.0),
    ]
    agreement, kinds = optimum_tables(rows)
    assert [row[1:6] for row in agreement.rows] == [
        ("1", "0", "0", "0e+00", "0"),
        ("1", "0", "0", "1e-09", "0"),
        ("0", "0", "0", "1e-01", "1"),
        ("0", "0", "1", "–", "0"),
        ("0", "1", "0", "–", "0"),
    ]
    assert kinds.rows == (("plain", "1 of 1", "0e+00", "1e-09", "1e-01", "–"),)


def test_the_command_writes_rows_and_prints_the_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "results"
    words = ["benchmark", "optimum", "--quick", "--cases", "2", "--sizes", "2", "--hours", "6"]
    assert main([*words, "--methods", "arrays,pyomo", "--out", str(out)]) == 0
    with (out / "results.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["part"], row["method"]) for row in rows] == [
        *[("agreement", FAST), ("agreement", REFERENCE)] * 2,
        ("speed", FAST),
        ("speed", REFERENCE),
    ]
    assert all(row["outcome"] == "ran" and abs(float(row["difference"])) <= EQUAL for row in rows)
    assert json.loads((out / "results.json").read_text())["settings"]["hours"] == [6]
    assert "Speed on 2 homes, 6 hours" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--sizes", "0"], "--sizes"),
        (["--hours", "x"], "--hours"),
        (["--methods", "piomo"], "pyomo"),
        (["--time-limit", "0"], "--time-limit"),
        (["--cases", "-1"], "--cases"),
    ],
)
def test_options_out_of_range_are_errors(words, says, capsys):
    assert main(["benchmark", "optimum", *words]) == 1
    assert says in capsys.readouterr().err


def test_a_library_that_is_missing_is_said_to_be_missing():
    for word, library in LIBRARIES.items():
        if importlib.util.find_spec(library) is None:
            found = Found()
            found.try_on(METHODS[word], case(0), LIMIT_S)
            assert found.outcome is Outcome.NOT_INSTALLED


def test_the_facts_of_a_window_without_a_timeline_are_the_community_s():
    window = demo_window(3, 6, 1)
    facts = facts_of(
        window.community, window.scenario, economics=window.economics, energy_kwh=window.energy_kwh, battery_kw=None
    )
    lowest, highest = facts.energy_bounds_kwh
    np.testing.assert_array_equal(lowest, np.broadcast_to(window.community.energy_min_kwh, (6, 3)))
    np.testing.assert_array_equal(highest, np.broadcast_to(window.community.energy_max_kwh, (6, 3)))
    assert not facts.settled_apart.any()
    assert (facts.month == 0).all()


def test_the_page_has_every_formula():
    page = (Path(__file__).parent.parent / "docs" / "reference-model.md").read_text(encoding="utf-8")
    assert [name for name, _, _ in CONSTRAINTS if f"`{name}`" not in page] == []
