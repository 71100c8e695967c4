"""Groups of inputs that people have one word for, and the sums of attributions over them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from autonomy.layers.arrays import Vector
from autonomy.learning.explanation.inputs import (
    CARBON,
    CHARGE,
    DISCHARGE,
    EXPORT,
    FEED_IN,
    IMPORT,
    LEVEL,
    LOAD,
    OWN_LOAD,
    PART,
    RETAIL,
    Ends,
    Inputs,
)
from autonomy.learning.features import HOURS, NOW
from autonomy.report.quantity import percent, quantity


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Inputs that belong together.

    Attributes:
        name: A few words.
        tells: What is so in a step, a sentence without its first letter, given a number and what it is at the baseline.
        number: That number, from inputs of no leading axis and the kWh that features are shares of.
        features: Places in `community_features`.
        own: Places in `own_features`.
        others: Names of the other fields of `Inputs`.
    """

    name: str
    tells: Callable[[float, float], str]
    number: Callable[[Inputs, float], float]
    features: tuple[int, ...] = ()
    own: tuple[int, ...] = ()
    others: tuple[str, ...] = ()


def _hours(table: int, first: int = 0, last: int = HOURS) -> tuple[int, ...]:
    """Return the places of hours `first` to `last` of one of the three tables of the horizon."""
    return tuple(range(NOW + table * HOURS + first, NOW + table * HOURS + last))


def _mean_of(places: tuple[int, ...]) -> Callable[[Inputs, float], float]:
    return lambda inputs, capacity: float(inputs.features[list(places)].mean()) * capacity


def _ahead(first: int, last: int) -> Group:
    places, hours = _hours(0, first, last), f"{first + 1} to {last} h ahead"
    return Group(
        name=f"load {hours}",
        tells=lambda now, usual: f"{_kw(now)} of net load are expected {hours}, usually {_kw(usual)}",
        number=_mean_of(places),
        features=places,
    )


def _kw(value: float) -> str:
    return f"{quantity(value, 1)} kW"


def _need(now: float, usual: float) -> str:
    return f"the homes' net load is {_kw(now)}, usually {_kw(usual)}"


LOAD_NOW = Group(
    name="load now",
    tells=_need,
    number=lambda inputs, capacity: float(inputs.features[LOAD]) * capacity,
    features=(LOAD,),
    own=(OWN_LOAD,),
    others=("surplus_kw",),
)
AHEAD = (_ahead(0, 6), _ahead(6, 12), _ahead(12, 24))
SPREAD = Group(
    name="spread of the forecast",
    tells=lambda now, usual: f"the forecast is unsure by {_kw(now)}, usually by {_kw(usual)}",
    number=_mean_of(_hours(1)),
    features=_hours(1),
)
PRICE_NOW = Group(
    name="prices now",
    tells=lambda now, _: f"the price is {quantity(now, 2)} × its mean of now and the next day",
    number=lambda inputs, _: float(inputs.features[RETAIL]),
    features=(RETAIL, FEED_IN, CARBON),
)
PRICE_AHEAD = Group(
    name="prices of the next day",
    tells=lambda now, _: f"the dearest hour ahead is {quantity(now, 2)} × the mean",
    number=lambda inputs, _: float(inputs.features[list(_hours(2))].max()),
    features=_hours(2),
)
STORED = Group(
    name="stored energy",
    tells=lambda now, _: f"the batteries are {percent(now, 0)} full",
    number=lambda inputs, _: float(inputs.stored),
    own=(LEVEL, PART),
    others=("stored", "room_kw", "store_kw"),
)
LIMITS = Group(
    name="limits",
    tells=lambda now, usual: f"the feeder brings {_kw(now)}, usually {_kw(usual)}",
    number=lambda inputs, capacity: float(inputs.features[IMPORT]) * capacity,
    features=(IMPORT, EXPORT, CHARGE, DISCHARGE),
    others=("import_kw", "export_kw", "charge_limit_kw", "discharge_limit_kw"),
)
GROUPS = (LOAD_NOW, *AHEAD, SPREAD, PRICE_NOW, PRICE_AHEAD, STORED, LIMITS)
"""Every input is in exactly one. What share of the community a battery is never differs from the baseline."""


def grouped(contributions: Inputs) -> Vector:
    """Return (G,) kW, the attributions of a step summed over each group."""
    return np.array(
        [
            contributions.features[list(group.features)].sum()
            + contributions.own[:, list(group.own)].sum()
            + sum(float(np.sum(getattr(contributions, name))) for name in group.others)
            for group in GROUPS
        ]
    )


def told(ends: Ends) -> Vector:
    """Return (2, G) the numbers by which groups are told of: in the step, and at its baseline."""
    return np.array(
        [[group.number(inputs, ends.capacity_kwh) for group in GROUPS] for inputs in (ends.step, ends.baseline)]
    )
