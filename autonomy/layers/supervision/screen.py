"""Layer 3's screen: from whatever a host sent to numbers that may be used, with a reason for every doubt.

A doubtful value costs as little as possible: a bad price costs that prosumer its trade, a bad state of charge its
battery, a bad meter isolates that prosumer inside its fair share of every line; only when demand or generation of
the whole community is unknown does the community stop.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from autonomy.layers import physics
from autonomy.layers.arrays import Mask, Vector
from autonomy.layers.community import Community
from autonomy.layers.decision import Cause, Reason
from autonomy.layers.errors import did_you_mean
from autonomy.layers.observation import LIMIT_FIELDS, OBSERVATION_FIELDS, Limits
from autonomy.layers.situation import Situation

IMPLAUSIBLE_PRICE = 1e6
"""Currency/kWh beyond which a price is no price."""


class Screen:
    """Screens the observations of one community, one after the other."""

    def __init__(self, community: Community) -> None:
        self.community = community
        network = community.network
        self._import_limit = np.maximum(network.import_limit_kw - network.worst_case_loss_kw, 0.0)
        self._export_limit = network.export_limit_kw
        self._fair_import = physics.fair_share_kw(network, self._import_limit)
        self._fair_export = physics.fair_share_kw(network, self._export_limit)

    def __call__(self, observation: Mapping[str, Any], previous_battery_kw: Vector) -> Situation:
        """Return the screened situation; never raises on data.

        Args:
            observation: Keys as in `Observation`; anything may be missing, extra or wrong.
            previous_battery_kw: (N,) kW, last executed battery power, for the ramp window.
        """
        inbox = _Inbox(observation, self.community.n_prosumers)
        inbox.reject_unknown()
        rating = _ratings(self.community, observation.get("limits"), inbox)
        plausible = physics.plausible_power_kw(
            rating["connection_limit_kw"], rating["charge_limit_kw"], rating["discharge_limit_kw"]
        )
        demand, demand_ok = inbox.power("demand_kw", plausible)
        pv, pv_ok = inbox.power("pv_kw", plausible)
        metered = demand_ok & pv_ok
        soc, soc_ok = inbox.soc(rating["soc_min"], rating["soc_max"], self.community.battery_capacity_kwh > 0)
        retail, feed_in, price_ok = inbox.prices()
        usable = metered & soc_ok & rating["active"].astype(bool)
        box = self._battery_box(rating, soc, usable, previous_battery_kw)
        fixed = self._battery_box(rating, soc, usable, previous_battery_kw, ramp=False)
        if box.ramp_relaxed.any():
            text = "SoC or rate limits do not meet the ramp window; they win"
            hit = tuple(np.flatnonzero(box.ramp_relaxed).tolist())
            inbox.reasons.append(Reason(cause=Cause.RAMP_RELAXED, text=text, prosumers=hit))
        isolated = ~metered
        fair_import = np.minimum(self._fair_import, rating["connection_limit_kw"])
        fair_export = np.minimum(self._fair_export, rating["connection_limit_kw"])
        demand, pv = np.where(metered, demand, 0.0), np.where(metered, pv, 0.0)
        return Situation(
            community=self.community,
            demand_kw=demand,
            pv_kw=pv,
            battery_lower_kw=box.lower_kw,
            battery_upper_kw=box.upper_kw,
            rate_lower_kw=fixed.lower_kw,
            rate_upper_kw=fixed.upper_kw,
            charge_limit_kw=rating["charge_limit_kw"],
            discharge_limit_kw=rating["discharge_limit_kw"],
            connection_limit_kw=rating["connection_limit_kw"],
            curtailable_kw=np.where(rating["can_curtail"].astype(bool), pv, 0.0),
            sheddable_kw=np.where(rating["can_shed"].astype(bool), demand, 0.0),
            import_limit_kw=self._reserve(self._import_limit, fair_import, isolated),
            export_limit_kw=self._reserve(self._export_limit, fair_export, isolated),
            fair_import_kw=fair_import,
            fair_export_kw=fair_export,
            retail_price=retail,
            feed_in_price=feed_in,
            may_trade=metered & price_ok,
            isolated=isolated,
            is_blind=bool(isolated.all()),
            reasons=tuple(inbox.reasons),
        )

    def _battery_box(
        self, rating: dict[str, Vector], soc: Vector, usable: Mask, previous_kw: Vector, *, ramp: bool = True
    ) -> physics.BatteryBox:
        capacity = self.community.battery_capacity_kwh
        return physics.battery_box(
            soc * capacity,
            energy_min_kwh=rating["soc_min"] * capacity,
            energy_max_kwh=rating["soc_max"] * capacity,
            charge_limit_kw=np.where(usable, rating["charge_limit_kw"], 0.0),
            discharge_limit_kw=np.where(usable, rating["discharge_limit_kw"], 0.0),
            charge_efficiency=rating["charge_efficiency"],
            discharge_efficiency=rating["discharge_efficiency"],
            timestep_h=self.community.timestep_h,
            ramp_limit_kw=self.community.ramp_limit_kw if ramp else np.full_like(capacity, np.inf),
            previous_kw=previous_kw,
        )

    def _reserve(self, limit_kw: Vector, share_kw: Vector, isolated: Mask) -> Vector:
        """Return line limits less what the isolated prosumers below may use."""
        if not isolated.any():
            return limit_kw
        # Below a limited line every share is finite; an unlimited line stays unlimited whatever is taken.
        taken = self.community.network.incidence @ np.where(isolated & np.isfinite(share_kw), share_kw, 0.0)
        return np.maximum(limit_kw - taken, 0.0)


class _Inbox:
    """Reads one observation field by field and collects what is wrong with it."""

    def __init__(self, observation: Mapping[str, Any], size: int) -> None:
        self.observation, self.size = observation, size
        self.reasons: list[Reason] = []

    def reject_unknown(self) -> None:
        for key in self.observation:
            if key not in OBSERVATION_FIELDS:
                hint = did_you_mean(str(key), OBSERVATION_FIELDS)
                self.doubt(Cause.FIELD_UNKNOWN, f"the observation has an unknown field {key!r}{hint}; it is ignored")

    def doubt(self, cause: Cause, text: str, hit: Mask | None = None) -> None:
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
        positive = ~(values < 0)
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
        return np.where(good, values, 0.0), good

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
        # A hair outside the band is rounding, not news.
        in_band = ((lowest - 1e-9 <= values) & (values <= highest + 1e-9)) | ~inside | ~has_battery
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


_BOUNDS = {
    "charge_limit_kw": (0.0, np.inf),
    "discharge_limit_kw": (0.0, np.inf),
    "soc_min": (0.0, 1.0),
    "soc_max": (0.0, 1.0),
    "charge_efficiency": (1e-6, 1.0),
    "discharge_efficiency": (1e-6, 1.0),
    "connection_limit_kw": (0.0, np.inf),
    "active": (0.0, 1.0),
    "can_curtail": (0.0, 1.0),
    "can_shed": (0.0, 1.0),
}


def _ratings(community: Community, limits: Any, inbox: _Inbox) -> dict[str, Vector]:
    """Return the ratings of this step: the Community's, overridden by usable entries of `Limits`."""
    one = np.ones(community.n_prosumers)
    rating = {name: getattr(community, name, one) for name in LIMIT_FIELDS}
    given = _limit_entries(limits, inbox)
    for name, value in given.items():
        array = inbox.as_vector(f"limits.{name}", value)
        if array is None:
            continue
        low, high = _BOUNDS[name]
        good = (low <= array) & (array <= high)
        if name.endswith("limit_kw") and name != "connection_limit_kw":
            good &= np.isfinite(array)
        if not good.all():
            inbox.doubt(Cause.LIMITS_REJECTED, f"limits.{name} is out of range; the community's value is used", ~good)
        rating[name] = np.where(good, array, rating[name])
    crossed = rating["soc_min"] > rating["soc_max"]
    if crossed.any():
        inbox.doubt(Cause.LIMITS_REJECTED, "limits.soc_min is above soc_max; the community's band is used", crossed)
        for name in ("soc_min", "soc_max"):
            rating[name] = np.where(crossed, getattr(community, name), rating[name])
    return rating


def _limit_entries(limits: Any, inbox: _Inbox) -> dict[str, Any]:
    if limits is None:
        return {}
    if isinstance(limits, Limits):
        entries = {name: getattr(limits, name) for name in LIMIT_FIELDS}
    elif isinstance(limits, Mapping):
        entries = {str(key): value for key, value in limits.items()}
    else:
        inbox.doubt(Cause.LIMITS_REJECTED, f"limits is a {type(limits).__name__}; expected a Limits or a mapping")
        return {}
    for name in entries:
        if name not in LIMIT_FIELDS:
            hint = did_you_mean(name, LIMIT_FIELDS)
            inbox.doubt(Cause.FIELD_UNKNOWN, f"limits has an unknown field {name!r}{hint}; it is ignored")
    return {name: value for name, value in entries.items() if name in LIMIT_FIELDS and value is not None}
