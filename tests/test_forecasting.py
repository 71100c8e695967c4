"""The forecast: causal, equal to a plain loop, and as wide as it says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from autonomy.forecasting import COVERAGE, HISTORY_DAYS, DayAhead, Outlook, covered_share
from autonomy.scenario import Scenario
from tests.forecasts import quantile

Values = NDArray[np.float64]


@st.composite
def series_and_step(draw: st.DrawFn) -> tuple[Values, int, int]:
    """Draw a (T, N) series, its steps per day, and an issue step."""
    day = draw(st.integers(1, 6))
    steps = draw(st.integers(1, 10 * day))
    values = draw(arrays(np.float64, (steps, draw(st.integers(1, 3))), elements=st.floats(0, 100)))
    return values, day, draw(st.integers(0, steps - 1))


def by_hand(values: Values, day: int, step: int) -> Outlook:
    """The forecast as its definition says, one number at a time, looking only at values up to `step`."""
    known = values[: step + 1]
    result = [np.zeros((day, values.shape[1])) for _ in range(3)]
    for ahead in range(1, day + 1):
        target = min(step + ahead, len(values) - 1)
        for column in range(values.shape[1]):
            history = [known[target - j * day, column] for j in range(1, 8) if target - j * day >= 0]
            if history:
                numbers = (sum(history) / len(history), quantile(history, 0.1), quantile(history, 0.9))
            else:
                seen = [row[column] for row in known]
                numbers = (seen[-1], min(seen), max(seen))
            for array, number in zip(result, numbers, strict=True):
                array[ahead - 1, column] = number
    return Outlook(*result)


@settings(max_examples=150, deadline=None)
@given(series_and_step())
def test_the_forecast_equals_a_plain_loop_over_its_definition(drawn: tuple[Values, int, int]) -> None:
    values, day, step = drawn
    for found, expected in zip(DayAhead.of(values, day).outlook(step), by_hand(values, day, step), strict=True):
        assert found.shape == (day, values.shape[1])
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@settings(max_examples=150, deadline=None)
@given(series_and_step(), st.data())
def test_no_forecast_changes_with_what_happens_later(drawn: tuple[Values, int, int], data: st.DataObject) -> None:
    values, day, step = drawn
    later = values.copy()
    later[step + 1 :] = data.draw(arrays(np.float64, later[step + 1 :].shape, elements=st.floats(0, 100)))
    for one, other in zip(DayAhead.of(values, day).outlook(step), DayAhead.of(later, day).outlook(step), strict=True):
        np.testing.assert_array_equal(one, other)


@settings(max_examples=100, deadline=None)
@given(series_and_step())
def test_low_expected_and_high_are_in_order(drawn: tuple[Values, int, int]) -> None:
    values, day, step = drawn
    expected, low, high = DayAhead.of(values, day).outlook(step)
    rounding = 1e-12 * (1 + np.abs(high))
    assert np.all(low >= 0)
    assert np.all(low <= expected + rounding)
    assert np.all(expected <= high + rounding)


def test_a_series_that_repeats_every_day_is_forecast_exactly() -> None:
    values = np.tile(np.array([[1.0, 5.0], [2.0, 0.0], [4.0, 3.0]]), (9, 1))
    forecast = DayAhead.of(values, 3)
    for step in range(3, 3 * 8):
        for found in forecast.outlook(step):
            np.testing.assert_allclose(found, values[step + 1 : step + 4], rtol=1e-15)


def test_a_forecast_worked_by_hand() -> None:
    # One step a day with values 10, 20, … 80: at step 7 the last seven days are 20 … 80.
    forecast = DayAhead.of(np.arange(10.0, 100.0, 10.0)[:, None], 1).outlook(7)
    # Linear quantiles of seven numbers: 20 + 0.6·10 and 70 + 0.4·10.
    assert [float(series[0, 0]) for series in forecast] == pytest.approx([50.0, 26.0, 74.0], rel=1e-15)


def test_the_forecast_cannot_be_changed_by_who_receives_it() -> None:
    forecast = DayAhead.of(np.ones((30, 1)), 3)
    for step in (0, 15, 29):
        with pytest.raises(ValueError, match="read-only"):
            forecast.outlook(step).expected_kw[0, 0] = 7.0


def test_covered_share_counts_both_ends_and_only_where_told() -> None:
    truth, low, high = np.array([1.0, 2.0, 3.0, 4.0]), np.full(4, 2.0), np.full(4, 3.0)
    assert covered_share(truth, low, high) == 0.5
    assert covered_share(truth, low, high, where=truth > 1) == pytest.approx(2 / 3)
    assert np.isnan(covered_share(truth, low, high, where=truth > 9))


def test_the_stated_coverage_is_the_one_of_uniform_independent_days() -> None:
    # E F(low) of 0.4·u(1) + 0.6·u(2) with u(k) of seven uniform numbers at k/8 on average, and the mirror image above.
    low = (0.4 * 1 + 0.6 * 2) / (HISTORY_DAYS + 1)
    assert pytest.approx(1 - 2 * low) == COVERAGE


def test_the_stated_coverage_is_near_what_the_training_weeks_of_the_demo_show() -> None:
    scenario = Scenario.demo()
    series = scenario.series
    counted = np.zeros(series.n_steps, dtype=bool)
    for week in scenario.training_weeks():
        counted[week.start : week.stop] = True
    counted[: HISTORY_DAYS * series.steps_per_day] = False

    _, low, high = series.demand_forecast.table
    demand = covered_share(series.demand_kw, low, high, where=np.repeat(counted[:, None], 17, axis=1))
    _, low, high = series.pv_forecast.table
    daylight = np.maximum(series.pv_kw, high) > 0
    pv = covered_share(series.pv_kw, low, high, where=daylight & counted[:, None])

    assert demand == pytest.approx(0.63, abs=0.005)
    assert pv == pytest.approx(0.58, abs=0.005)
    assert (demand + pv) / 2 == pytest.approx(COVERAGE, abs=0.01)
