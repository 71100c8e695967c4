"""Derating: times in which batteries do less than they are rated for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autonomy.layers.arrays import Mask
from autonomy.layers.errors import ModelError

MINUTES_PER_HOUR, MINUTES_PER_DAY = 60, 1440


@dataclass(frozen=True, kw_only=True, slots=True)
class Derating:
    """Less power, or a narrower band, at certain times.

    Attributes:
        prosumers: Whose batteries; empty for everybody's.
        from_: First moment, on the clock of the data; None for the beginning of the data.
        to: First moment after it; None for their end.
        hours: First hour of the day and the one after the last, such as (12, 17); over midnight where the first is the
            larger one. None for all day.
        charge_share: Fraction of the charge limit that is left, 0..1.
        discharge_share: Fraction of the discharge limit that is left.
        soc_max: Fraction of the capacity up to which batteries may be filled.

    Raises:
        ModelError: a field is out of its range.
    """

    prosumers: tuple[str, ...] = ()
    from_: np.datetime64 | None = None
    to: np.datetime64 | None = None
    hours: tuple[float, float] | None = None
    charge_share: float = 1.0
    discharge_share: float = 1.0
    soc_max: float = 1.0

    def __post_init__(self) -> None:
        if self.from_ is not None and self.to is not None and not self.from_ < self.to:
            raise ModelError("to", str(self.to), f"a time after {self.from_}")
        if self.hours is not None and not all(0 <= hour <= 24 for hour in self.hours):
            raise ModelError("hours", list(self.hours), "two hours of the day, 0..24")
        for name in ("charge_share", "discharge_share", "soc_max"):
            if not 0 <= getattr(self, name) <= 1:
                raise ModelError(name, getattr(self, name), "a fraction in 0..1")

    def at(self, time: NDArray[np.datetime64]) -> Mask:
        """Return (T,) in which steps it holds, given when each begins."""
        found = np.ones(time.size, dtype=bool)
        if self.from_ is not None:
            found &= time >= self.from_
        if self.to is not None:
            found &= time < self.to
        if self.hours is not None:
            first, last = self.hours
            hour = (time.astype("datetime64[m]").astype(np.int64) % MINUTES_PER_DAY) / MINUTES_PER_HOUR
            found &= ((first <= hour) & (hour < last)) if first <= last else ((first <= hour) | (hour < last))
        return found
