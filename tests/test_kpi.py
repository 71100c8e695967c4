"""Key figures: two windows worked by hand, and what is said when a figure has no meaning."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy import Community, Controller, Simulator
from autonomy.kpi import gini, kpi
from autonomy.layers.invariants import Violation
from autonomy.rollout import roll_out
from autonomy.trajectory import Trajectory
from tests.strategies import communities, scenarios

NAN = float("nan")


def trajectory(steps: int, **changes: Any) -> Trajectory:
    """A window of two prosumers, half-hour steps, all zeros but for the changes."""
    wide, long = np.zeros((steps, 2)), np.zeros(steps)
    values: dict[str, Any] = {
        "policy": "a policy",
        "timestep_h": 0.5,
        "time": np.datetime64("2024-05-01T00:00", "m") + np.timedelta64(30, "m") * np.arange(steps),
        **dict.fromkeys(
            (
                "demand_kw",
                "pv_kw",
                "battery_kw",
                "curtail_kw",
                "shed_kw",
                "net_export_kw",
                "trade_kw",
                "grid_kw",
                "bill",
            ),
            wide,
        ),
        "energy_kwh": np.zeros((steps + 1, 2)),
        "capacity_kwh": np.array([10.0, 0.0]),
        **dict.fromkeys(("feeder_kw", "loss_kw", "carbon_kg_per_kwh", "step_cost", "co2_kg", "intervention_kw"), long),
        "import_limit_kw": 9.0,
        "export_limit_kw": 9.0,
        "clearing_price": np.full(steps, NAN),
        "retail_price": np.full(steps, 0.3),
        "feed_in_price": np.full(steps, 0.1),
        "terminal_value": 0.0,
        "mode": np.array(["policy"] * steps),
        "latency_s": np.full(steps, 0.001),
        "reward": long,
        "violations": (),
    }
    return Trajectory(**{**values, **changes})


# The first window has three steps, the second one; the comments in the test below add them up.
FIRST = trajectory(
    3,
    demand_kw=np.array([[4.0, 2.0], [0.0, 0.0], [1.0, 1.0]]),
    shed_kw=np.array([[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]]),
    pv_kw=np.array([[0.0, 0.0], [6.0, 0.0], [2.0, 0.0]]),
    curtail_kw=np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 0.0]]),
    battery_kw=np.array([[-1.0, 0.0], [3.0, 0.0], [0.0, 0.0]]),
    trade_kw=np.array([[0.0, 0.0], [0.0, 0.0], [1.0, -1.0]]),
    net_export_kw=np.array([[-2.0, -2.0], [2.0, 0.0], [1.0, -1.0]]),
    bill=np.array([[1.0, 1.0], [-3.0, 0.0], [0.0, 1.0]]),
    feeder_kw=np.array([-4.0, 2.0, 0.0]),
    step_cost=np.array([5.0, -1.0, 0.5]),
    terminal_value=0.5,
    co2_kg=np.array([0.8, 0.0, 0.0]),
    intervention_kw=np.array([2.0, 0.0009, 0.0]),
    mode=np.array(["support", "policy", "projected"]),
    latency_s=np.array([0.001, 0.002, 0.003]),
)
SECOND = trajectory(
    1,
    demand_kw=np.array([[1.0, 0.0]]),
    feeder_kw=np.array([-1.0]),
    step_cost=np.array([2.0]),
    co2_kg=np.array([0.2]),
    intervention_kw=np.array([4.0]),
    mode=np.array(["dead-stop"]),
    latency_s=np.array([0.010]),
    violations=((0, Violation(rule="line", index=0, amount=1.0, unit="kW")),) * 2,
)


def test_two_windows_by_hand() -> None:
    figures = kpi([FIRST, SECOND], baseline_cost=10.0, optimal_cost=2.0, baseline_bill=np.array([10.0, 4.0]))
    assert figures.policy == "a policy"
    assert figures.steps == 4
    assert figures.cost == pytest.approx(5 - 1 + 0.5 - 0.5 + 2)
    assert figures.achievable_share == pytest.approx((10 - 6) / (10 - 2))
    assert figures.co2_kg == pytest.approx(1.0)
    assert (figures.peak_import_kw, figures.peak_export_kw) == (4.0, 2.0)
    assert figures.traded_kwh == pytest.approx(0.5)
    # Bought: (2 + 2 + 1)·0.5 = 2.5 kWh, of which 0.5 kWh from the neighbour.
    assert figures.traded_share == pytest.approx(0.5 / 2.5)
    # Imports of 4, 0, 0 and 1 kW: their mean over the largest.
    assert figures.load_factor == pytest.approx(1.25 / 4)
    assert figures.loss_of_load_h == pytest.approx(0.5)
    # The homes pay −2 and 2; of 10 and 4 under grid-only they save 12 and 2.
    assert figures.bill_gini == pytest.approx(1.0)
    assert figures.saving_gini == pytest.approx(10 / 14)
    # Served: (4 - 1 + 2 + 1 + 1 + 1)·0.5 = 4 kWh, of which (4 + 1)·0.5 = 2.5 kWh were imported.
    assert figures.self_sufficiency == pytest.approx(1 - 2.5 / 4)
    # Used: (5 + 2)·0.5 = 3.5 kWh of generation, of which 2·0.5 = 1 kWh was exported.
    assert figures.self_consumption == pytest.approx(1 - 1 / 3.5)
    assert figures.curtailed_kwh == pytest.approx(0.5)
    assert figures.shed_kwh == pytest.approx(0.5)
    assert figures.battery_throughput_kwh == pytest.approx(2.0)
    assert figures.violations == 2
    assert (figures.interventions, figures.intervention_kw_mean) == (2, 3.0)
    assert figures.fallbacks == 2
    assert figures.latency_p50_s == pytest.approx(0.0025)
    assert figures.latency_p99_s == pytest.approx(0.003 + 0.97 * 0.007)


def test_a_figure_without_a_meaning_is_not_a_number_and_never_an_error() -> None:
    figures = kpi([trajectory(2, latency_s=np.full(2, NAN))], baseline_cost=0.0, optimal_cost=0.0)
    unknown = ("achievable_share", "self_sufficiency", "self_consumption", "load_factor", "traded_share", "bill_gini")
    for name in (*unknown, "saving_gini", "latency_p50_s", "latency_p99_s"):
        assert math.isnan(getattr(figures, name)), name
    assert (figures.interventions, figures.intervention_kw_mean) == (0, 0.0)


@pytest.mark.parametrize("optimal_cost", [None, 6.0, 7.0, NAN])
def test_the_share_needs_an_optimum_below_the_baseline(optimal_cost: float | None) -> None:
    assert math.isnan(kpi([FIRST], baseline_cost=6.0, optimal_cost=optimal_cost).achievable_share)


def test_the_baseline_saves_nothing_and_the_optimum_everything() -> None:
    baseline, best = replace(FIRST, terminal_value=0.0), replace(FIRST, terminal_value=3.0)
    shares = [
        kpi([run], baseline_cost=baseline.cost, optimal_cost=best.cost).achievable_share for run in (baseline, best)
    ]
    assert shares == [0.0, 1.0]


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=9))
def test_the_gini_coefficient_is_its_double_sum_and_between_0_and_1(amounts: list[float]) -> None:
    total = sum(map(abs, amounts))
    if total == 0.0:
        assert math.isnan(gini(np.array(amounts)))
        return
    double = sum(abs(one - other) for one in amounts for other in amounts)
    expected = double / (2 * (len(amounts) - 1) * total)
    assert gini(np.array(amounts)) == pytest.approx(expected, abs=1e-9)
    assert -1e-12 <= gini(np.array(amounts)) <= 1 + 1e-12


def test_the_gini_coefficient_by_hand() -> None:
    assert gini(np.array([3.0, 3.0, 3.0])) == 0.0
    assert gini(np.array([0.0, 0.0, 9.0])) == pytest.approx(1.0)
    assert gini(np.array([1.0, 3.0])) == pytest.approx(0.5)
    assert math.isnan(gini(np.array([5.0])))


@given(communities(max_prosumers=4), st.data())
@settings(max_examples=20)
def test_the_figures_of_any_run_add_up(community: Community, data: st.DataObject) -> None:
    scenario = data.draw(scenarios(community, min_steps=4, max_steps=8))
    run = roll_out(Simulator(community, scenario), Controller(community, policy="random"), name="random")
    whole = kpi([run], baseline_cost=0.0, optimal_cost=None)
    twice = kpi([run, run], baseline_cost=0.0, optimal_cost=None)
    for name in ("cost", "co2_kg", "traded_kwh", "curtailed_kwh", "shed_kwh", "battery_throughput_kwh", "steps"):
        assert getattr(twice, name) == pytest.approx(2 * getattr(whole, name), rel=1e-12), name
    assert twice.peak_import_kw == whole.peak_import_kw
    assert whole.peak_import_kw <= run.import_limit_kw + 1e-5
    assert whole.peak_export_kw <= run.export_limit_kw + 1e-5
    assert 0 <= whole.fallbacks <= whole.steps
