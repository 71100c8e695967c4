"""Layer 3's screen: from whatever a host sent to numbers that may be used, with a reason for every doubt.

A doubtful value costs as little as possible: a bad price costs that prosumer its trade, a bad state of charge its
battery, a bad meter isolates that prosumer inside its fair share of every line; only when demand or generation of
the whole community is unknown does the community stop.

There are lanes with the same result. One comparison of the whole block of measurements, in machine code where they are
plain arrays, shows that nothing is in doubt; otherwise every field is read again, on its own and with care.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from autonomy.layers import physics
from autonomy.layers.arrays import Mask, Matrix, Vector, all_true, frozen
from autonomy.layers.community import Community
from autonomy.layers.decision import Cause, Reason
from autonomy.layers.situation import Situation
from autonomy.layers.supervision.inbox import Inbox
from autonomy.layers.supervision.isolation import reserve
from autonomy.layers.supervision.rating import FIELDS, Rating, Ratings

FLOAT = np.dtype(np.float64)
"""The one object that every array of native floats has for its type."""


class Measured(NamedTuple):
    """What may be used of the measurements.

    Attributes:
        measured_kw: (2, N) kW, generation and demand, 0 where they cannot be used.
        soc: (N,) fraction, likewise.
        retail_price: (N,) currency/kWh, likewise.
        feed_in_price: (N,) currency/kWh, likewise.
        metered: (N,) where demand and generation can be used.
        soc_usable: (N,) where the state of charge can be used.
        price_usable: (N,) where the prices can be used.
        is_clean: Whether nothing was in doubt.
    """

    measured_kw: Matrix
    soc: Vector
    retail_price: Vector
    feed_in_price: Vector
    metered: Mask
    soc_usable: Mask
    price_usable: Mask
    is_clean: bool


class Screen:
    """Screens the observations of one community, one after the other.

    Args:
        community: Whose observations.
        glance: The first look in machine code, `autonomy.solvers.kernel.room.glance`; None to do without.
    """

    def __init__(self, community: Community, glance: Callable[..., bool] | None = None) -> None:
        self.community = community
        self._glance = glance
        self._shape = (community.n_prosumers,)
        self._ratings = Ratings(community)
        self._everybody = frozen(np.ones(community.n_prosumers), np.bool_)
        self._nobody = frozen(~self._everybody, np.bool_)

    def __call__(self, observation: Mapping[str, Any], previous_battery_kw: Vector) -> Situation:
        """Return the screened situation; never raises on data.

        Args:
            observation: Keys as in `Observation`; anything may be missing, extra or wrong.
            previous_battery_kw: (N,) kW, last executed battery power, for the ramp window.
        """
        inbox = Inbox(observation, self.community.n_prosumers)
        inbox.reject_unknown()
        rating = self._ratings.of_step(observation.get("limits"), inbox)
        if self._glance is not None and not self.community.has_ramp_limits:
            found = self._at_once(self._glance, observation, rating, inbox)
            if found is not None:
                return found
        seen = self._at_a_glance(observation, rating) or self._with_care(inbox, rating)
        reach = self._rate_reach(rating, seen)
        lower, upper = rate_lower, rate_upper = -reach[1], reach[0]
        if self.community.has_ramp_limits:
            lower, upper, _ = self._ramped(reach, previous_battery_kw, inbox)
            reach = np.array((upper, -lower))
        pv, demand = seen.measured_kw
        return Situation(
            community=self.community,
            measured_kw=seen.measured_kw,
            pv_kw=pv,
            demand_kw=demand,
            reach_kw=reach,
            battery_lower_kw=lower,
            battery_upper_kw=upper,
            rate_lower_kw=rate_lower,
            rate_upper_kw=rate_upper,
            charge_limit_kw=rating.charge_limit_kw,
            discharge_limit_kw=rating.discharge_limit_kw,
            capacity=(
                rating.capacity if seen.is_clean else reserve(self.community.network, rating.capacity, ~seen.metered)
            ),
            curtailable_kw=pv if rating.can_curtail is None else np.where(rating.can_curtail, pv, 0.0),
            sheddable_kw=demand if rating.can_shed is None else np.where(rating.can_shed, demand, 0.0),
            retail_price=seen.retail_price,
            feed_in_price=seen.feed_in_price,
            may_trade=self._everybody if seen.is_clean else seen.metered & seen.price_usable,
            isolated=self._nobody if seen.is_clean else ~seen.metered,
            is_blind=not seen.is_clean and not seen.metered.any(),
            is_clean=seen.is_clean,
            reasons=tuple(inbox.reasons),
            can_curtail=rating.can_curtail,
            can_shed=rating.can_shed,
            charge_floor_kw=rating.charge_floor_kw,
        )

    def _at_once(
        self, glance: Callable[..., bool], observation: Mapping[str, Any], rating: Rating, inbox: Inbox
    ) -> Situation | None:
        """Return the situation if the measurements are plain arrays and none is in doubt, else None."""
        rows = [observation.get(name) for name in FIELDS]
        for row in rows:
            if type(row) is not np.ndarray or row.dtype is not FLOAT or row.shape != self._shape:
                return None
        block = np.empty((7, self._shape[0]))
        try:
            is_clean = glance(*rows, rating.stores, block)
        except TypeError:  # strided: the machine code takes plain arrays only
            return None
        if not is_clean:
            return None
        pv, demand, retail_price, feed_in_price, upper, _, lower = block
        return Situation(
            self.community,
            block[:2],
            pv,
            demand,
            block[4:6],
            lower,
            upper,
            lower,
            upper,
            rating.charge_limit_kw,
            rating.discharge_limit_kw,
            rating.capacity,
            pv if rating.can_curtail is None else np.where(rating.can_curtail, pv, 0.0),
            demand if rating.can_shed is None else np.where(rating.can_shed, demand, 0.0),
            retail_price,
            feed_in_price,
            self._everybody,
            self._nobody,
            False,  # is_blind; by keyword a named tuple takes half as long again
            True,  # is_clean
            tuple(inbox.reasons),
            rating.can_curtail,
            rating.can_shed,
            rating.charge_floor_kw,
        )

    def _at_a_glance(self, observation: Mapping[str, Any], rating: Rating) -> Measured | None:
        """Return the measurements if not one of them is in doubt, else None."""
        try:
            block = _block([observation[name] for name in FIELDS], rating.lowest.shape)
        except (KeyError, TypeError, ValueError, OverflowError):
            return None
        soc, retail, feed_in = block[2], block[3], block[4]
        if not (all_true((rating.lowest <= block) & (block <= rating.highest)) and all_true(feed_in <= retail)):
            return None
        yes = self._everybody
        return Measured(block[:2], soc, retail, feed_in, metered=yes, soc_usable=yes, price_usable=yes, is_clean=True)

    def _with_care(self, inbox: Inbox, rating: Rating) -> Measured:
        demand, demand_ok = inbox.power("demand_kw", rating.plausible_kw)
        pv, pv_ok = inbox.power("pv_kw", rating.plausible_kw)
        soc, soc_ok = inbox.soc(rating.soc_min, rating.soc_max, self.community.has_battery)
        retail, feed_in, price_ok = inbox.prices()
        metered = demand_ok & pv_ok
        return Measured(
            measured_kw=np.where(metered, (pv, demand), 0.0),
            soc=soc,
            retail_price=retail,
            feed_in_price=feed_in,
            metered=metered,
            soc_usable=soc_ok,
            price_usable=price_ok,
            is_clean=False,
        )

    def _rate_reach(self, rating: Rating, seen: Measured) -> Matrix:
        """Return (2, N) how far each battery can charge and discharge without ramps; 0 where it cannot be used."""
        reach = physics.reach_kw(rating.storage, seen.soc * self.community.battery_capacity_kwh)
        return reach if seen.is_clean else np.where(seen.metered & seen.soc_usable, reach, 0.0)

    def _ramped(self, reach: Matrix, previous_kw: Vector, inbox: Inbox) -> physics.BatteryBox:
        box = physics.battery_box(reach, ramp_limit_kw=self.community.ramp_limit_kw, previous_kw=previous_kw)
        if box.ramp_relaxed.any():
            text = "SoC or rate limits do not meet the ramp window; they win"
            hit = tuple(np.flatnonzero(box.ramp_relaxed).tolist())
            inbox.reasons.append(Reason(cause=Cause.RAMP_RELAXED, text=text, prosumers=hit))
        return box


def _block(given: list[Any], shape: tuple[int, ...]) -> Matrix:
    """Return measurements as one block, numbers repeated for every prosumer; whatever does not fit raises."""
    try:
        block = np.array(given, dtype=np.float64)
        if block.shape == shape:
            return block
    except ValueError:  # arrays beside single numbers
        pass
    block = np.empty(shape)
    for row, values in zip(block, given, strict=True):
        array = np.asarray(values, dtype=np.float64)
        if array.shape not in (row.shape, ()):
            raise ValueError(array.shape)
        row[:] = array
    return block
