"""An EV: when it is away, what it must leave with, and what it uses on the road.

The car is the battery of its prosumer, whose capacity, limits and efficiencies are the prosumer's own keys. A charging
point beside a home's battery is a prosumer of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from autonomy.layers.errors import ModelError

HOURS_PER_DAY = 24.0
DAYS = ("every-day", "weekdays", "weekends")
FARTHEST = 2.0
"""Spreads by which a time or a distance differs from the usual one at most."""
SATURDAY = 5


class Trip(NamedTuple):
    """One drive.

    Attributes:
        leaves_h: Hours since midnight of 1 January 1970, on the clock of the data.
        returns_h: Likewise, later.
        drive_kwh: kWh used on the road.
    """

    leaves_h: float
    returns_h: float
    drive_kwh: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Ev:
    """One car.

    Attributes:
        prosumer: The name of the prosumer whose battery it is.
        departure_h: Hour of the day at which it leaves, 0..24.
        arrival_h: Hour of the day at which it is back; at or before the departure, it is that of the next day.
        required_kwh: kWh that have to be stored when it leaves.
        drive_kwh: kWh used on the road.
        spread_h: Hours, standard deviation of both times from day to day.
        drive_spread_kwh: kWh, standard deviation of what is used.
        days: On which days it leaves, one of `DAYS`.
        v2g: Whether the battery may be discharged into the community; if not, its discharge limit is 0.

    Raises:
        ModelError: a field is out of its range, or two trips could overlap.
    """

    prosumer: str
    departure_h: float
    arrival_h: float
    required_kwh: float
    drive_kwh: float = 0.0
    spread_h: float = 0.0
    drive_spread_kwh: float = 0.0
    days: str = "every-day"
    v2g: bool = False

    def __post_init__(self) -> None:
        for name in ("departure_h", "arrival_h"):
            if not 0 <= getattr(self, name) <= HOURS_PER_DAY:
                raise ModelError(name, getattr(self, name), "an hour of the day, 0..24")
        for name in ("required_kwh", "drive_kwh", "spread_h", "drive_spread_kwh"):
            if not 0 <= getattr(self, name) < np.inf:
                raise ModelError(name, getattr(self, name), "a finite number >= 0")
        if self.days not in DAYS:
            raise ModelError("days", self.days, f"one of {', '.join(DAYS)}")
        if self.departure_h == self.arrival_h:
            raise ModelError("arrival_h", self.arrival_h, f"another hour than departure_h, {self.departure_h:g}")
        shortest = min(self.away_h, HOURS_PER_DAY - self.away_h)
        if not 2 * FARTHEST * self.spread_h < shortest:
            expected = (
                f"less than {shortest / (2 * FARTHEST):g} h, so that no trip begins before the last one has ended"
            )
            raise ModelError("spread_h", self.spread_h, expected)

    @property
    def away_h(self) -> float:
        """Hours that it is usually away."""
        away = (self.arrival_h - self.departure_h) % HOURS_PER_DAY
        return away or HOURS_PER_DAY

    def trips(self, first_day: int, last_day: int, seed: tuple[int, ...]) -> Iterator[Trip]:
        """Yield the trips that begin on the given days, counted from 1 January 1970; the same ones for the same seed.

        Every day has random numbers of its own, so a day's trip does not depend on where the data begin.
        """
        for day in range(first_day, last_day + 1):
            weekend = (day + 3) % 7 >= SATURDAY  # 1 January 1970 was a Thursday
            if (self.days == "weekdays" and weekend) or (self.days == "weekends" and not weekend):
                continue
            # Days before 1970 are no seeds; their numbers in two's complement are.
            random = np.random.default_rng((*seed, day % 2**32))
            off = np.clip(random.standard_normal(3), -FARTHEST, FARTHEST).tolist()
            leaves = HOURS_PER_DAY * day + self.departure_h + self.spread_h * off[0]
            usual_return = HOURS_PER_DAY * day + self.departure_h + self.away_h
            yield Trip(
                leaves_h=leaves,
                returns_h=usual_return + self.spread_h * off[1],
                drive_kwh=max(self.drive_kwh + self.drive_spread_kwh * off[2], 0.0),
            )
