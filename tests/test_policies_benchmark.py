"""The benchmark of policies: shares and gains by hand, its command, its files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from autonomy.benchmark.policies.row import NO_FORECAST, SCHEMA
from autonomy.benchmark.policies.run import measure, optima, play
from autonomy.benchmark.policies.table import policy_tables
from autonomy.cli import main
from autonomy.configuration import demo_configuration
from autonomy.errors import ConfigError
from autonomy.forecasting import named_forecast
from autonomy.scenario import Scenario


def days() -> list[Scenario]:
    """Two days of training weeks stand for weeks."""
    demo = Scenario.demo()
    return [demo.window(start, 24) for start in (200, 5000)]


def test_shares_and_gains_are_those_of_the_costs() -> None:
    configuration, kinds = demo_configuration(), [named_forecast(name) for name in ("perfect", "7-day-mean")]
    rows = list(
        measure(
            configuration,
            days(),
            kind_of_weeks="training",
            policies=("grid-only", "mpc-lp", "mpc", "time-of-use"),
            forecasts=kinds,
        )
    )
    assert [(row.policy, row.forecast) for row in rows] == [
        ("grid-only", NO_FORECAST),
        ("mpc-lp", "perfect"),
        ("mpc-lp", "7-day-mean"),
        ("mpc", "perfect"),
        ("mpc", "7-day-mean"),
        ("time-of-use", NO_FORECAST),
    ]
    baseline, best = play(configuration, days(), "grid-only").cost, optima(configuration, days())
    for row in rows:
        forecast = "7-day-mean" if row.forecast == NO_FORECAST else row.forecast
        cost = play(configuration, [day.with_forecast(forecast) for day in days()], row.policy).cost
        assert row.cost == pytest.approx(cost.sum())
        assert row.share == pytest.approx((baseline - cost).sum() / (baseline - best).sum())
        assert row.share_low <= row.share + 1e-12
        assert row.share <= row.share_high + 1e-12
        assert row.policy_p50_s <= row.step_p50_s
        assert row.violations == 0
        if row.policy == "mpc-lp":
            other = play(configuration, [day.with_forecast(forecast) for day in days()], "mpc").cost
            assert row.gain == pytest.approx((other - cost).mean())
            assert row.weeks_better == np.count_nonzero(cost < other)
        else:
            assert np.isnan(row.gain)
    assert rows[0].share == pytest.approx(0.0)
    costs, gains = policy_tables(rows, "USD")
    assert len(costs.rows) == 6
    assert [line[:2] for line in gains.rows] == [("mpc-lp", "perfect"), ("mpc-lp", "7-day-mean")]


def test_a_wrong_name_is_found_before_anything_is_played() -> None:
    told: list[str] = []
    with pytest.raises(ConfigError, match="did you mean 'mpc'"):
        list(
            measure(
                demo_configuration(),
                days(),
                kind_of_weeks="training",
                policies=("mpd",),
                forecasts=[named_forecast("perfect")],
                progress=told.append,
            )
        )
    assert told == []


def test_the_command_leaves_rows_and_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "figures"
    words = [
        "benchmark",
        "policies",
        "--policy",
        "mpc",
        "--forecasts",
        "perfect",
        "--weeks",
        "training",
        "--every",
        "39",
    ]
    assert main([*words, "--out", str(out)]) == 0
    document = json.loads((out / "results.json").read_text(encoding="utf-8"))
    assert document["schema"] == SCHEMA
    (row,) = document["rows"]
    assert (row["policy"], row["forecast"], row["weeks"], row["n_weeks"]) == ("mpc", "perfect", "training", 1)
    assert row["share"] > 0.98
    assert "1 training week" in (out / "results.md").read_text(encoding="utf-8")
    assert "mpc" in capsys.readouterr().out
