"""Reading an observation field by field, with a reason for whatever is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from autonomy.layers.arrays import Mask, Vector
from autonomy.layers.decision import Cause, Reason
from autonomy.layers.errors import did_you_mean
from autonomy.layers.observation import OBSERVATION_FIELDS

IMPLAUSIBLE_PRICE = 1e6
"""Currency/kWh beyond which a price is no price."""
ROUNDING_KW = 1e-6
"""kW below zero that demand or generation may be: what a difference of two meters rounds to is no sign reversed."""
ROUNDING_SOC = 1e-9
"""Fraction by which a state of charge may leave its band: a hair outside is rounding, not news."""
KNOWN_FIELDS = frozenset(OBSERVATION_FIELDS)


class Inbox:
    """Reads one observation field by field and collects what is wrong with it."""

    def __init__(self, observation: Mapping[str, Any], size: int) -> None:
        self.observation, self.size = observation, size
        self.reasons: list[Reason] = []

    def reject_unknown(self) -> None:
        """Name every key that no observation has."""
        if type(self.observation) is dict and KNOWN_FIELDS.issuperset(self.observation):
            return  # a dict's keys have a hash, which is all that the quick test needs
        for key in self.observation:
            if key not in OBSERVATION_FIELDS:
                hint = did_you_mean(str(key), OBSERVATION_FIELDS)
                self.doubt(Cause.FIELD_UNKNOWN, f"the observation has an unknown field {key!r}{hint}; it is ignored")

    def doubt(self, cause: Cause, text: str, hit: Mask | None = None) -> None:
        """Keep a reason; it concerns everybody unless `hit`, (N,), says whom."""
        prosumers = () if hit is None or hit.all() else tuple(np.flatnonzero(hit).tolist())
        self.reasons.append(Reason(cause=cause, text=text, prosumers=prosumers))

    def vector(self, name: str) -> Vector | None:
        """Return a field as (N,) floats that may be NaN, or None with a reason."""
        value = self.observation.get(name)
        if value is None:
            self.doubt(Cause.FIELD_MISSING, f"{name} is missing")
            return None
        return self.as_vector(name, value)

    def as_vector(self, name: str, value: Any) -> Vector | None:
        """Return a value as (N,) floats that may be NaN, a number repeated, or None with a reason."""
        try:
            array = np.asarray(value, dtype=np.float64)
        except (TypeError, ValueError, OverflowError):
            self.doubt(Cause.FIELD_SHAPE, f"{name} is not a list of numbers")
            return None
        if array.ndim == 0:
            array = np.full(self.size, float(array))
        if array.shape != (self.size,):
            self.doubt(Cause.FIELD_SHAPE, f"{name} has shape {array.shape}; expected ({self.size},)")
            return None
        return array

    def power(self, name: str, plausible_kw: Vector) -> tuple[Vector, Mask]:
        """Return a power (kW) and where it may be used."""
        values = self.vector(name)
        if values is None:
            return np.zeros(self.size), np.zeros(self.size, dtype=bool)
        finite = np.isfinite(values)
        positive = ~(values < -ROUNDING_KW)
        plausible = ~(np.abs(values) > plausible_kw)
        for cause, good, text in (
            (Cause.NOT_FINITE, finite, f"{name} is not finite"),
            (Cause.NEGATIVE, positive | ~finite, f"{name} is negative"),
            (
                Cause.UNIT_SUSPECT,
                plausible | ~finite,
                f"{name} exceeds what the connection can carry; W instead of kW?",
            ),
        ):
            if not good.all():
                self.doubt(cause, text, ~good)
        good = finite & positive & plausible
        return np.where(good, np.maximum(values, 0.0), 0.0), good

    def soc(self, lowest: Vector, highest: Vector, has_battery: Mask) -> tuple[Vector, Mask]:
        """Return states of charge and where they may be used; without a battery any value will do."""
        values = self.vector("soc")
        if values is None:
            return np.zeros(self.size), ~has_battery
        finite = np.isfinite(values) | ~has_battery
        inside = ((values >= 0) & (values <= 1)) | ~has_battery
        if not finite.all():
            self.doubt(Cause.NOT_FINITE, "soc is not finite", ~finite)
        if not (inside | ~finite).all():
            self.doubt(Cause.SOC_RANGE, "soc is outside 0..1 (percent instead of a fraction?)", ~inside & finite)
        in_band = ((lowest - ROUNDING_SOC <= values) & (values <= highest + ROUNDING_SOC)) | ~inside | ~has_battery
        if not in_band.all():
            self.doubt(Cause.SOC_OUTSIDE_BAND, "soc is outside [soc_min, soc_max]; it may only recover", ~in_band)
        return np.where(inside & has_battery, values, 0.0), inside

    def prices(self) -> tuple[Vector, Vector, Mask]:
        """Return retail and feed-in price and where both may be used to trade."""
        retail, feed_in = self.vector("retail_price"), self.vector("feed_in_price")
        if retail is None or feed_in is None:
            zero = np.zeros(self.size)
            return zero, zero, np.zeros(self.size, dtype=bool)
        finite = (np.abs(retail) <= IMPLAUSIBLE_PRICE) & (np.abs(feed_in) <= IMPLAUSIBLE_PRICE)
        ordered = feed_in <= retail
        if not finite.all():
            self.doubt(Cause.NOT_FINITE, "retail_price or feed_in_price is not a finite, plausible price", ~finite)
        if not (ordered | ~finite).all():
            text = "feed_in_price is above retail_price; no trade is rational there"
            self.doubt(Cause.PRICE_ORDER, text, ~ordered & finite)
        good = finite & ordered
        return np.where(good, retail, 0.0), np.where(good, feed_in, 0.0), good
