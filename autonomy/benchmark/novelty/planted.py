"""Faults planted into one meter of one home a day, and shifts planted into the whole community."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np

from autonomy.layers.arrays import Index, Vector
from autonomy.scenario import Scenario

CHANNELS = ("PV", "demand")
SHIFTS = ("none", "demand x1.5", "demand x0.7", "PV x0.7", "homes swapped", "prices x1.5", "flat price")
HEAVY_PV_KW = 0.01
"""Mean PV from which a home counts as having some."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Meters:
    """What the meters of a year say.

    Attributes:
        pv_kw: (T, N) kW.
        demand_kw: (T, N) kW.
        retail_price: (T,) currency/kWh.
        feed_in_price: (T,) currency/kWh.
    """

    pv_kw: Vector
    demand_kw: Vector
    retail_price: Vector
    feed_in_price: Vector

    @classmethod
    def of(cls, scenario: Scenario) -> Meters:
        """Return the meters without a fault."""
        return cls(
            pv_kw=scenario.pv_kw,
            demand_kw=scenario.demand_kw,
            retail_price=scenario.retail_price,
            feed_in_price=scenario.feed_in_price,
        )


class Planted(NamedTuple):
    """One fault, from its first step to the end of its day.

    Attributes:
        day: Number of the day in the data, from 0.
        home: Which prosumer.
        onset: Step of the day at which it begins.
    """

    day: int
    home: int
    onset: int


class Spot(NamedTuple):
    """Where a fault is.

    Attributes:
        true_kw: (T, N) kW, what the meters of the channel should say.
        steps: Its steps.
        home: Whose meter.
        other: Some other home.
        channel: Which channel.
        slots: Steps per day.
    """

    true_kw: Vector
    steps: Index
    home: int
    other: int
    channel: str
    slots: int

    def value(self, hours_ago: int = 0) -> Vector:
        """Return the true values, kW, of the fault's steps or of some hours before them."""
        result: Vector = self.true_kw[self.steps - hours_ago * self.slots // 24, self.home]
        return result


Fault: TypeAlias = Callable[[Spot, np.random.Generator], Vector]


def _bias(spot: Spot, _: np.random.Generator) -> Vector:
    value = spot.value()
    return value + ((value > 0) if spot.channel == "PV" else 1.0)


def _drift(spot: Spot, _: np.random.Generator) -> Vector:
    hours = np.arange(1, spot.steps.size + 1) * 24 / spot.slots
    return spot.value() * (1 + 0.15 * hours)


FAULTS: dict[str, Fault] = {
    "x0.5": lambda spot, _: 0.5 * spot.value(),
    "x2": lambda spot, _: 2.0 * spot.value(),
    "bias": _bias,
    "drift": _drift,
    "noise": lambda spot, rng: spot.value() * np.exp(0.5 * rng.standard_normal(spot.steps.size)),
    "replay": lambda spot, _: spot.value(hours_ago=24),
    "other home": lambda spot, _: spot.true_kw[spot.steps, spot.other],
    "stuck": lambda spot, _: np.full(spot.steps.size, spot.true_kw[spot.steps[0] - 1, spot.home]),
    "dead": lambda spot, _: 0.0 * spot.value(),
    "late 3 h": lambda spot, _: spot.value(hours_ago=3),
}
"""What each fault makes of the true values."""


def plant(
    meters: Meters, channel: str, fault: str, *, days: Index, slots: int, seed: int
) -> tuple[Meters, tuple[Planted, ...]]:
    """Return meters with one fault on each of the days, and where they are.

    A fault of PV begins between 09:00 and 13:00, one of demand between 00:00 and 18:00; both last until midnight. A
    bias is 1 kW (of PV by daylight); a drift adds 15 % of the true value an hour; noise is lognormal with σ = 0.5.
    """
    rng = np.random.default_rng(seed)
    true = meters.pv_kw if channel == "PV" else meters.demand_kw
    shown = true.copy()
    homes = np.flatnonzero(true.mean(axis=0) > HEAVY_PV_KW)
    hour = slots / 24
    planted = []
    for day in days.tolist():
        home, other = (int(who) for who in rng.choice(homes, 2, replace=False))
        first, last = (9, 13) if channel == "PV" else (0, 18)
        onset = int(rng.integers(round(first * hour), round(last * hour) + 1))
        steps = np.arange(day * slots + onset, (day + 1) * slots)
        shown[steps, home] = FAULTS[fault](Spot(true, steps, home, other, channel, slots), rng)
        planted.append(Planted(day, home, onset))
    pv, demand = (shown, meters.demand_kw) if channel == "PV" else (meters.pv_kw, shown)
    faulty = Meters(pv_kw=pv, demand_kw=demand, retail_price=meters.retail_price, feed_in_price=meters.feed_in_price)
    return faulty, tuple(planted)


def shifted(meters: Meters, shift: str) -> Meters:
    """Return meters of a community that is another one, all year long."""
    pv, demand, retail = meters.pv_kw, meters.demand_kw, meters.retail_price
    if shift.startswith("demand"):
        demand = demand * float(shift.partition("x")[2])
    elif shift.startswith("PV"):
        pv = pv * float(shift.partition("x")[2])
    elif shift == "homes swapped":
        pv, demand = np.roll(pv, 1, axis=1), np.roll(demand, 1, axis=1)
    elif shift == "prices x1.5":
        retail = 1.5 * retail
    elif shift == "flat price":
        retail = np.full(retail.size, retail.mean())
    return Meters(pv_kw=pv, demand_kw=demand, retail_price=retail, feed_in_price=meters.feed_in_price)
