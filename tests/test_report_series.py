"""Numbers of the report that agree with plain loops: quantities, means, costs, and the week that is shown."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from autonomy.evidence import RunEvidence
from autonomy.report import series
from autonomy.report.quantity import duration, percent, quantity
from autonomy.report.week import binding_week
from tests.evidence import POLICIES, STEPS, make_evidence, make_run


@pytest.fixture(scope="module")
def evidence() -> RunEvidence:
    return make_evidence()


# Numbers as people read them


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e12, max_value=1e12), st.integers(0, 6))
@example(-0.0, 2)
@example(0.004999, 2)
def test_a_quantity_reads_back_to_within_half_of_its_last_digit(value: float, digits: int) -> None:
    shown = quantity(value, digits)
    if shown[0] in "<>":
        assert 0 < abs(value) < 10.0**-digits
        return
    read = float(shown.replace(",", "").replace("−", "-"))
    assert abs(read - value) <= 0.5 * 10.0**-digits * (1 + 1e-9) + 1e-9 * abs(value)


@given(st.floats(min_value=-1.0, max_value=1.0).filter(lambda value: value != 0), st.integers(0, 6))
@example(0.5, 0)
@example(-0.005, 2)
def test_a_quantity_that_is_not_zero_never_reads_as_zero(value: float, digits: int) -> None:
    shown = quantity(value, digits)
    assert shown[0] in "<>" or float(shown.replace("−", "-")) != 0


@given(st.floats(min_value=1e-6, max_value=1e4))
def test_a_duration_reads_back_to_three_digits(seconds: float) -> None:
    number, unit = duration(seconds).split()
    read = float(number.replace(",", "")) * {"s": 1.0, "ms": 1e-3, "µs": 1e-6}[unit]
    assert read == pytest.approx(seconds, rel=0.0051)


def test_quantities_worked_by_hand() -> None:
    assert quantity(1234567.891) == "1,234,567.89"
    assert quantity(-0.5, 1) == "−0.5"
    assert quantity(0.0004) == "<0.01"
    assert quantity(-0.0) == "0.00"
    assert quantity(math.nan) == "–"
    assert quantity(math.inf) == "∞"
    assert percent(0.9756) == "97.6 %"
    assert percent(math.nan) == "–"
    assert [duration(x) for x in (0.0, 4.5e-6, 1.5e-3, 9.997e-4, 35.0)] == [
        "0 s",
        "4.50 µs",
        "1.50 ms",
        "1.00 ms",
        "35.0 s",
    ]


# Series behind the figures


@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_supply_equals_use_at_every_step_and_after_averaging(seed: int, block: int) -> None:
    run = make_run("learned", seed=seed)
    flows = series.dispatch(run, slice(0, STEPS), block)
    supply = flows.generation_kw + flows.discharge_kw + flows.imported_kw
    use = flows.consumption_kw + flows.charge_kw + flows.exported_kw + flows.loss_kw
    np.testing.assert_allclose(supply, use, atol=1e-9)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40), st.integers(1, 50))
def test_block_means_agree_with_a_plain_loop(values: list[float], block: int) -> None:
    expected = [np.mean(values[i : i + block]) for i in range(0, len(values), block)]
    np.testing.assert_allclose(series.block_mean(np.array(values), block), expected, atol=1e-9, rtol=1e-9)


@given(st.integers(1, 5000), st.integers(1, 500))
def test_the_block_size_is_the_smallest_that_leaves_few_enough_points(steps: int, most: int) -> None:
    block = series.block_size(steps, most)
    assert math.ceil(steps / block) <= most
    assert block == 1 or math.ceil(steps / (block - 1)) > most


def test_the_band_of_charge_ignores_prosumers_without_a_battery() -> None:
    run = make_run("learned")
    band = series.soc_band(run, slice(2, 5))
    assert band is not None
    for position, step in enumerate(range(2, 6)):
        soc = sorted([run.energy_kwh[step, 0] / 6.0, run.energy_kwh[step, 2] / 4.0])
        assert band.low[position] == pytest.approx(soc[0])
        assert band.high[position] == pytest.approx(soc[1])
        assert band.median[position] == pytest.approx(sum(soc) / 2)
        assert band.tenth[position] == pytest.approx(0.9 * soc[0] + 0.1 * soc[1])


def test_cumulative_cost_ends_at_the_cost_of_all_windows(evidence: RunEvidence) -> None:
    for policy in POLICIES:
        runs = evidence.trajectories[policy]
        assert series.cumulative_cost(runs)[-1] == pytest.approx(sum(run.cost for run in runs))
        assert series.cumulative_cost(runs)[STEPS] == pytest.approx(runs[0].cost)
    saved = series.cumulative_savings(evidence)
    assert np.all(saved["grid-only"] == 0)
    costs = {policy: sum(run.cost for run in evidence.trajectories[policy]) for policy in POLICIES}
    assert saved["learned"][-1] == pytest.approx(costs["grid-only"] - costs["learned"])


# The week that is shown


def with_flows(flows: list[list[float]], **changes: Any) -> RunEvidence:
    runs = tuple(make_run("grid-only", steps=len(flow), feeder_kw=np.array(flow), **changes) for flow in flows)
    windows = tuple((f"week {i + 1}", 0, len(flow)) for i, flow in enumerate(flows))
    base = make_evidence(("grid-only",), windows=1)
    return dataclasses.replace(base, windows=windows, trajectories={"grid-only": runs})


@given(st.lists(st.lists(st.integers(-10, 6), min_size=3, max_size=3), min_size=1, max_size=4))
def test_the_shown_week_has_the_largest_flow_relative_to_its_limit(flows: list[list[int]]) -> None:
    week = binding_week(with_flows([[float(x) for x in flow] for flow in flows]))
    assert week is not None
    ratios = [max(-x / 10 if x < 0 else x / 6 for x in flow) for flow in flows]
    if max(ratios) > 0:
        assert ratios[week.window] == pytest.approx(max(ratios))


def test_export_and_import_are_each_measured_against_their_own_limit() -> None:
    week = binding_week(with_flows([[-7.0, 0.0], [5.0, 0.0]]))
    assert week is not None
    assert week.label == "week 2"
    assert "83.3 %" in week.reason


def test_ties_at_the_limit_are_broken_by_the_steps_spent_there() -> None:
    week = binding_week(with_flows([[-10.0, 0.0, 0.0], [-10.0, -10.0, 0.0]]))
    assert week is not None
    assert week.label == "week 2"
    assert "2 of 3 steps" in week.reason


def test_a_long_window_is_cut_to_the_seven_days_that_bind_most() -> None:
    flow = np.zeros(24 * 21)
    flow[24 * 7 + 5] = -9.0
    week = binding_week(with_flows([flow.tolist()]))
    assert week is not None
    assert (week.start, week.stop) == (24 * 7, 24 * 14)


def test_without_a_limit_the_largest_flow_decides_and_the_reason_says_so() -> None:
    week = binding_week(
        with_flows([[1.0, -2.0], [0.0, -8.0], [3.0, 0.0]], import_limit_kw=math.inf, export_limit_kw=math.inf)
    )
    assert week is not None
    assert week.label == "week 2"
    assert "no limit" in week.reason
