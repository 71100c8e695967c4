"""Series and windows, and the demo data that ships with the package."""

from __future__ import annotations

import gzip
import hashlib
from datetime import datetime
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy.data import convert
from autonomy.demo import DEMO_SHA256, demo_series, read_demo
from autonomy.errors import AutonomyError, DataError
from autonomy.layers.community import Community
from autonomy.layers.errors import ModelError
from autonomy.scenario import Scenario
from autonomy.series import Series


def made(steps: int = 48, **changes: Any) -> Series:
    """A series of two prosumers whose every number tells its step."""
    timestep_h = changes.get("timestep_h", 1.0)
    step = np.timedelta64(round(timestep_h * 60) if timestep_h > 0 else 60, "m")
    count = np.arange(float(steps))
    values: dict[str, Any] = {
        "time": np.datetime64("2024-05-01T00:00", "m") + np.arange(steps) * step,
        "demand_kw": np.stack([count, count + 0.5], axis=1),
        "pv_kw": np.stack([2 * count, 0 * count], axis=1),
        "retail_price": 0.3 + count / 1e4,
        "feed_in_price": 0.1 + count / 1e4,
        "carbon_kg_per_kwh": count / 1e3,
        "names": ("a", "b"),
        "timestep_h": timestep_h,
    }
    return Series(**{**values, **changes})


