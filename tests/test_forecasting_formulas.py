"""Forecasts against plain loops over their definitions, and worked by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy.errors import ModelError
from autonomy.forecasting import Intraday, Perfect, Persistence, PvThreeDayMean, Weather, covered_share
from autonomy.forecasting.intraday import DEMAND_DECAY, PV_DECAY
from autonomy.forecasting.weather import Z, clear_sky, error_path
from autonomy.scenario import Scenario
from autonomy.series import Series
from tests.forecasts import by_quantity, made, made_series, quantile

# -- persistence, three days, intraday --


@settings(max_examples=60, deadline=None)
@given(made_series(min_days=3), st.data())
def test_persistence_equals_a_plain_loop_over_its_definition(series: Series, data: st.DataObject) -> None:
    day, steps = series.steps_per_day, series.n_steps
    step = data.draw(st.integers(2 * day - 1, steps - 1))
    found = series.forecasters(Persistence()).demand.outlook(step)
    for ahead in range(1, day + 1):
        t = min(step + ahead, steps - 1)
        for i in range(series.n_prosumers):
            v = series.demand_kw[:, i].tolist()
            errors = [v[t - j * day] - v[t - (j + 1) * day] for j in range(1, 8) if t - (j + 1) * day >= 0]
            low = max(v[t - day] + min(quantile(errors, 0.1), 0.0), 0.0)
            high = v[t - day] + max(quantile(errors, 0.9), 0.0)
            said = [float(values[ahead - 1, i]) for values in found]
            assert said == pytest.approx([v[t - day], low, high], rel=1e-12, abs=1e-12)


def test_persistence_on_the_second_day_is_as_unsure_as_the_first_day_was_wide() -> None:
    values = np.array([[3.0], [1.0], [9.0], [4.0]])
    expected, low, high = made(values, values, 12.0).forecasters(Persistence()).demand.outlook(1)
    assert [expected[:, 0].tolist(), low[:, 0].tolist(), high[:, 0].tolist()] == [[3.0, 1.0], [3.0, 1.0], [3.0, 3.0]]


def test_pv_is_the_mean_of_three_days_between_the_quantiles_of_seven() -> None:
    values = np.array([10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 0.0])[:, None]
    demand, pv = made(values, values, 24.0).forecasters(PvThreeDayMean())
    assert [float(part[0, 0]) for part in demand.outlook(7)] == pytest.approx([50.0, 26.0, 74.0])
    assert [float(part[0, 0]) for part in pv.outlook(7)] == pytest.approx([70.0, 26.0, 74.0])


@settings(max_examples=60, deadline=None)
@given(made_series(min_days=9), st.floats(0, 1), st.floats(0, 1), st.data())
def test_intraday_equals_a_plain_loop_over_its_definition(
    series: Series, demand_decay: float, pv_decay: float, data: st.DataObject
) -> None:
    day, steps = series.steps_per_day, series.n_steps
    step = data.draw(st.integers(7 * day, steps - 1))
    found = series.forecasters(Intraday(demand_decay=demand_decay, pv_decay=pv_decay))
    for values, outlook, decay, days in (
        (series.demand_kw, found.demand.outlook(step), demand_decay, 7),
        (series.pv_kw, found.pv.outlook(step), pv_decay, 3),
    ):
        for i in range(series.n_prosumers):
            v = values[:, i].tolist()

            def mean(t: int, v: list[float] = v, days: int = days) -> float:
                return sum(v[t - j * day] for j in range(1, days + 1)) / days

            error = v[step] - mean(step)
            for ahead in range(1, day + 1):
                t = min(step + ahead, steps - 1)
                history = [v[t - j * day] for j in range(1, 8)]
                left = decay ** (ahead * series.timestep_h)
                moved = mean(t) + left * error
                low = moved - np.sqrt(1 - left**2) * (mean(t) - quantile(history, 0.1))
                high = moved + np.sqrt(1 - left**2) * (quantile(history, 0.9) - mean(t))
                most = max(history) if values is series.pv_kw else np.inf
                hand = [min(moved, most), min(low, most), high if most > 0 else 0.0]
                said = [float(part[ahead - 1, i]) for part in outlook]
                assert said == pytest.approx([max(number, 0.0) for number in hand], rel=1e-9, abs=1e-9)


def test_an_intraday_forecast_worked_by_hand() -> None:
    # Two steps a day, ten days of (4, 2); today starts with 5 instead of 4. Half of the error is left after a step.
    values = np.append(np.tile([4.0, 2.0], 10), [5.0, 2.0])[:, None]
    demand = made(values, values, 12.0).forecasters(Intraday(demand_decay=0.5 ** (1 / 12))).demand
    assert demand.outlook(20).expected_kw[0, 0] == pytest.approx(2.5)


def test_no_sun_is_expected_at_night_whatever_the_evening_was_like() -> None:
    values = np.append(np.tile([0.0, 3.0, 1.0], 10), [0.0, 9.0, 9.0, 0.0])[:, None]
    pv = made(values, values).forecasters(Intraday(pv_decay=0.99)).pv
    for part in pv.outlook(32):
        assert part[0, 0] == 0.0
    assert pv.outlook(31).expected_kw[0, 0] == pytest.approx(1.0)  # no more than the most of seven days


def ar_scenario(phi: float, *, weeks: int = 12, held_out: float = 0.0) -> Scenario:
    """Weeks of hourly demand 10 + an AR(1) error, and PV likewise; held-out weeks multiplied by 1 + `held_out`."""
    steps = weeks * 168
    noise = error_path([3], (steps, 6), phi)
    values = 10.0 + noise
    week = np.arange(steps) // 168
    values[week % 4 == 3] *= 1.0 + held_out
    return Scenario.whole(made(values, values, 1.0))


@pytest.mark.parametrize("phi", [0.3, 0.6, 0.9])
def test_the_fitted_share_is_that_of_the_errors_data_were_made_with(phi: float) -> None:
    fitted = Intraday.fitted(ar_scenario(phi))
    assert fitted.demand_decay == pytest.approx(phi, abs=0.03)
    assert fitted.pv_decay == pytest.approx(phi, abs=0.05)


def test_what_happens_in_held_out_weeks_changes_no_fit() -> None:
    assert Intraday.fitted(ar_scenario(0.6)) == Intraday.fitted(ar_scenario(0.6, held_out=3.0))


def test_the_shipped_shares_are_those_fitted_on_the_training_weeks_of_the_demo() -> None:
    assert Intraday.fitted(Scenario.demo()) == Intraday(demand_decay=DEMAND_DECAY, pv_decay=PV_DECAY)


def test_without_two_training_weeks_in_a_row_nothing_is_fitted() -> None:
    with pytest.raises(ModelError, match="two training weeks"):
        Intraday.fitted(Scenario.whole(made(np.ones((168, 1)), np.ones((168, 1)), 1.0)))


# -- weather --


@settings(max_examples=60, deadline=None)
@given(made_series(), st.integers(0, 50), st.floats(0, 1), st.floats(0, 1), st.data())
def test_weather_equals_a_plain_loop_over_its_definition(
    series: Series, seed: int, phi: float, sigma: float, data: st.DataObject
) -> None:
    step = data.draw(st.integers(0, series.n_steps - 1))
    kind = Weather(seed=seed, demand_phi=phi, pv_phi=phi, demand_sigma=sigma, pv_sigma=sigma)
    demand, pv = series.forecasters(kind)
    keep = phi**series.timestep_h
    shapes = ((series.n_steps, series.n_prosumers), (series.n_steps, 1))
    draws = [np.random.default_rng([seed, part]).standard_normal(shape) for part, shape in enumerate(shapes)]
    paths = []
    for drawn in draws:
        path = [drawn[0]]
        for row in drawn[1:]:
            path.append(keep * path[-1] + np.sqrt(1 - keep**2) * row)
        paths.append(path)
    clear = clear_sky(series.pv_kw, series.steps_per_day)
    scale = sigma * series.demand_kw.mean(axis=0)
    for ahead in range(1, series.steps_per_day + 1):
        t = min(step + ahead, series.n_steps - 1)
        lead = t - step
        half = Z * np.sqrt(1 - keep ** (2 * lead))
        error = [path[t] - keep**lead * path[step] for path in paths]
        raw = series.demand_kw[t] - scale * error[0]
        hand = [np.maximum(raw + side * scale * half, 0.0) for side in (0, -1, 1)]
        np.testing.assert_allclose([part[ahead - 1] for part in demand.outlook(step)], hand, rtol=1e-9, atol=1e-9)
        sky = [np.minimum(series.pv_kw[t] * np.exp(sigma * (side * half - error[1])), clear[t]) for side in (0, -1, 1)]
        np.testing.assert_allclose([part[ahead - 1] for part in pv.outlook(step)], sky, rtol=1e-9, atol=1e-9)


def test_weather_is_the_same_whatever_was_asked_before_and_in_any_window() -> None:
    demo = Scenario.demo(forecast="weather", seed=4)
    first = demo.window(500, 48).forecast(7)
    for k in (30, 0, 7, 7):
        demo.forecast(k)
    again = Scenario.demo().with_forecast(Weather(seed=4)).window(507, 1).forecast(0)
    fresh = replace(demo, series=replace(demo.series)).forecast(507)
    for name in ("demand_kw", "pv_kw", "demand_low_kw", "demand_high_kw", "pv_low_kw", "pv_high_kw"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
        np.testing.assert_array_equal(getattr(first, name), getattr(fresh, name))
    other = demo.with_forecast("weather", seed=5).forecast(507)
    assert np.abs(other.demand_kw - first.demand_kw).max() > 0.1


def test_the_error_of_weather_grows_with_the_lead_time_as_stated() -> None:
    steps, phi, sigma = 20_000, 0.9, 0.3
    values = np.full((steps, 4), 100.0)
    series = made(values, values, 1.0)
    demand, pv = series.forecasters(Weather(seed=1, demand_phi=phi, demand_sigma=sigma, pv_phi=phi, pv_sigma=sigma))
    issued = np.arange(steps - 24)
    errors = (values[0, 0] - demand.rows(issued).expected_kw) / values[0, 0]
    for lead in (1, 6, 24):
        found = errors[:, lead - 1]
        assert found.mean() == pytest.approx(0.0, abs=0.02)
        assert found.std() == pytest.approx(sigma * np.sqrt(1 - phi ** (2 * lead)), rel=0.03)
    # One path over the lead times: Cov(E(t, t+1), E(t, t+2)) = φ·Var(E(t, t+1)).
    first, second = errors[:, 0].ravel(), errors[:, 1].ravel()
    assert (first * second).mean() / (first**2).mean() == pytest.approx(phi, abs=0.02)
    # Updates of the forecast of one step are independent of each other.
    latest, earlier = errors[2:, 0] - errors[1:-1, 1], errors[1:-1, 1] - errors[:-2, 2]
    assert np.corrcoef(latest.ravel(), earlier.ravel())[0, 1] == pytest.approx(0.0, abs=0.03)
    # Homes have errors of their own in demand, and one sky for PV.
    assert np.corrcoef(errors[:, 5, 0], errors[:, 5, 1])[0, 1] == pytest.approx(0.0, abs=0.05)
    sky = pv.rows(issued[:100]).expected_kw
    np.testing.assert_array_equal(sky, np.broadcast_to(sky[..., :1], sky.shape))


def test_the_truth_lies_in_the_interval_of_weather_as_often_as_stated() -> None:
    random = np.random.default_rng(0)
    shape = (6_000, 5)
    pv = 5.0 * random.random(shape) * (np.arange(6_000) % 24 > 6)[:, None]
    series = made(random.exponential(2.0, shape), pv, 1.0)
    for values, forecaster in by_quantity(series, Weather(seed=2)):
        for lead in (1, 6, 24):
            issued = np.arange(shape[0] - lead)
            _, low, high = (part[:, lead - 1] for part in forecaster.rows(issued))
            share = covered_share(values[lead:], low, high, where=values[lead:] > 0)
            assert share == pytest.approx(Weather.coverage, abs=0.03)


def test_weather_never_expects_more_sun_than_a_clear_day_has_and_none_at_night() -> None:
    demo = Scenario.demo().series
    pv = demo.forecasters(Weather(seed=0, pv_sigma=2.0)).pv
    issued = np.arange(1_000)
    rows = np.minimum(issued[:, None] + np.arange(1, 25), demo.n_steps - 1)
    expected = pv.rows(issued).high_kw
    assert np.all(expected <= clear_sky(demo.pv_kw, 24)[rows])
    assert np.all(expected[demo.pv_kw[rows] == 0] == 0)


def test_weather_without_an_error_is_perfect() -> None:
    demo = Scenario.demo().series
    for exact in (Weather(demand_sigma=0.0, pv_sigma=0.0), Weather(demand_phi=1.0, pv_phi=1.0)):
        for one, other in zip(by_quantity(demo, exact), by_quantity(demo, Perfect()), strict=True):
            for found, truth in zip(one[1].outlook(3_000), other[1].outlook(3_000), strict=True):
                np.testing.assert_allclose(found, truth, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "wrong", [{"seed": -1}, {"seed": 0.5}, {"demand_sigma": -0.1}, {"pv_sigma": np.nan}, {"pv_phi": 1.1}]
)
def test_wrong_numbers_of_weather_are_errors_that_name_them(wrong: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match=next(iter(wrong))):
        Weather(**wrong)


def test_a_wrong_share_of_intraday_is_an_error() -> None:
    with pytest.raises(ModelError, match="pv_decay"):
        Intraday(pv_decay=1.5)


def test_the_clear_sky_is_the_best_of_a_week_before_and_after() -> None:
    values = np.zeros((40, 1))
    values[20] = 3.0
    clear = clear_sky(values, 2)[:, 0]
    assert np.flatnonzero(clear).tolist() == list(range(6, 35, 2))
    assert set(clear[clear > 0]) == {3.0}
