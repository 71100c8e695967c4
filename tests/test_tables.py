"""Reading files: every column and unit arrives, and every fault is named by file, row and column."""

from __future__ import annotations

import gzip
import re
import sys
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy.errors import DataError, ModelError, OptionalDependencyError
from autonomy.layers.community import Community
from autonomy.layers.network import Network
from autonomy.scenario import Scenario
from autonomy.series import Series
from autonomy.tables import read_series

ROOT = Path(__file__).resolve().parents[1]
HEADER = "time,demand_kw:home-1,demand_kw:home-2,pv_kw:home-1,retail_price,feed_in_price"


def pair(*, timestep_h: float = 1.0, connection_limit_kw: float = 10.0) -> Community:
    return Community(
        battery_capacity_kwh=6.0,
        charge_limit_kw=3.0,
        discharge_limit_kw=4.0,
        connection_limit_kw=connection_limit_kw,
        network=Network.single_feeder(n_prosumers=2),
        timestep_h=timestep_h,
        names=("home-1", "home-2"),
    )


def rows(*times: str, values: str = "1,2,0.5,0.3,0.1") -> list[str]:
    return [f"{time},{values}" for time in times]


def hours(count: int) -> list[str]:
    return [f"2024-05-01T{hour:02d}:00" for hour in range(count)]


def read(folder: Path, lines: list[str], *, header: str = HEADER, name: str = "data.csv", **options: str) -> Series:
    path = folder / name
    path.write_bytes("\n".join([header, *lines, ""]).encode())
    return read_series(path, community=pair(), time_zone=options.get("time_zone"))


def fault(folder: Path, lines: list[str], *, header: str = HEADER, **options: str) -> DataError:
    with pytest.raises(DataError) as caught:
        read(folder, lines, header=header, **options)
    assert str(caught.value).startswith(f"{folder / 'data.csv'}")
    return caught.value


def test_every_column_arrives_in_its_place(tmp_path: Path) -> None:
    lines = ["2024-05-01T00:00,1,2,0.5,0.3,0.1,0.4", "2024-05-01T01:00,3,4,0.6,0.2,-0.1,0"]
    series = read(tmp_path, lines, header=HEADER + ",carbon_kg_per_kwh")
    np.testing.assert_array_equal(series.time, np.array(["2024-05-01T00:00", "2024-05-01T01:00"], "datetime64[m]"))
    np.testing.assert_array_equal(series.demand_kw, [[1, 2], [3, 4]])
    np.testing.assert_array_equal(series.pv_kw, [[0.5, 0], [0.6, 0]])
    np.testing.assert_array_equal(series.retail_price, [0.3, 0.2])
    np.testing.assert_array_equal(series.feed_in_price, [0.1, -0.1])
    np.testing.assert_array_equal(series.carbon_kg_per_kwh, [0.4, 0])
    assert series.names == ("home-1", "home-2")
    assert series.source == "data.csv (times as in the file)"


def test_energy_and_watts_become_kilowatts(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    header = "feed_in_price,pv_w:home-2,demand_kwh:home-1,retail_price,demand_w:home-2, time"
    path.write_text(f"{header}\n0.1,1500,0.5,0.3,250,2024-05-01T00:00\n0.1,0,1,0.3,0,2024-05-01T00:15\n")
    series = read_series(path, community=pair(timestep_h=0.25))
    np.testing.assert_allclose(series.demand_kw, [[2, 0.25], [4, 0]], rtol=1e-15)
    np.testing.assert_allclose(series.pv_kw, [[0, 1.5], [0, 0]], rtol=1e-15)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(*[st.floats(0, 30) for _ in range(3)], st.floats(0.2, 1), st.floats(-0.1, 0.2), st.floats(0, 2)),
        min_size=1,
        max_size=20,
    )
)
def test_what_is_written_with_all_its_digits_is_read_back_bit_by_bit(
    tmp_path_factory: pytest.TempPathFactory, values: list[tuple[float, ...]]
) -> None:
    folder = tmp_path_factory.mktemp("round")
    start = datetime(2024, 5, 1)
    lines = [
        ",".join([(start + timedelta(hours=row)).isoformat(), *(repr(value) for value in record)])
        for row, record in enumerate(values)
    ]
    series = read(folder, lines, header=HEADER + ",carbon_kg_per_kwh")
    expected = np.array(values)
    np.testing.assert_array_equal(series.demand_kw, expected[:, :2])
    np.testing.assert_array_equal(series.pv_kw[:, 0], expected[:, 2])
    np.testing.assert_array_equal(series.retail_price, expected[:, 3])
    np.testing.assert_array_equal(series.feed_in_price, expected[:, 4])
    np.testing.assert_array_equal(series.carbon_kg_per_kwh, expected[:, 5])


