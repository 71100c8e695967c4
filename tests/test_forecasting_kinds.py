"""Every kind of forecast: one contract for all, by what is chosen and who is told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy.controller import Controller
from autonomy.errors import ConfigError
from autonomy.forecasting import (
    KINDS,
    DayAhead,
    ForecastKind,
    Intraday,
    Outlook,
    Perfect,
    SevenDayMean,
    Weather,
    named_forecast,
)
from autonomy.layers.community import Community
from autonomy.layers.network import Network
from autonomy.layers.projection import Lookahead
from autonomy.observing import encode
from autonomy.rollout import roll_out
from autonomy.scenario import Scenario
from autonomy.series import Series
from autonomy.simulator import Simulator
from tests.forecasts import by_quantity, made, made_series
from tests.test_docs import table_under

ALL: tuple[ForecastKind, ...] = (
    *(named_forecast(name) for name in KINDS),
    Weather(seed=7, demand_sigma=2.0, demand_phi=0.0, pv_sigma=1.5, pv_phi=1.0),
    Intraday(demand_decay=0.0, pv_decay=1.0),
)
CAUSAL = tuple(kind for kind in ALL if kind.is_causal)


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
