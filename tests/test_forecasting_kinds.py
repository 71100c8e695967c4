"""Every kind of forecast: one contract for all, no look ahead, formulas as plain loops, and stated errors as stated."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from autonomy.controller import Controller
from autonomy.errors import ConfigError, ModelError
from autonomy.forecasting import (
    KINDS,
    DayAhead,
    Forecaster,
    ForecastKind,
    Intraday,
    Outlook,
    Perfect,
    Persistence,
    PvThreeDayMean,
    SevenDayMean,
    Weather,
    covered_share,
    named_forecast,
)
from autonomy.forecasting.intraday import DEMAND_DECAY, PV_DECAY
from autonomy.forecasting.weather import Z, clear_sky, error_path
from autonomy.layers.community import Community
from autonomy.layers.network import Network
from autonomy.layers.projection import Lookahead
from autonomy.observing import encode
from autonomy.rollout import roll_out
from autonomy.scenario import Scenario
from autonomy.series import Series
from autonomy.simulator import Simulator
from tests.test_docs import table_under

ALL: tuple[ForecastKind, ...] = (
    *(named_forecast(name) for name in KINDS),
    Weather(seed=7, demand_sigma=2.0, demand_phi=0.0, pv_sigma=1.5, pv_phi=1.0),
    Intraday(demand_decay=0.0, pv_decay=1.0),
)
CAUSAL = tuple(kind for kind in ALL if kind.is_causal)
Values = NDArray[np.float64]


def made(demand: Any, pv: Any, timestep_h: float = 8.0) -> Series:
    """A series of demand and PV, (T, N) each."""
    steps, size = np.asarray(demand).shape
    return Series(
        time=np.datetime64("2024-05-01T00:00", "m") + np.arange(steps) * np.timedelta64(round(timestep_h * 60), "m"),
        demand_kw=demand,
        pv_kw=pv,
        retail_price=0.3,
        feed_in_price=0.1,
        names=tuple(f"home-{i}" for i in range(size)),
        timestep_h=timestep_h,
    )


@st.composite
def made_series(draw: st.DrawFn, *, min_days: int = 0) -> Series:
    """A series of up to eleven days of 2 to 6 steps, with nights, zeros and jumps."""
    timestep_h = draw(st.sampled_from([4.0, 8.0, 12.0]))
    day = round(24 / timestep_h)
    steps = draw(st.integers(max(min_days * day, 1), 11 * day))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = (steps, draw(st.integers(1, 3)))
    bright = (np.arange(steps) % day > 0)[:, None] * random.integers(0, 2, shape)
    return made(random.exponential(2.0, shape), 5.0 * random.random(shape) * bright, timestep_h)


def by_quantity(series: Series, kind: ForecastKind) -> tuple[tuple[Values, Forecaster], ...]:
    demand, pv = series.forecasters(kind)
    return (series.demand_kw, demand), (series.pv_kw, pv)


@pytest.mark.parametrize("kind", ALL, ids=repr)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_low_expected_and_high_are_in_order_and_no_forecast_is_negative(kind: ForecastKind, data: st.DataObject):
    series = data.draw(made_series())
    step = data.draw(st.integers(0, series.n_steps - 1))
    for values, forecaster in by_quantity(series, kind):
        expected, low, high = forecaster.outlook(step)
        assert expected.shape == low.shape == high.shape == (series.steps_per_day, series.n_prosumers)
        assert forecaster.steps_per_day == series.steps_per_day
        rounding = 1e-12 * (1 + values.max())
        assert np.all(low >= 0)
        assert np.all(low <= expected + rounding)
        assert np.all(expected <= high + rounding)
        assert np.all(np.isfinite(high))


@pytest.mark.parametrize("kind", ALL, ids=repr)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_batch_of_steps_says_what_each_step_says_and_sums_it(kind: ForecastKind, data: st.DataObject):
    series = data.draw(made_series())
    steps = np.array(data.draw(st.lists(st.integers(0, series.n_steps - 1), min_size=1, max_size=6)))
    for _, forecaster in by_quantity(series, kind):
        rows, sums = forecaster.rows(steps), forecaster.sums(steps)
        for place, step in enumerate(steps):
            for row, total, single in zip(rows, sums, forecaster.outlook(int(step)), strict=True):
                np.testing.assert_allclose(row[place], single, rtol=1e-12, atol=1e-12)
                np.testing.assert_allclose(total[place], single.sum(axis=1), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", CAUSAL, ids=repr)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_causal_forecast_does_not_change_with_what_happens_later(kind: ForecastKind, data: st.DataObject):
    series = data.draw(made_series())
    step = data.draw(st.integers(0, series.n_steps - 1))
    random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    demand, pv = series.demand_kw.copy(), series.pv_kw.copy()
    for values in (demand, pv):
        values[step + 1 :] = random.exponential(data.draw(st.sampled_from([0.0, 1.0, 1e6])), values[step + 1 :].shape)
    later = made(demand, pv, series.timestep_h)
    for (_, before), (_, after) in zip(by_quantity(series, kind), by_quantity(later, kind), strict=True):
        for one, other in zip(before.outlook(step), after.outlook(step), strict=True):
            np.testing.assert_array_equal(one, other)


def test_the_kinds_that_know_the_future_say_so() -> None:
    series = made(np.ones((30, 1)), np.ones((30, 1)))
    changed = series.demand_kw.copy()
    changed[20:] = 2.0
    later = made(changed, series.pv_kw)
    for kind in ALL:
        same = np.array_equal(
            series.forecasters(kind).demand.outlook(10).expected_kw,
            later.forecasters(kind).demand.outlook(10).expected_kw,
        )
        sees = np.array_equal(
            series.forecasters(kind).demand.outlook(19).expected_kw,
            later.forecasters(kind).demand.outlook(19).expected_kw,
        )
        assert kind.is_causal == sees
        assert same or not kind.is_causal


@pytest.mark.parametrize("kind", ALL, ids=repr)
def test_nobody_can_change_a_forecast_for_others(kind: ForecastKind) -> None:
    series = made(np.ones((40, 2)), np.ones((40, 2)))
    for step in (0, 20, 39):
        for _, forecaster in by_quantity(series, kind):
            before = [np.array(values) for values in forecaster.outlook(step)]
            for values in forecaster.outlook(step):
                with pytest.raises(ValueError, match="read-only"):
                    values[0, 0] = 7.0
            for many in forecaster.rows(np.array([step])):
                if many.flags.writeable:
                    many[:] = 7.0
            for one, other in zip(before, forecaster.outlook(step), strict=True):
                np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("kind", [k for k in ALL if k.name not in ("weather", "perfect")], ids=repr)
def test_what_repeats_every_day_is_forecast_exactly(kind: ForecastKind) -> None:
    day = np.array([[1.0, 5.0], [2.0, 0.0], [4.0, 3.0]])
    series = made(np.tile(day, (9, 1)), np.tile(day, (9, 1)))
    for step in range(6, 24):
        for _, forecaster in by_quantity(series, kind):
            for found in forecaster.outlook(step):
                np.testing.assert_allclose(found, np.tile(day, (2, 1))[(step + 1) % 3 :][:3], rtol=1e-12)


# -- persistence, three days, intraday --


def quantile(numbers: list[float], share: float) -> float:
    ordered = sorted(numbers)
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


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


# -- scenarios choose by name --


def test_the_default_is_the_seven_day_mean_and_stays_what_it_was() -> None:
    demo = Scenario.demo()
    assert demo.forecast_kind == SevenDayMean()
    assert isinstance(demo.series.demand_forecast, DayAhead)
    forecast = demo.forecast(4_000)
    history = np.stack([demo.demand_kw[4_001 - 24 * j : 4_025 - 24 * j] for j in range(1, 8)])
    np.testing.assert_array_equal(forecast.demand_kw, history.mean(axis=0))
    assert forecast.coverage == 0.6


@pytest.mark.parametrize("name", KINDS)
def test_every_window_keeps_the_forecast_that_was_chosen(name: str) -> None:
    demo = Scenario.demo(forecast=name, seed=3)
    parts = [
        demo.window(100, 5),
        demo.between("2016-09-01", "2016-09-02"),
        next(demo.weeks()),
        next(demo.held_out_weeks()),
        next(demo.training_weeks()),
        next(demo.windows(24)),
    ]
    assert {part.forecast_kind for part in parts} == {demo.forecast_kind} == {named_forecast(name, seed=3)}
    assert demo.forecast(0).coverage == demo.forecast_kind.coverage


def test_a_name_that_is_none_is_an_error_that_lists_the_kinds() -> None:
    with pytest.raises(ConfigError, match=r"'wether' \(did you mean 'weather'.*known: persistence, 7-day"):
        Scenario.demo().with_forecast("wether")


def test_a_kind_of_ones_own_can_be_chosen() -> None:
    class Zero:
        name, is_causal, coverage = "zero", True, 0.0

        def of(self, series: Series) -> Any:
            zero = made(0 * series.demand_kw, 0 * series.pv_kw, series.timestep_h)
            return zero.forecasters(Perfect())

    forecast = Scenario.demo().with_forecast(Zero()).forecast(12)
    assert not forecast.demand_kw.any()
    assert forecast.coverage == 0.0


def test_equal_kinds_share_their_tables() -> None:
    series = Scenario.demo().series
    assert series.forecasters(Weather(seed=1)) is series.forecasters(Weather(seed=1))
    assert series.forecasters(Weather(seed=1)) is not series.forecasters(Weather(seed=2))


def test_an_outlook_sums_its_three_parts() -> None:
    outlook = Outlook(np.array([[1.0, 2.0]]), np.array([[0.5, 1.0]]), np.array([[3.0, 4.0]]))
    assert [part.tolist() for part in outlook.summed()] == [[3.0], [1.5], [7.0]]


def test_the_page_lists_exactly_the_kinds_of_the_catalogue() -> None:
    assert [row[0].strip("`") for row in table_under("docs/forecasts.md", "Kinds")] == list(KINDS)
    measured = table_under("docs/forecasts.md", "How wrong, and how often inside")
    assert [row[0].strip("`") for row in measured[: len(KINDS)]] == list(KINDS)


# -- uncertainty reaches the policy and the projection that looks ahead --


@pytest.mark.parametrize("name", KINDS)
def test_a_learned_policy_is_told_low_and_high_of_the_forecast_that_was_chosen(name: str) -> None:
    window = Scenario.demo(forecast=name, seed=1).window(1_000, 24)
    community = Community.demo()
    flat = encode(community, Simulator(community, window).observe())
    forecast = window.forecast(0)
    for field in ("demand_low_kw", "demand_high_kw", "pv_low_kw", "pv_high_kw"):
        sums = getattr(forecast, field).sum(axis=1).astype(np.float32)
        windows = np.lib.stride_tricks.sliding_window_view(flat, sums.size)
        assert np.isclose(windows, sums, rtol=1e-5, atol=1e-5).all(axis=1).any(), field


def shed_kwh(forecast: ForecastKind, caution: float) -> float:
    """What a home sheds that may import 3 kW, empties its battery when it can, and needs 6 kW for three hours at 18:00.

    It had needed about 1 kW always before, and 2.5 kW between 18:00 and 21:00.
    """
    demand = np.tile(np.where((np.arange(24) >= 18) & (np.arange(24) < 21), 2.5, 1.0), 10)[:, None]
    demand += np.random.default_rng(0).uniform(0.0, 0.1, demand.shape)
    demand[9 * 24 + 18 : 9 * 24 + 21] = 6.0
    community = Community(
        battery_capacity_kwh=12.0,
        charge_limit_kw=5.0,
        discharge_limit_kw=5.0,
        network=Network.single_feeder(n_prosumers=1, import_limit_kw=3.0, export_limit_kw=3.0),
        names=("home-0",),
    )
    window = Scenario.whole(made(demand, 0 * demand, 1.0)).window(9 * 24, 24).with_forecast(forecast)
    controller = Controller(community, policy="self-consumption", look_ahead=Lookahead(community, caution=caution))
    run = roll_out(Simulator(community, window, initial_soc=1.0), controller, name="home")
    assert not run.violations
    return float(run.shed_kw.sum())


def test_looking_ahead_keeps_energy_for_what_the_chosen_forecast_says() -> None:
    assert shed_kwh(SevenDayMean(), 0.0) > 2.0
    assert shed_kwh(Perfect(), 0.0) == pytest.approx(0.0, abs=1e-3)
    for seed in (2, 3):
        unsure = Weather(seed=seed, demand_sigma=0.5, demand_phi=0.5)
        plain, careful = shed_kwh(unsure, 0.0), shed_kwh(unsure, 1.0)
        assert 0.1 < plain < shed_kwh(SevenDayMean(), 0.0)
        assert careful < plain
