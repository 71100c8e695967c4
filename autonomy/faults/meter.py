"""Faults of what is measured: from the true past and a fault to the observation that the controller gets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autonomy.faults.signal import seen
from autonomy.faults.strike import Strike
from autonomy.faults.truth import Truth, time_of
from autonomy.faults.words import Channel, Kind
from autonomy.layers.arrays import Vector
from autonomy.layers.observation import Observation

READINGS: dict[str, tuple[Channel, Callable[[Truth], Vector]]] = {
    "demand_kw": (Channel.DEMAND, lambda truth: truth.weather.demand_kw),
    "pv_kw": (Channel.PV, lambda truth: truth.weather.pv_kw),
    "soc": (Channel.SOC, lambda truth: truth.soc),
    "retail_price": (Channel.PRICE, lambda truth: truth.weather.retail_price),
    "feed_in_price": (Channel.PRICE, lambda truth: truth.weather.feed_in_price),
    "feeder_kw": (Channel.FEEDER, lambda truth: truth.feeder_kw),
    "time": (Channel.CLOCK, lambda truth: truth.clock_minutes),
}
"""The channel of each field that can be measured wrongly, and its true value."""
CHANNELS = frozenset(channel for channel, _ in READINGS.values())
"""The channels of meters."""


def observe(past: Sequence[Truth], strike: Strike | None, k: int | None) -> tuple[Observation, bool]:
    """Return what the controller is told, and whether that is not the truth.

    Args:
        past: What was true, the last is now.
        strike: The fault of the run, or None.
        k: Steps since its onset, None before and after it.
    """
    now = past[-1]
    if strike is None or k is None or strike.fault.channel not in CHANNELS:
        return now.observation(), False
    instead: dict[str, Any] = {}
    changed = False
    for name, (channel, true_value) in READINGS.items():
        if channel is not strike.fault.channel:
            continue
        truth = true_value(now)
        shown = _shown(name, past, strike, k)
        if shown is None or not np.array_equal(shown, truth, equal_nan=True):
            changed = True
            instead[name] = None if shown is None else _as_field(name, shown)
    return now.observation(**instead), changed


def _shown(name: str, past: Sequence[Truth], strike: Strike, k: int) -> Vector | None:
    """Return (N,) what a field shows, None where it is missing."""
    fault = strike.fault
    if fault.kind is Kind.MISSING:
        return None if fault.comes_and_goes(k) else READINGS[name][1](past[-1])
    if fault.kind is Kind.SWAP and fault.channel is Channel.PRICE:
        other = {"retail_price": "feed_in_price", "feed_in_price": "retail_price"}[name]
        return READINGS[other if fault.comes_and_goes(k) else name][1](past[-1])
    series = np.array([READINGS[name][1](truth) for truth in past])
    return seen(strike.moment(series, k), strike.victim)


def _as_field(name: str, values: Vector) -> Any:
    if name == "time":
        return time_of(float(values[0]))
    return float(values[0]) if name == "feeder_kw" else values