def test_gzip_bom_crlf_blank_lines_and_quotes_change_nothing(tmp_path: Path) -> None:
    plain = read(tmp_path, rows(*hours(3)))
    text = "\n".join([HEADER, *rows(*hours(3)), ""])
    variants = {
        "a.csv.gz": gzip.compress(text.encode()),
        "b.csv": b"\xef\xbb\xbf" + text.encode(),
        "c.csv": text.replace("\n", "\r\n").encode(),
        "d.csv": text.replace("\n", "\n\n").encode(),
        "e.csv": text.replace("time", '"time"').replace("T01:00", " 01:00").encode(),
    }
    for name, data in variants.items():
        (tmp_path / name).write_bytes(data)
        series = read_series(tmp_path / name, community=pair())
        np.testing.assert_array_equal(series.time, plain.time)
        np.testing.assert_array_equal(series.demand_kw, plain.demand_kw)
        assert series.sha256 != plain.sha256


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("abc", "found 'abc'; expected a number in kW"),
        ("", "is empty; expected a number in kW"),
        ("  ", "is empty; expected a number in kW"),
        ("nan", "found 'nan'; expected a finite number in kW"),
        ("-inf", "found '-inf'; expected a finite number in kW"),
        ("1e400", "found '1e400'; expected a finite number in kW"),
        ("-0.5", "found '-0.5'; expected a number >= 0 in kW"),
        ('"1,5"', "found '1,5'; expected a decimal point: 1.5"),
        ("170.1", "found 170.1 kW; expected at most 170 kW for 'home-2'; if the column is in W, convert or rename it"),
    ],
)
def test_a_bad_number_is_named_by_row_and_column(tmp_path: Path, cell: str, message: str) -> None:
    lines = rows(*hours(3))
    lines[1] = f"2024-05-01T01:00,1,{cell},0.5,0.3,0.1"
    caught = fault(tmp_path, lines)
    assert (caught.row, caught.column) == (3, "demand_kw:home-2")
    assert str(caught) == f"{tmp_path / 'data.csv'}, row 3, column 'demand_kw:home-2': {message}"


def test_the_largest_plausible_power_is_accepted(tmp_path: Path) -> None:
    assert read(tmp_path, ["2024-05-01T00:00,1,170,0.5,0.3,0.1"]).demand_kw[0, 1] == 170


def test_without_a_connection_limit_ten_megawatts_are_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text(f"{HEADER}\n2024-05-01T00:00,9999,10001,0.5,0.3,0.1\n")
    with pytest.raises(DataError, match="expected at most 10000 kW for 'home-2'"):
        read_series(path, community=pair(connection_limit_kw=np.inf))


def test_rows_are_counted_as_an_editor_counts_them(tmp_path: Path) -> None:
    lines = rows(*hours(3))
    lines[2] = "2024-05-01T02:00,oops,2,0.5,0.3,0.1"
    assert fault(tmp_path, ["", "", *lines]).row == 6


