"""The optional channels of an observation, read once for all monitors and copied: a host may reuse its arrays."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time
from math import inf, isfinite, nan
from typing import Any, NamedTuple

import numpy as np

from autonomy.layers.arrays import Vector

EPOCH = datetime(1970, 1, 1)
"""Where times without an offset are counted from, on their own clock."""
FLOAT = np.dtype(np.float64)


class Instant(NamedTuple):
    """A point in time.

    Attributes:
        seconds: s since 1970, by UTC where the offset is known, else by the host's own clock.
        is_aware: Whether the offset from UTC is known.
    """

    seconds: float
    is_aware: bool


class Reading(NamedTuple):
    """What the screen does not keep.

    Attributes:
        soc: (N,) fraction, NaN where it is no number.
        applied_kw: (N,) kW, what the host says it did (+ = charge), NaN where it is no number; None when not given.
        feeder_kw: kW, metered net export of the step that ended; NaN when it is no number, None when not given.
        instant: The step's start; None when not given, or no point in time.
        limits: The limits of this step as given.
        unreadable: Names of optional fields that were given and could not be read.
    """

    soc: Vector
    applied_kw: Vector | None
    feeder_kw: float | None
    instant: Instant | None
    limits: Any
    unreadable: tuple[str, ...] = ()


def read(given: Mapping[str, Any], size: int) -> Reading:
    """Return the reading of an observation of N = `size` prosumers; never raises on data."""
    soc, applied, feeder = given.get("soc"), given.get("applied_battery_kw"), given.get("feeder_kw")
    levels = _row(soc, size)
    applied_kw = None if applied is None else _row(applied, size)
    feeder_kw = None if feeder is None else _number(feeder)
    unreadable: tuple[str, ...] = ()
    if applied is not None and applied_kw is None:
        unreadable += ("applied_battery_kw",)
    if feeder_kw is not None and not -inf < feeder_kw < inf:
        unreadable += ("feeder_kw",)
    return Reading(
        np.full(size, nan) if levels is None else levels,
        applied_kw,
        feeder_kw,
        instant_of(given.get("time")),
        given.get("limits"),
        unreadable,
    )


def instant_of(value: Any) -> Instant | None:
    """Return a point in time, or None when the value is none.

    Read are `datetime64`, `datetime` (pandas' too), `date` and ISO 8601 text. Numbers are not: nobody knows their unit
    or whether they begin again at midnight. Two aware times are compared in UTC; Python's own difference of two
    times of one zone ignores that its clocks change.
    """
    if value is None:
        return None
    try:
        seconds, is_aware = _seconds(value)
    except (TypeError, ValueError, OverflowError, OSError, AttributeError):
        return None
    return Instant(seconds, is_aware) if isfinite(seconds) else None


def _seconds(value: Any) -> tuple[float, bool]:
    if type(value) is np.datetime64:
        plain = value.item()
        if type(plain) is not datetime:  # nanoseconds, whole days, or a year that Python does not know
            return float((value - np.datetime64(0, "us")) / np.timedelta64(1, "s")), False
        return (plain - EPOCH).total_seconds(), False
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    elif isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if not isinstance(value, datetime):
        return nan, False
    if value.utcoffset() is not None:
        return value.timestamp(), True
    return (value.replace(tzinfo=None) - EPOCH).total_seconds(), False


def _row(value: Any, size: int) -> Vector | None:
    """Return N numbers, one repeated, or None."""
    if type(value) is np.ndarray and value.dtype is FLOAT and value.shape == (size,):
        return value.copy()
    try:
        array = np.array(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return None
    if array.ndim == 0:
        return np.full(size, float(array))
    return array if array.shape == (size,) else None


def _number(value: Any) -> float:
    if type(value) is float:
        return value
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return nan
    return float(array.reshape(-1)[0]) if array.size == 1 else nan


def elapsed_s(before: Reading, now: Reading) -> float | None:
    """Return seconds between two readings, or None where their times cannot be compared."""
    first, last = before.instant, now.instant
    if first is None or last is None or first.is_aware is not last.is_aware:
        return None
    return last.seconds - first.seconds
