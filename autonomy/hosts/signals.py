"""Whether what a host reports can be read at all, and whether two readings are the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from autonomy.hosts.host import Host
from autonomy.hosts.play import HostStep
from autonomy.layers.observation import REQUIRED, Observation

ROUNDING = 1e-6
"""Fraction by which a state of charge in single precision may leave 0..1."""
CLOCK = 1e-3
"""Fraction of a step by which two time stamps may be off."""


def signal_faults(host: Host, step: HostStep) -> Iterator[str]:
    """Yield what cannot be read, or cannot be, in a step's two observations."""
    for seen in (step.observation, step.after):
        if not isinstance(seen, Observation):
            yield f"to_observation returned a {type(seen).__name__}; expected an Observation"
            return
        yield from unreadable(host, seen)
    yield from _clock(host, step)


def unreadable(host: Host, seen: Observation) -> Iterator[str]:
    """Yield what cannot be read, or cannot be, in one observation."""
    size = host.community.n_prosumers
    optional = [name for name in ("applied_battery_kw", "feeder_kw") if getattr(seen, name) is not None]
    for name in (*REQUIRED, *optional):
        try:
            value = np.asarray(getattr(seen, name), dtype=np.float64)
        except (TypeError, ValueError):
            yield f"{name} is not numeric"
            continue
        if name == "soc":
            value = value if value.ndim == 0 else value[host.community.has_battery[: value.size]]
            if value.ndim and getattr(seen, name).shape != (size,):
                yield f"soc has the shape {getattr(seen, name).shape}; expected ({size},)"
        elif value.shape not in ((size,), ()):
            yield f"{name} has the shape {value.shape}; expected ({size},)"
        if not np.isfinite(value).all():
            yield f"{name} is not finite"
        elif name in ("demand_kw", "pv_kw") and not (value >= 0).all():
            yield f"{name} is below 0; both are given before battery power, >= 0"
        elif name == "soc" and not ((value >= -ROUNDING) & (value <= 1 + ROUNDING)).all():
            yield f"soc is {float(value.max()):.6g}; expected a fraction of the capacity, 0..1 (per cent, or kWh?)"


def _clock(host: Host, step: HostStep) -> Iterator[str]:
    before, after, hours = step.observation.time, step.after.time, host.community.timestep_h
    if not (isinstance(before, np.datetime64) and isinstance(after, np.datetime64)):
        return
    passed = float((after - before) / np.timedelta64(1, "us")) / 3.6e9
    if not abs(passed - hours) <= CLOCK * hours:
        yield f"time went on by {passed:g} h; expected {hours:g} h"


def differing(one: Observation, other: Observation) -> list[str]:
    """Return the names of what differs between two observations, forecasts aside."""
    names = (item.name for item in fields(Observation) if item.name != "forecast")
    return [name for name in names if not is_same(getattr(one, name), getattr(other, name))]


def is_same(one: Any, other: Any) -> bool:
    """Whether two values of any kind are equal, down to the last number; NaN equals NaN."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(is_same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(is_same, one, other))
    if is_dataclass(one) and type(one) is type(other):
        return all(is_same(getattr(one, item.name), getattr(other, item.name)) for item in fields(one))
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        one, other = np.asarray(one), np.asarray(other)
        numeric = one.dtype.kind == "f" and other.dtype.kind == "f"
        return bool(np.array_equal(one, other, equal_nan=numeric))
    return bool(one == other) or (one != one and other != other)  # noqa: PLR0124 - NaN is not itself
