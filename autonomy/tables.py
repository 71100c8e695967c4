"""Reading series from CSV and Parquet files: every fault is named with its file, row and column."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from autonomy.errors import DataError, ModelError, OptionalDependencyError, did_you_mean
from autonomy.layers import physics
from autonomy.layers.arrays import Index, Vector
from autonomy.layers.community import Community
from autonomy.series import Series, step_minutes

QUANTITIES = ("demand", "pv")
UNITS = {"kw": "kW", "kwh": "kWh per step", "w": "W"}
PRICES = {"retail_price": "currency/kWh", "feed_in_price": "currency/kWh", "carbon_kg_per_kwh": "kg/kWh"}
OTHER_DELIMITERS = (";", "\t", "|")
TIME_EXAMPLE = "2016-08-01T00:00 or 2016-08-01T00:00+02:00"


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """A file as text: equally long columns and the row of each record, as an editor counts (the header is row 1)."""

    path: Path
    columns: Mapping[str, Sequence[str]]
    rows: Sequence[int]
    sha256: str

    def fail(self, record: int, column: str, problem: str) -> NoReturn:
        """Raise `DataError` at a record (counted from 0) and column."""
        raise DataError(self.path, problem, row=self.rows[record], column=column)


def read_series(path: str | Path, *, community: Community, time_zone: str | None = None) -> Series:
    """Read the series of a community from a `.csv`, `.csv.gz` or `.parquet` file; `docs/data.md` lists the columns.

    Times with an offset, and times without one if `time_zone` is named, are stored as UTC. Without either they are
    stored as they are, a clock without changes to summer time.

    Args:
        path: The file.
        community: Its names, time step and limits are what the file is checked against.
        time_zone: IANA name of the zone that times without an offset are local times of.

    Raises:
        DataError: the file is wrong; the message names row and column.
        ModelError: `time_zone` is unknown, or the community's time step is not a whole number of minutes.
        OptionalDependencyError: the file is Parquet and pyarrow is not installed.
    """
    minutes = step_minutes(community.timestep_h)
    zone = _zone(time_zone)
    table = read_table(Path(path))
    _check_columns(table, community.names)
    time, clock = _times(table, minutes, zone)
    demand, pv = (_power(table, quantity, community) for quantity in QUANTITIES)
    prices = {name: _prices(table, name) for name in PRICES}
    lower = prices["retail_price"] < prices["feed_in_price"]
    if lower.any():
        record = int(np.flatnonzero(lower)[0])
        retail, feed_in = (table.columns[name][record] for name in ("retail_price", "feed_in_price"))
        problem = f"found {retail}; expected at least the feed_in_price of that row, {feed_in}"
        table.fail(record, "retail_price", problem)
    return Series(
        time=time,
        demand_kw=demand,
        pv_kw=pv,
        **prices,
        names=community.names,
        timestep_h=community.timestep_h,
        source=f"{table.path.name} ({clock})",
        sha256=table.sha256,
    )


def read_table(path: Path) -> Table:
    """Return the file at `path` as text, whatever its format.

    Raises:
        DataError: the file cannot be read, or is no table with a header and at least one row.
        OptionalDependencyError: see `read_series`.
    """
    name = path.name.lower()
    if not name.endswith((".csv", ".csv.gz", ".parquet")):
        raise DataError(path, "unknown kind of file; expected a name that ends in .csv, .csv.gz or .parquet")
    try:
        data = path.read_bytes()
    except OSError as fault:
        raise DataError(path, f"cannot be read ({fault.strerror})") from None
    if name.endswith(".parquet"):
        return _read_parquet(path, data)
    try:
        text = (gzip.decompress(data) if name.endswith(".gz") else data).decode("utf-8-sig")
    except (OSError, EOFError, zlib.error) as fault:
        raise DataError(path, f"is not a complete gzip file ({fault})") from None
    except UnicodeDecodeError as fault:
        raise DataError(path, f"is not UTF-8 text (byte {fault.start}); save it as UTF-8") from None
    return _read_csv(path, text, hashlib.sha256(data).hexdigest())


def _read_csv(path: Path, text: str, sha256: str) -> Table:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    records: list[list[str]] = []
    rows: list[int] = []
    try:
        for record in reader:
            if len(record) > 1 or any(cell.strip() for cell in record):
                records.append(record)
                rows.append(reader.line_num)
    except csv.Error as fault:
        raise DataError(path, f"is not CSV ({fault})", row=reader.line_num) from None
    if not records:
        raise DataError(path, "is empty; expected a header and one row for each step")
    header = _header(path, records[0], row=rows[0])
    for record, row in zip(records[1:], rows[1:], strict=True):
        if len(record) != len(header):
            hint = "; numbers need a decimal point, not a comma" if len(record) > len(header) else ""
            raise DataError(path, f"found {len(record)} cells; expected {len(header)} as in the header{hint}", row=row)
    columns = dict(zip(header, zip(*records[1:], strict=True), strict=True)) if records[1:] else {}
    return _table(path, columns, rows[1:], sha256)


def _read_parquet(path: Path, data: bytes) -> Table:
    try:
        import pyarrow as pa  # noqa: PLC0415 - an optional library
        import pyarrow.parquet as pq  # noqa: PLC0415
    except ImportError:
        raise OptionalDependencyError("reading Parquet files", "parquet") from None
    try:
        content = pq.read_table(io.BytesIO(data))
        header = _header(path, content.column_names, row=None)
        columns = {}
        for name, column in zip(header, content.columns, strict=True):
            if pa.types.is_timestamp(column.type):  # Python's datetime has no nanoseconds
                columns[name] = column.cast(pa.timestamp("us", tz=column.type.tz)).to_pylist()
            else:
                columns[name] = column.to_pylist()
    except (pa.ArrowException, OSError) as fault:
        raise DataError(path, f"is not a Parquet file this program can read ({fault})") from None
    text = {name: [_as_text(value) for value in values] for name, values in columns.items()}
    return _table(path, text, range(2, content.num_rows + 2), hashlib.sha256(data).hexdigest())


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    return str(value.isoformat()) if hasattr(value, "isoformat") else str(value)


def _header(path: Path, cells: Sequence[str], *, row: int | None) -> list[str]:
    names = [cell.strip() for cell in cells]
    for mark in OTHER_DELIMITERS:
        if "time" not in names and any(mark in name for name in names):
            raise DataError(path, f"columns are separated by {mark!r}; expected commas, and a decimal point", row=row)
    for name in names:
        if not name:
            raise DataError(path, "found a column without a name", row=row)
        if names.count(name) > 1:
            raise DataError(path, "found twice; expected every column once", row=row, column=name)
    return names


def _table(path: Path, columns: Mapping[str, Sequence[str]], rows: Sequence[int], sha256: str) -> Table:
    if not rows:
        raise DataError(path, "has a header but no rows; expected one row for each step")
    return Table(path=path, columns=columns, rows=rows, sha256=sha256)


def _check_columns(table: Table, names: tuple[str, ...]) -> None:
    known = ["time", *PRICES, *(f"{quantity}_kw:{name}" for quantity in QUANTITIES for name in names)]
    kinds = {f"{quantity}_{unit}" for quantity in QUANTITIES for unit in UNITS}
    for column in table.columns:
        kind, colon, name = column.partition(":")
        if colon and kind in kinds:
            if name not in names:
                hint = did_you_mean(name, names)
                raise DataError(table.path, f"no prosumer is called {name!r}{hint}", row=1, column=column)
        elif column not in known:
            hint = did_you_mean(column, known)
            expected = f"time, {', '.join(PRICES)}, or demand_kw, pv_kw (or _kwh, _w) and :prosumer"
            raise DataError(table.path, f"unknown column{hint}; expected {expected}", row=1, column=column)
    for column in ("time", "retail_price", "feed_in_price"):
        if column not in table.columns:
            raise DataError(table.path, f"the column {column!r} is missing", row=1)
    for name in names:
        if _power_column(table, "demand", name) is None:
            raise DataError(table.path, f"the column 'demand_kw:{name}' is missing; every prosumer needs one", row=1)
        _power_column(table, "pv", name)


def _power_column(table: Table, quantity: str, name: str) -> tuple[str, str] | None:
    found = [(f"{quantity}_{unit}:{name}", unit) for unit in UNITS if f"{quantity}_{unit}:{name}" in table.columns]
    if len(found) > 1:
        problem = f"{name!r} has the column {found[0][0]!r} already; expected one of them"
        raise DataError(table.path, problem, row=1, column=found[1][0])
    return found[0] if found else None


def _power(table: Table, quantity: str, community: Community) -> Vector:
    """Return (T, N) kW; a prosumer without a column has zeros."""
    result = np.zeros((len(table.rows), community.n_prosumers))
    limit = physics.plausible_power_kw(
        community.connection_limit_kw, community.charge_limit_kw, community.discharge_limit_kw
    )
    factor = {"kw": 1.0, "kwh": 1.0 / community.timestep_h, "w": 1e-3}
    for prosumer, name in enumerate(community.names):
        found = _power_column(table, quantity, name)
        if found is None:
            continue
        column, unit = found
        with np.errstate(over="ignore"):  # what overflows is caught as too large
            values = _numbers(table, column, UNITS[unit], positive=True) * factor[unit]
        large = values > limit[prosumer]
        if large.any():
            record = int(np.flatnonzero(large)[0])
            hint = "" if unit == "w" else f"; if the column is in {UNITS[unit].replace('k', '')}, convert or rename it"
            problem = f"found {values[record]:g} kW; expected at most {limit[prosumer]:g} kW for {name!r}{hint}"
            table.fail(record, column, problem)
        result[:, prosumer] = values
    return result


def _prices(table: Table, column: str) -> Vector:
    if column not in table.columns:
        return np.zeros(len(table.rows))
    return _numbers(table, column, PRICES[column], positive=column == "carbon_kg_per_kwh")


def _numbers(table: Table, column: str, unit: str, *, positive: bool) -> Vector:
    cells = table.columns[column]
    try:
        values = np.array(cells, dtype=np.float64)
    except ValueError:
        record = next(index for index, cell in enumerate(cells) if not _is_number(cell))
        table.fail(record, column, _not_a_number(cells[record], unit))
    finite = np.isfinite(values)
    passed = finite & (values >= 0) if positive else finite
    if not passed.all():
        record = int(np.flatnonzero(~passed)[0])
        expected = "a number >= 0" if finite[record] else "a finite number"
        table.fail(record, column, f"found {cells[record].strip()!r}; expected {expected} in {unit}")
    return values


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _not_a_number(cell: str, unit: str) -> str:
    text = cell.strip()
    if not text:
        return f"is empty; expected a number in {unit}"
    if re.fullmatch(r"[+-]?\d+,\d+", text):
        return f"found {text!r}; expected a decimal point: {text.replace(',', '.')}"
    return f"found {text!r}; expected a number in {unit}"


def _zone(name: str | None) -> ZoneInfo | None:
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        raise ModelError("time_zone", name, "an IANA name such as 'Europe/Berlin', known to this system") from None


def _times(table: Table, minutes: int, zone: ZoneInfo | None) -> tuple[NDArray[np.datetime64], str]:
    """Return (T,) datetime64[m], checked to be `minutes` apart, and what clock it is."""
    parsed = [_parse_time(table, record) for record in range(len(table.rows))]
    has_offset = [instant.tzinfo is not None for instant in parsed]
    for record, aware in enumerate(has_offset):
        if aware != has_offset[0]:
            found, first = ("with", "without") if aware else ("without", "with")
            cell = table.columns["time"][record].strip()
            table.fail(record, "time", f"found {cell!r} {found} an offset; expected all {first}, as in the first row")
    if has_offset[0]:
        time = _whole_minutes(table, [_to_utc(table, record, instant) for record, instant in enumerate(parsed)])
        clock = "times in UTC"
    elif zone is not None:
        time = _resolve_local(table, parsed, zone, minutes)
        clock = f"times in UTC, from local time in {zone.key}"
    else:
        time, clock = _whole_minutes(table, parsed), "times as in the file"
    _check_steps(table, time, minutes, is_plain_clock=zone is None and not has_offset[0])
    return time.astype("datetime64[m]"), clock


def _parse_time(table: Table, record: int) -> datetime:
    cell = table.columns["time"][record].strip()
    try:
        return datetime.fromisoformat(cell)
    except ValueError:
        table.fail(record, "time", f"found {cell!r}; expected an ISO 8601 time such as {TIME_EXAMPLE}")


def _to_utc(table: Table, record: int, instant: datetime) -> datetime:
    try:
        return instant.astimezone(UTC).replace(tzinfo=None)
    except OverflowError:
        table.fail(record, "time", f"found {instant.isoformat()!r}; expected a year that exists in UTC, too")


def _whole_minutes(table: Table, instants: list[datetime]) -> Index:
    """Return minutes since 1970; datetimes have no offset here."""
    microseconds = np.array(instants, dtype="datetime64[us]").astype(np.int64)
    minutes, rest = np.divmod(microseconds, 60_000_000)
    if rest.any():
        record = int(np.flatnonzero(rest)[0])
        table.fail(record, "time", f"found {table.columns['time'][record].strip()!r}; expected a whole minute")
    return np.asarray(minutes, dtype=np.int64)


def _resolve_local(table: Table, local: list[datetime], zone: ZoneInfo, minutes: int) -> Index:
    """Return UTC minutes of local times; of an hour that is repeated, the first pass comes first.

    The second pass is meant where it continues the steps, or where the first would not come later than the row before.
    A file that starts inside a repeated hour may start in either pass; the one that makes the steps regular is taken.
    """
    either = [_both_passes(table, record, instant, zone) for record, instant in enumerate(local)]
    guesses = []
    for first in either[0]:
        resolved = [first]
        for early, late in either[1:]:
            expected = resolved[-1] + timedelta(minutes=minutes)
            resolved.append(late if late == expected or early <= resolved[-1] else early)
        guesses.append(_whole_minutes(table, resolved))
    return next((guess for guess in guesses if np.all(np.diff(guess) == minutes)), guesses[0])


def _both_passes(table: Table, record: int, instant: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return UTC of the first and second pass of a local time; they are equal except in a repeated hour."""
    early, late = (_to_utc(table, record, instant.replace(tzinfo=zone, fold=fold)) for fold in (0, 1))
    if early.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None, fold=0) != instant:
        cell = table.columns["time"][record].strip()
        table.fail(record, "time", f"found {cell!r}; this hour does not exist in {zone.key}, summer time begins")
    return early, late


def _check_steps(table: Table, time: Index, minutes: int, *, is_plain_clock: bool) -> None:
    steps = np.diff(time)
    if np.all(steps == minutes):
        return
    record = int(np.flatnonzero(steps != minutes)[0]) + 1
    step = int(steps[record - 1])
    before, cell = (table.columns["time"][index].strip() for index in (record - 1, record))
    if step == 0:
        problem = f"found {cell!r} twice"
    elif step < 0:
        problem = f"found {cell!r} after {before!r}, which is later"
    elif step % minutes == 0 and not np.all(steps == step):
        missing = step // minutes - 1
        problem = f"found {cell!r} after {before!r}; {missing} step{'s are' if missing > 1 else ' is'} missing"
    else:
        problem = f"found {cell!r} after {before!r}, a step of {step} minutes"
    problem += f"; expected a step of {minutes} minutes (timestep_h = {minutes / 60:g})"
    if is_plain_clock and abs(step - minutes) == 60:
        problem += (
            "; a jump of one hour looks like the change to or from summer time: name the time_zone (such as "
            "'Europe/Berlin') or write times with their offsets"
        )
    table.fail(record, "time", problem)