def changed(field: str, index: Any, value: float) -> dict[str, Any]:
    array = np.array(getattr(made(), field))
    array[index] = value
    return {field: array}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (changed("demand_kw", (3, 1), -1.0), r"demand_kw\[3, 1\] = -1.0: expected a finite number >= 0 kW"),
        (changed("pv_kw", (0, 0), np.nan), r"pv_kw\[0, 0\] = nan: expected"),
        (changed("pv_kw", (0, 0), np.inf), r"pv_kw\[0, 0\] = inf: expected"),
        (changed("carbon_kg_per_kwh", 5, -0.1), r"carbon_kg_per_kwh\[5\] = -0.1: expected"),
        (changed("retail_price", 7, np.nan), r"retail_price\[7\] = nan: expected a finite"),
        (changed("feed_in_price", 7, -np.inf), r"feed_in_price\[7\] = -inf: expected a finite"),
        (changed("feed_in_price", 7, 0.5), r"retail_price\[7\] = .*no lower than the feed-in price"),
        ({"demand_kw": np.zeros((48, 3))}, r"demand_kw = .*\(48, 3\).*expected an array of shape \(48, 2\)"),
        ({"demand_kw": [["x", "y"]]}, "demand_kw = .*expected numbers"),
        ({"retail_price": np.zeros(3)}, r"retail_price = .*\(3,\)"),
        ({"names": ("a", "a")}, "names = .*different names"),
        ({"names": ()}, "names = .*at least one"),
        ({"timestep_h": 0.0}, "timestep_h = 0.0: expected"),
        ({"timestep_h": 1 / 7}, "timestep_h = 0.14.*whole number of minutes"),
        ({"timestep_h": float("nan")}, "timestep_h = nan"),
        ({"time": np.array([], "datetime64[m]")}, r"time = .*shape \(T,\) with T >= 1"),
        ({"time": np.full(48, np.datetime64("NaT", "m"))}, "time"),
        ({"time": np.repeat(np.datetime64("2024-05-01T00:00", "m"), 48)}, r"time\[1\] = .*60 minutes after"),
        ({"time": made().time + np.timedelta64(30, "s")}, r"time\[0\] = .*:30': expected a whole minute"),
        ({"time": ["noon"] * 48}, "time = .*datetime64"),
    ],
)
def test_a_wrong_series_is_named_by_field_and_value(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        made(**changes)


def test_a_series_keeps_read_only_copies() -> None:
    mine = np.ones((48, 2))
    series = made(demand_kw=mine)
    mine[0, 0] = 9.0
    assert series.demand_kw[0, 0] == 1.0
    for name in ("time", "demand_kw", "pv_kw", "retail_price", "feed_in_price", "carbon_kg_per_kwh"):
        assert not getattr(series, name).flags.writeable
        assert not getattr(Scenario.whole(series).window(3, 4), name).flags.writeable


def test_scalar_prices_are_repeated() -> None:
    np.testing.assert_array_equal(made(retail_price=0.3, feed_in_price=0.1).retail_price, np.full(48, 0.3))


@pytest.mark.parametrize(
    "changes",
    [changed("demand_kw", (3, 1), 1.25), changed("carbon_kg_per_kwh", 3, 1.0), {"names": ("a", "c")}],
)
def test_the_hash_tells_series_apart(changes: dict[str, Any]) -> None:
    assert made().sha256 == made().sha256
    assert made().sha256 != made(**changes).sha256
    assert made(sha256="of a file").sha256 == "of a file"


@given(st.integers(1, 60), st.data())
def test_a_window_is_the_slice_of_its_series(steps: int, data: st.DataObject) -> None:
    series = made(steps)
    start = data.draw(st.integers(0, steps - 1))
    stop = data.draw(st.integers(start + 1, steps))
    window = Scenario(series=series, start=start, stop=stop)
    assert window.n_steps == stop - start
    for name in ("time", "demand_kw", "pv_kw", "retail_price", "feed_in_price", "carbon_kg_per_kwh"):
        np.testing.assert_array_equal(getattr(window, name), getattr(series, name)[start:stop])
    first = data.draw(st.integers(0, window.n_steps - 1))
    inner = window.window(first, data.draw(st.integers(1, window.n_steps - first)))
    assert inner.start == start + first
    assert window.start <= inner.start < inner.stop <= window.stop
    assert (inner.n_prosumers, inner.timestep_h, inner.names) == (2, 1.0, ("a", "b"))


@pytest.mark.parametrize(
    ("start", "stop", "field"),
    [(-1, 5, "start"), (48, 49, "start"), (5, 5, "stop"), (5, 49, "stop"), (1.5, 4, "start")],
)
def test_a_window_outside_the_series_is_an_error(start: int, stop: int, field: str) -> None:
    with pytest.raises(ModelError, match=f"^{field} = "):
        Scenario(series=made(), start=start, stop=stop)


@pytest.mark.parametrize(
    ("first", "steps", "field"),
    [(-1, 5, "first"), (10, 1, "first"), (0, 0, "steps"), (4, 7, "steps"), (0, "3", "steps")],
)
def test_a_window_cannot_leave_the_window_it_is_cut_from(first: int, steps: int, field: str) -> None:
    with pytest.raises(ModelError, match=f"^{field} = "):
        Scenario(series=made(), start=10, stop=20).window(first, steps)


@given(st.integers(1, 48), st.integers(0, 47), st.data())
def test_windows_follow_each_other_and_leave_out_only_a_shorter_rest(
    size: int, start: int, data: st.DataObject
) -> None:
    scenario = Scenario(series=made(), start=start, stop=data.draw(st.integers(start + 1, 48)))
    if size > scenario.n_steps:
        with pytest.raises(ModelError, match=r"^steps = "):
            scenario.windows(size)
        return
    windows = list(scenario.windows(size))
    assert windows[0].start == scenario.start
    assert all(window.n_steps == size for window in windows)
    assert all(one.stop == other.start for one, other in pairwise(windows))
    assert 0 <= scenario.stop - windows[-1].stop < size


def test_between_takes_the_steps_that_start_in_the_half_open_interval() -> None:
    scenario = Scenario.whole(made())
    day = scenario.between("2024-05-01", "2024-05-02")
    assert (day.start, day.stop) == (0, 24)
    part = scenario.between("2024-05-01T05:30", np.datetime64("2024-05-01T08:00"))
    assert (part.start, part.stop) == (6, 8)
    rest = scenario.between(datetime(2024, 5, 2), "2024-05-03T00:00")
    assert (rest.start, rest.stop) == (24, 48)
    assert rest.between("2024-05-02T01:00", "2024-05-02T02:00").start == 25


@pytest.mark.parametrize(
    ("from_", "to", "message"),
    [
        ("2024-04-30", "2024-05-02", "from_ = '2024-04-30': expected a time from 2024-05-01T00:00 to 2024-05-03T00:00"),
        ("2024-05-01", "2024-05-04", "to = '2024-05-04': expected a time from"),
        ("2024-05-02", "2024-05-01", "to = '2024-05-01': expected a time later than 2024-05-02"),
        ("2024-05-01T00:10", "2024-05-01T00:50", "to = .*with a step between them"),
        ("May", "2024-05-02", "from_ = 'May': expected an ISO 8601 time"),
        ("2024-05-01T00:00Z", "2024-05-02", "from_ = .*without an offset"),
        (np.datetime64("NaT"), "2024-05-02", "from_ = 'NaT': expected a time"),
        (5, "2024-05-02", "from_ = 5: expected an ISO 8601 time"),
    ],
)
def test_between_explains_what_it_cannot_do(from_: Any, to: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        Scenario.whole(made()).between(from_, to)


def test_weeks_are_counted_from_the_first_step_of_the_series() -> None:
    whole = Scenario.whole(made(24 * 7 * 9 + 5))
    assert [(week.start, week.n_steps) for week in whole.weeks()] == [(168 * index, 168) for index in range(9)]
    assert [week.start // 168 for week in whole.held_out_weeks()] == [3, 7]
    assert [week.start // 168 for week in whole.training_weeks()] == [0, 1, 2, 4, 5, 6, 8]
    assert [week.label for week in whole.held_out_weeks()] == ["week 4 (2024-05-22)", "week 8 (2024-06-19)"]
    # A window that starts inside a week has the same weeks, less those it cuts.
    assert [week.start // 168 for week in whole.window(1, 168 * 8).weeks()] == [1, 2, 3, 4, 5, 6, 7]
    assert [week.start // 168 for week in whole.window(168, 168 * 3).held_out_weeks()] == [3]
    assert not list(whole.window(0, 167).weeks())


def test_windows_that_are_no_week_are_labelled_by_start_and_length() -> None:
    whole = Scenario.whole(made())
    assert whole.label == "2024-05-01T00:00 (48 steps)"
    assert whole.window(3, 1).label == "2024-05-01T03:00 (1 step)"
    assert Scenario.whole(made(24 * 8)).window(1, 168).label == "2024-05-01T01:00 (168 steps)"


def test_a_step_that_does_not_divide_a_day_has_windows_but_no_weeks_and_no_forecast() -> None:
    scenario = Scenario.whole(made(timestep_h=5.0))
    assert scenario.window(0, 2).label == "2024-05-01T00:00 (2 steps)"
    for needs_days in (scenario.weeks, lambda: scenario.forecast(0)):
        with pytest.raises(ModelError, match=r"timestep_h = 5\.0: expected a step that divides a day"):
            needs_days()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 24 * 9 - 1), st.sampled_from([0.5, 1.0, 2.0]))
def test_a_forecast_depends_on_the_step_and_not_on_the_window(step: int, timestep_h: float) -> None:
    series = made(24 * 9, timestep_h=timestep_h)
    whole = Scenario.whole(series).forecast(step)
    inside = Scenario(series=series, start=step, stop=step + 1).forecast(0)
    assert whole.horizon == round(24 / timestep_h)
    for name, values in vars(whole).items():
        np.testing.assert_array_equal(values, getattr(inside, name))
    rows = np.minimum(np.arange(step + 1, step + 1 + whole.horizon), series.n_steps - 1)
    np.testing.assert_array_equal(whole.retail_price, series.retail_price[rows])
    np.testing.assert_array_equal(whole.feed_in_price, series.feed_in_price[rows])
    assert whole.demand_kw.shape == whole.pv_high_kw.shape == (whole.horizon, 2)


@pytest.mark.parametrize("k", [-1, 48, 1.5, None])
def test_a_forecast_at_no_step_of_the_window_is_an_error(k: Any) -> None:
    with pytest.raises(ModelError, match=r"^k = "):
        Scenario.whole(made()).forecast(k)


def test_the_demo_is_a_year_of_seventeen_homes_with_known_totals() -> None:
    scenario = Scenario.demo()
    assert (scenario.n_steps, scenario.n_prosumers, scenario.timestep_h) == (8760, 17, 1.0)
    assert scenario.names == Community.demo().names
    assert str(scenario.time[0]) == "2016-08-01T00:00"
    assert str(scenario.time[-1]) == "2017-07-31T23:00"
    without_pv = [name for name, total in zip(scenario.names, scenario.pv_kw.sum(axis=0), strict=True) if total == 0]
    assert without_pv == ["home-14", "home-15"]
    # Row 17 of Building_1.csv of the source: 1.3914 kWh; 0.54 $/kWh from 16:00 to 21:00 of a summer weekday.
    assert scenario.demand_kw[16, 0] == 1.3914
    assert list(np.flatnonzero(scenario.retail_price[:24] > 0.3)) == [16, 17, 18, 19, 20]
    assert set(scenario.retail_price) == {0.21, 0.22, 0.4, 0.5, 0.54}
    assert set(scenario.feed_in_price) == {0.06}
    assert scenario.series is demo_series()


def test_the_feeder_of_the_demo_binds_in_the_share_of_hours_that_is_documented() -> None:
    scenario, network = Scenario.demo(), Community.demo().network
    export_kw = (scenario.pv_kw - scenario.demand_kw).sum(axis=1)
    assert round(float(np.mean(export_kw < -network.import_limit_kw[0])), 3) == 0.013
    assert round(float(np.mean(export_kw > network.export_limit_kw[0])), 3) == 0.025
    assert round(float(export_kw.min()), 1) == -49.1
    assert round(float(export_kw.max()), 1) == 36.5


def test_thirteen_weeks_of_the_demo_are_held_out() -> None:
    held_out = list(Scenario.demo().held_out_weeks())
    assert len(held_out) == 13
    assert held_out[0].label == "week 4 (2016-08-22)"
    assert held_out[-1].label == "week 52 (2017-07-24)"
    training = list(Scenario.demo().training_weeks())
    assert len(training) == 39
    assert not {week.start for week in training} & {week.start for week in held_out}


def test_a_changed_demo_file_is_refused(tmp_path: Path) -> None:
    data = (files("autonomy") / "data" / "fontana.csv.gz").read_bytes()
    assert len(data) < 700_000
    text = gzip.decompress(data)
    path = tmp_path / "fontana.csv.gz"
    path.write_bytes(gzip.compress(text.replace(b"1.3914", b"1.3915"), mtime=0))
    with pytest.raises(DataError, match=f"expected {DEMO_SHA256}"):
        read_demo(path)
    with pytest.raises(DataError, match="cannot be read"):
        read_demo(tmp_path / "none.csv.gz")
    path.write_bytes(data)
    np.testing.assert_array_equal(read_demo(path).demand_kw, demo_series().demand_kw)


def test_the_hashes_in_the_sources_page_are_those_of_the_shipped_file() -> None:
    folder = files("autonomy") / "data"
    page = (folder / "SOURCES.md").read_text(encoding="utf-8")
    data = (folder / "fontana.csv.gz").read_bytes()
    assert hashlib.sha256(data).hexdigest() in page
    assert hashlib.sha256(gzip.decompress(data)).hexdigest() in page


def raw_folder(root: Path, hours: int) -> Path:
    """A folder like the unpacked wheel, with constants that tell building and column apart."""
    folder = root / convert.FOLDER
    folder.mkdir(parents=True)
    pv = {"pv": {"attributes": {"nominal_power": 4.0}}}
    buildings = ", ".join(f'"Building_{home}": {pv}' for home in range(1, 18)).replace("'", '"')
    (folder / "schema.json").write_text(f'{{"buildings": {{{buildings}}}}}')
    for home in range(1, 18):
        lines = ["Equipment Electric Power [kWh],Solar Generation [W/kW]", *[f"{home}.00004,{100 + home}"] * hours]
        (folder / f"Building_{home}.csv").write_text("\n".join(lines))
    (folder / "pricing.csv").write_text("\n".join(["Electricity Pricing [$/kWh]", *["0.22"] * hours]))
    (folder / "carbon_intensity.csv").write_text("\n".join(["kg_CO2/kWh", *["0.15"] * hours]))
    return root


def test_the_converter_writes_a_file_of_the_column_scheme_and_the_same_bytes_again(tmp_path: Path) -> None:
    wheel = raw_folder(tmp_path / "wheel", 8760)
    out = tmp_path / "fontana.csv.gz"
    convert.main([str(wheel), str(out)])
    first = out.read_bytes()
    convert.main([str(wheel), str(out)])
    assert out.read_bytes() == first
    scenario = Scenario.from_file(out, community=Community.demo())
    np.testing.assert_array_equal(scenario.demand_kw[99], np.arange(1.0, 18.0))
    expected = (100 + np.arange(1.0, 18.0)) * 4 / 1000
    expected[[13, 14]] = 0.0
    np.testing.assert_allclose(scenario.pv_kw[99], expected, rtol=1e-12)
    assert (scenario.retail_price[5], scenario.feed_in_price[5], scenario.carbon_kg_per_kwh[5]) == (0.22, 0.06, 0.15)


def test_the_converter_refuses_a_source_of_another_length(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="expected 8760 finite numbers"):
        convert.convert(raw_folder(tmp_path, 24))
    with pytest.raises(SystemExit, match="usage"):
        convert.main([])


def test_every_error_of_a_scenario_is_one_of_ours() -> None:
    assert issubclass(ModelError, AutonomyError)
    assert issubclass(DataError, AutonomyError)