def test_an_unbelievably_large_energy_is_an_error_and_no_overflow(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text(f"{HEADER.replace('kw:home-1', 'kwh:home-1')}\n2024-05-01T00:00,1e308,1,0.5,0.3,0.1\n")
    with pytest.raises(DataError, match="found inf kW; expected at most 170 kW"):
        read_series(path, community=pair(timestep_h=0.25))


@pytest.mark.parametrize(
    ("header", "message", "column"),
    [
        (HEADER.replace("retail_price", "retial_price"), r"unknown column \(did you mean 'retail_price'\?\)", None),
        (HEADER.replace("demand_kw:home-2", "load_kw:home-2"), r"unknown column \(did you mean", None),
        (HEADER.replace("kw:home-2", "kw:hme-2"), r"no prosumer is called 'hme-2' \(did you mean 'home-2'\?\)", None),
        (HEADER.replace("demand_kw:home-2", "pv_kw:home-2"), "the column 'demand_kw:home-2' is missing", ""),
        (HEADER.replace("demand_kw:home-2", "demand_w:home-1"), "'home-1' has the column 'demand_kw:home-1'", None),
        (HEADER.replace("demand_kw:home-2", "demand_kw:home-1"), "found twice", None),
        (HEADER.replace("demand_kw:home-2", ""), "found a column without a name", ""),
        (HEADER.replace("feed_in_price", "carbon_kg_per_kwh"), "the column 'feed_in_price' is missing", ""),
        (HEADER.replace("time", "carbon_kg_per_kwh"), "the column 'time' is missing", ""),
        (HEADER.replace(",", ";"), "columns are separated by ';'; expected commas", ""),
        (HEADER.replace(",", "\t"), r"columns are separated by '\\t'; expected commas", ""),
    ],
)
def test_a_bad_header_is_explained(tmp_path: Path, header: str, message: str, column: str | None) -> None:
    separator = ";" if ";" in header else "\t" if "\t" in header else ","
    caught = fault(tmp_path, [line.replace(",", separator) for line in rows(*hours(2))], header=header)
    assert re.search(message, str(caught))
    assert caught.row == 1
    assert (caught.column or "") == column or column is None


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (HEADER.encode() + b"\n", "has a header but no rows"),
        (HEADER.encode() + b"\n2024-05-01T00:00,1,2,0.5,0.3\n", "row 2: found 5 cells; expected 6 as in the header"),
        (HEADER.encode() + b"\n2024-05-01T00:00,1,5,2,0,5,0.3,0.1\n", "found 8 cells.*a decimal point, not a comma"),
        (HEADER.encode("utf-16"), "is not UTF-8 text"),
        (HEADER.encode() + b'\n"2024', "is not CSV"),
    ],
)
def test_a_file_that_is_no_table_is_explained(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(data)
    with pytest.raises(DataError, match=message):
        read_series(path, community=pair())


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_series(tmp_path / "none.csv", community=pair())
    with pytest.raises(DataError, match=r"expected a name that ends in \.csv, \.csv\.gz or \.parquet"):
        read_series(tmp_path / "data.xlsx", community=pair())
    whole = gzip.compress(HEADER.encode() * 100)
    for data in (b"no gzip", whole[:-20], whole[:30] + b"\0" + whole[31:]):
        (tmp_path / "cut.csv.gz").write_bytes(data)
        with pytest.raises(DataError, match="is not a complete gzip file"):
            read_series(tmp_path / "cut.csv.gz", community=pair())


def test_a_retail_price_below_the_feed_in_price_is_an_error(tmp_path: Path) -> None:
    lines = [*rows(*hours(1)), "2024-05-01T01:00,1,2,0.5,0.3,0.31"]
    caught = fault(tmp_path, lines)
    assert (caught.row, caught.column) == (3, "retail_price")
    assert "found 0.3; expected at least the feed_in_price of that row, 0.31" in str(caught)


@pytest.mark.parametrize(
    ("times", "row", "message"),
    [
        (["2024-05-01T00:00", "yesterday"], 3, "found 'yesterday'; expected an ISO 8601 time such as"),
        (["2024-05-01T00:00", ""], 3, "found ''; expected an ISO 8601 time"),
        (["2024-05-01T00:00", "2024-02-30T01:00"], 3, "expected an ISO 8601 time"),
        (["2024-05-01T00:00", "2024-05-01T01:00:30"], 3, "expected a whole minute"),
        (["2024-05-01T00:00", "2024-05-01T01:00Z"], 3, "with an offset; expected all without"),
        (["2024-05-01T00:00Z", "2024-05-01T01:00"], 3, "without an offset; expected all with"),
        ([*hours(3), "2024-05-01T02:00"], 5, "found '2024-05-01T02:00' twice"),
        ([*hours(3), "2024-05-01T01:00"], 5, "after '2024-05-01T02:00', which is later"),
        ([*hours(3), "2024-05-01T04:00"], 5, "1 step is missing; expected a step of 60 minutes"),
        ([*hours(3), "2024-05-01T06:00"], 5, "3 steps are missing"),
        ([*hours(3), "2024-05-01T02:30"], 5, "a step of 30 minutes; expected a step of 60 minutes"),
        (["2024-05-01T00:00", "2024-05-01T02:00", "2024-05-01T04:00"], 3, "a step of 120 minutes; expected"),
        (["0001-01-01T00:00+05:00", "0001-01-01T01:00+05:00"], 2, "expected a year that exists in UTC"),
    ],
)
def test_a_bad_time_is_named_by_its_row(tmp_path: Path, times: list[str], row: int, message: str) -> None:
    caught = fault(tmp_path, rows(*times))
    assert (caught.row, caught.column) == (row, "time")
    assert message in str(caught)


@pytest.mark.parametrize("times", [[*hours(3), "2024-05-01T02:00"], [*hours(3), "2024-05-01T04:00"]])
def test_a_jump_of_one_hour_on_a_plain_clock_is_suspected_to_be_summer_time(tmp_path: Path, times: list[str]) -> None:
    hint = "looks like the change to or from summer time: name the time_zone"
    assert hint in str(fault(tmp_path, rows(*times)))
    assert hint not in str(fault(tmp_path, rows(*(f"{time}Z" for time in times))))
    assert hint not in str(fault(tmp_path, rows(*times), time_zone="UTC"))
    assert hint not in str(fault(tmp_path, rows(*hours(3), "2024-05-01T05:00")))


CHANGES_OF_CLOCK = {
    "Europe/Berlin": [datetime(2024, 3, 30), datetime(2024, 10, 26)],
    "America/Los_Angeles": [datetime(2016, 11, 5), datetime(2017, 3, 11)],
    "Australia/Lord_Howe": [datetime(2024, 4, 6), datetime(2024, 10, 5)],  # by half an hour
    "Asia/Kathmandu": [datetime(2024, 1, 1)],  # never; UTC+05:45
}


@settings(max_examples=60, deadline=None)
@given(
    place=st.sampled_from([(zone, day) for zone, days in CHANGES_OF_CLOCK.items() for day in days]),
    offset_min=st.integers(0, 36 * 60),
    minutes=st.sampled_from([15, 30, 60]),
)
def test_local_times_resolve_to_the_instants_they_came_from(
    tmp_path_factory: pytest.TempPathFactory, place: tuple[str, datetime], offset_min: int, minutes: int
) -> None:
    zone, day = place
    folder = tmp_path_factory.mktemp("zone")
    start = day + timedelta(minutes=offset_min)
    utc = [start + timedelta(minutes=minutes * step) for step in range(24 * 60 // minutes)]
    tz = ZoneInfo(zone)
    local = [time.replace(tzinfo=ZoneInfo("UTC")).astimezone(tz) for time in utc]
    path = folder / "data.csv"
    for offsets in (False, True):
        texts = [time.isoformat() if offsets else time.replace(tzinfo=None).isoformat() for time in local]
        path.write_text("\n".join([HEADER, *rows(*texts)]))
        series = read_series(path, community=pair(timestep_h=minutes / 60), time_zone=zone)
        np.testing.assert_array_equal(series.time, np.array(utc, "datetime64[m]"))
        assert "UTC" in series.source


def test_the_repeated_hour_of_autumn_is_taken_in_order(tmp_path: Path) -> None:
    times = ["2024-10-27T01:00", "2024-10-27T02:00", "2024-10-27T02:00", "2024-10-27T03:00"]
    expected = np.array(
        ["2024-10-26T23:00", "2024-10-27T00:00", "2024-10-27T01:00", "2024-10-27T02:00"], "datetime64[m]"
    )
    np.testing.assert_array_equal(read(tmp_path, rows(*times), time_zone="Europe/Berlin").time, expected)
    np.testing.assert_array_equal(read(tmp_path, rows(*times[2:]), time_zone="Europe/Berlin").time, expected[2:])
    np.testing.assert_array_equal(read(tmp_path, rows(*times[1:]), time_zone="Europe/Berlin").time, expected[1:])


def test_a_repeated_hour_that_is_in_the_file_once_or_three_times_is_an_error(tmp_path: Path) -> None:
    once = ["2024-10-27T01:00", "2024-10-27T02:00", "2024-10-27T03:00"]
    assert fault(tmp_path, rows(*once), time_zone="Europe/Berlin").row == 4
    thrice = ["2024-10-27T01:00", *["2024-10-27T02:00"] * 3]
    caught = fault(tmp_path, rows(*thrice), time_zone="Europe/Berlin")
    assert caught.row == 5
    assert "twice" in str(caught)


def test_the_skipped_hour_of_spring_does_not_exist(tmp_path: Path) -> None:
    times = ["2024-03-31T01:00", "2024-03-31T03:00"]
    assert read(tmp_path, rows(*times), time_zone="Europe/Berlin").n_steps == 2
    caught = fault(tmp_path, rows("2024-03-31T01:00", "2024-03-31T02:00"), time_zone="Europe/Berlin")
    assert caught.row == 3
    assert "found '2024-03-31T02:00'; this hour does not exist in Europe/Berlin" in str(caught)


@pytest.mark.parametrize("zone", ["Europe/Berln", "../etc/passwd", "", "Europe"])
def test_an_unknown_time_zone_is_an_error_of_the_argument(tmp_path: Path, zone: str) -> None:
    with pytest.raises(ModelError, match=r"time_zone = .*expected an IANA name"):
        read(tmp_path, rows(*hours(2)), time_zone=zone)


def test_parquet_gives_the_same_series_as_csv(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    texts = hours(3)
    plain = read(tmp_path, rows(*texts))
    times = [datetime.fromisoformat(text) for text in texts]
    kinds = [
        texts,
        pa.array(times, pa.timestamp("ns")),
        pa.array(times, pa.timestamp("s")),
        pa.array(times, pa.timestamp("us", tz="UTC")),
    ]
    for index, time in enumerate(kinds):
        numbers = {"demand_kw:home-1": [1, 1, 1], "demand_kw:home-2": [2.0] * 3, "pv_kw:home-1": [0.5] * 3}
        prices = {"retail_price": [0.3] * 3, "feed_in_price": [0.1] * 3}
        path = tmp_path / f"{index}.parquet"
        pq.write_table(pa.table({"time": time, **numbers, **prices}), path)
        series = read_series(path, community=pair())
        for name in ("time", "demand_kw", "pv_kw", "retail_price", "feed_in_price"):
            np.testing.assert_array_equal(getattr(series, name), getattr(plain, name))


def test_faults_in_parquet_are_named_like_those_in_csv(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "data.parquet"
    columns = {"time": hours(2), "demand_kw:home-1": [1.0, None], "demand_kw:home-2": [2.0, 2.0]}
    pq.write_table(pa.table({**columns, "retail_price": [0.3, 0.3], "feed_in_price": [0.1, 0.1]}), path)
    with pytest.raises(DataError, match="row 3, column 'demand_kw:home-1': is empty; expected a number in kW"):
        read_series(path, community=pair())
    path.write_bytes(b"PAR1 or not")
    with pytest.raises(DataError, match="is not a Parquet file"):
        read_series(path, community=pair())


def test_parquet_without_pyarrow_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "data.parquet").write_bytes(b"")
    with pytest.raises(OptionalDependencyError, match=r"pip install 'autonomy-stack\[parquet\]'"):
        read_series(tmp_path / "data.parquet", community=pair())


def test_the_example_files_belong_together_and_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    community = Community.from_toml(ROOT / "examples" / "community.toml")
    scenario = Scenario.from_file(ROOT / "examples" / "data.csv", community=community)
    assert (scenario.n_steps, scenario.n_prosumers, community.network.n_lines) == (14 * 24, 5, 3)
    assert not scenario.pv_kw[:, scenario.names.index("workshop")].any()
    # The documented snippet makes exactly this file.
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "data.md").read_text(encoding="utf-8"), re.DOTALL)
    (snippet,) = [block for block in blocks if "random.Random" in block]
    (tmp_path / "examples").mkdir()
    monkeypatch.chdir(tmp_path)
    exec(compile(snippet, "docs/data.md", "exec"), {})  # noqa: S102 - our own documentation
    made = (tmp_path / "examples" / "data.csv").read_bytes()
    assert made == (ROOT / "examples" / "data.csv").read_bytes()
    assert len(made) < 60_000


def test_the_table_of_columns_in_the_documentation_is_the_one_the_reader_knows() -> None:
    text = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
    block = re.search(r"```csv\n(.*?)```", text, re.DOTALL)
    assert block is not None
    header = block.group(1).splitlines()[0].split(",")
    assert {"time", "retail_price", "feed_in_price"} < set(header)
