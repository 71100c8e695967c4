"""The forecast benchmark: figures by hand, stated coverage as measured, files and tables."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from autonomy.benchmark.forecasts.row import DEMAND, HELD_OUT, PV, TRAINING, ForecastRow
from autonomy.benchmark.forecasts.run import measure, parts, said_before
from autonomy.benchmark.forecasts.table import forecast_tables
from autonomy.cli import main
from autonomy.errors import DataError
from autonomy.forecasting import KINDS, named_forecast
from autonomy.scenario import Scenario
from autonomy.series import Series


def weeks(count: int) -> Scenario:
    """Weeks of eight-hour steps: demand 1, 2, 3 kW … by day, PV 0, 6, 2 kW on the first roof, none on the second."""
    steps = count * 21
    demand = (1.0 + np.arange(steps) // 3)[:, None] * np.ones(2)
    pv = np.stack([np.tile([0.0, 6.0, 2.0], count * 7), np.zeros(steps)], axis=1)
    series = Series(
        time=np.datetime64("2024-05-01T00:00", "m") + np.arange(steps) * np.timedelta64(480, "m"),
        demand_kw=demand,
        pv_kw=pv,
        retail_price=0.3,
        feed_in_price=0.1,
        names=("a", "b"),
        timestep_h=8.0,
    )
    return Scenario.whole(series)


def test_errors_of_a_demand_that_grows_by_one_a_day_are_known_by_hand() -> None:
    rows = list(measure(weeks(4), named_forecast("persistence"), [8.0, 24.0]))
    demand = [row for row in rows if row.quantity == DEMAND]
    assert [(row.weeks, row.lead_h) for row in demand] == [
        (TRAINING, 8.0),
        (TRAINING, 24.0),
        (HELD_OUT, 8.0),
        (HELD_OUT, 24.0),
    ]
    for row in demand:
        # Yesterday was lower by 1 kW, and so it was every day before: the far end of the interval is the truth.
        assert row.mae_kw == pytest.approx(1.0)
        assert row.covered == 1.0
        assert row.width_kw == pytest.approx(1.0)
        assert row.nrmse * row.mean_kw == pytest.approx(1.0)
    # Training: days 9 … 21 of the series, two homes, three steps a day; held out: days 22 … 28.
    assert [row.count for row in demand] == [13 * 6, 13 * 6, 7 * 6, 7 * 6]
    assert [row.mean_kw for row in demand] == pytest.approx([15.0, 15.0, 25.0, 25.0])
    for row in measure(weeks(4), named_forecast("7-day-mean"), [24.0]):
        if row.quantity == DEMAND:
            assert row.mae_kw == pytest.approx(4.0)
            assert row.covered == 0.0


def test_pv_counts_by_daylight_and_only_of_roofs_that_ever_generate() -> None:
    found = {(part.quantity, part.weeks): part for part in parts(weeks(4))}
    counted = found[PV, HELD_OUT].counted
    assert not counted[:, 1].any()
    assert np.flatnonzero(counted[:, 0]).tolist() == [step for step in range(63, 84) if step % 3]
    assert not (found[DEMAND, TRAINING].counted & found[DEMAND, HELD_OUT].counted).any()
    assert not found[DEMAND, TRAINING].counted[:24].any()


def test_perfect_is_never_wrong_and_every_forecast_of_what_repeats_is_perfect() -> None:
    for name in KINDS:
        for row in measure(weeks(4), named_forecast(name), [24.0]):
            if name == "perfect" or (row.quantity == PV and name != "weather"):
                assert row.mae_kw == pytest.approx(0.0, abs=1e-12)
                assert row.width_kw == pytest.approx(0.0, abs=1e-12)


def test_what_was_said_before_stands_at_the_step_that_it_is_about() -> None:
    forecaster = weeks(4).series.forecasters(named_forecast("weather", seed=1)).demand
    for ahead, said in zip((1, 3), said_before(forecaster, 84, (1, 3)), strict=True):
        assert np.isnan(said.expected_kw[:ahead]).all()
        for step in (ahead, 50, 83):
            for values, outlook in zip(said, forecaster.outlook(step - ahead), strict=True):
                np.testing.assert_allclose(values[step], outlook[ahead - 1], rtol=1e-12)


def test_data_without_a_held_out_week_is_an_error() -> None:
    with pytest.raises(DataError, match="no held-out week"):
        list(measure(weeks(3), named_forecast("persistence"), [24.0]))


@pytest.mark.parametrize("name", KINDS)
def test_the_stated_coverage_is_near_what_the_training_weeks_of_the_demo_show(name: str) -> None:
    rows = [row for row in measure(Scenario.demo(), named_forecast(name), [1.0, 6.0, 24.0]) if row.weeks == TRAINING]
    assert len(rows) == 6
    for row in rows:
        assert row.covered == pytest.approx(row.stated, abs=0.04)


def test_on_the_demo_intraday_is_best_an_hour_ahead_and_as_good_as_its_base_a_day_ahead() -> None:
    found = {
        (name, row.quantity, row.lead_h): row.mae_kw
        for name in ("persistence", "7-day-mean", "pv-3-day-mean", "intraday")
        for row in measure(Scenario.demo(), named_forecast(name), [1.0, 24.0])
        if row.weeks == HELD_OUT
    }
    for quantity in (DEMAND, PV):
        others = [found[name, quantity, 1.0] for name in ("persistence", "7-day-mean", "pv-3-day-mean")]
        assert found["intraday", quantity, 1.0] < 0.85 * min(others)
        assert found["intraday", quantity, 24.0] == pytest.approx(found["pv-3-day-mean", quantity, 24.0], rel=0.01)


def row(**changes: object) -> ForecastRow:
    fields = {
        "forecast": "f", "quantity": DEMAND, "weeks": TRAINING, "lead_h": 1.0, "count": 1234, "mean_kw": 2.0,
        "mae_kw": 0.5, "nrmse": 0.25, "stated": 0.8, "covered": 0.75, "width_kw": 1.0,
    }  # fmt: skip
    return ForecastRow(**{**fields, **changes})  # type: ignore[arg-type]


def test_a_table_has_a_line_a_forecast_and_a_column_a_lead_time() -> None:
    rows = [row(), row(lead_h=6.0, mae_kw=0.6, covered=0.7), row(quantity=PV)]
    demand, pv = forecast_tables(rows)
    assert demand.title == "demand, training weeks"
    assert demand.head[:5] == ("forecast", "MAE 1 h", "MAE 6 h", "nRMSE 1 h", "nRMSE 6 h")
    assert demand.rows == (("f", "0.500", "0.600", "0.25", "0.25", "0.80", "0.75", "0.70"),)
    assert "1,234" in demand.note
    assert pv.rows == (("f", "0.500", "0.25", "0.80", "0.75"),)


def test_the_command_writes_its_rows_and_names_what_it_does_not_know(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["benchmark", "forecasts", "--forecasts", "perfect,weather", "--seed", "3", "--out", str(out)]) == 0
    document = json.loads((out / "results.json").read_text())
    assert document["schema"] == "autonomy-benchmark-forecasts/1"
    assert {row["forecast"] for row in document["rows"]} == {"perfect", "weather"}
    assert len(document["rows"]) == 2 * 2 * 2 * 3
    assert "held-out weeks" in capsys.readouterr().out
    assert main(["benchmark", "forecasts", "--forecasts", "oracle", "--out", str(out)]) == 1
    assert "known: persistence, 7-day-mean" in capsys.readouterr().err
