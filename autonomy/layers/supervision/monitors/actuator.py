"""What a battery was asked for against what the host says it did."""

from __future__ import annotations

import numpy as np

from autonomy.layers.arrays import Mask, Vector, all_true
from autonomy.layers.community import Community
from autonomy.layers.decision import Cause
from autonomy.layers.supervision.monitors.accuracy import Accuracy
from autonomy.layers.supervision.monitors.naming import members, named
from autonomy.layers.supervision.watch import Doubt, Loss, Sight

HAIR_KW = 1e-9
"""kW of rounding in what is compared here."""
PATIENCE = 3
"""Steps in a row that a battery may fall short without explanation until nobody counts on it."""


class Actuator:
    """Doubts a battery that does not do what it was asked: the one check that sees a wrong scale or sign in an adapter.

    Statement: with a the power asked and x the power applied, x lies between 0 and a (a battery may derate, it never
    does more than asked and never the opposite):

        min(a, 0) − tol <= x <= max(a, 0) + tol        tol = power_resolution_kw + power_error·|a|

    and where x falls short of a by more than tol, there is a cause the host shows: the battery is full (or empty), its
    limit of this step is lower, or it is not active.

    What lies outside stands still. A shortfall without explanation is noted, and after `PATIENCE` steps in a row the
    battery stands still too, for a limit that counts on it would not be held.

    Args:
        community: Whose batteries.
        accuracy: What the host states about itself.
    """

    def __init__(self, community: Community, accuracy: Accuracy) -> None:
        self._accuracy, self._size = accuracy, community.n_prosumers
        # What the room of a full (or empty) battery may seem to be: half a step of its SoC, and what one step's model
        # may be off by. At the end of its band it may have been stopped anywhere in the step.
        hours = community.timestep_h * np.minimum(community.charge_efficiency, community.discharge_efficiency)
        share = 0.5 * accuracy.soc_resolution + accuracy.self_discharge_per_h * community.timestep_h
        most_kw = np.maximum(community.charge_limit_kw, community.discharge_limit_kw)
        model_kw = (accuracy.efficiency_error + accuracy.power_error) * most_kw + accuracy.power_resolution_kw
        # A capacity without bounds, or an hour of no length, explains every shortfall: inf is meant.
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            near_kw = share * community.battery_capacity_kwh / hours + model_kw
        self._near_kw = np.where(np.isnan(near_kw), np.inf, near_kw)
        self.reset()

    def reset(self) -> None:
        """Forget every step seen."""
        self._short = np.zeros(self._size, dtype=np.int64)
        self._falls_short = False

    def look(self, sight: Sight) -> tuple[Doubt, ...]:
        """Return which batteries did not do what was asked."""
        now, decided = sight.reading, sight.decided
        if now is None:
            return ()
        if now.applied_kw is None:
            if "applied_battery_kw" in now.unreadable:
                text = f"applied_battery_kw is no list of {self._size} numbers; it is not compared"
                return (Doubt(cause=Cause.FIELD_SHAPE, text=text, loss=Loss.NOTE),)
            return ()
        if decided is None:
            return ()
        asked, applied = decided.battery_kw, now.applied_kw
        if sight.is_obeyed:
            if self._falls_short:
                self.reset()
            return ()
        return self._compare(sight, asked, applied)

    def _compare(self, sight: Sight, asked: Vector, applied: Vector) -> tuple[Doubt, ...]:
        tolerance = self._accuracy.power_resolution_kw + self._accuracy.power_error * np.abs(asked) + HAIR_KW
        # A number that is none says nothing; it is unknown, not wrong.
        known = np.isfinite(applied)
        inside = (np.minimum(asked, 0.0) - tolerance <= applied) & (applied <= np.maximum(asked, 0.0) + tolerance)
        followed = np.abs(applied - asked) <= tolerance
        short = known & inside & ~followed & ~self._explained(sight, asked, applied, tolerance)
        self._short, self._falls_short = np.where(short, self._short + 1, 0), bool(short.any())
        found = []
        if not all_true(known):
            text = f"applied_battery_kw of {named(~known)} is not finite; it is not compared"
            found.append(Doubt(cause=Cause.NOT_FINITE, text=text, loss=Loss.NOTE, prosumers=members(~known)))
        wrong = known & ~inside
        if wrong.any():
            text = f"{named(wrong)} did not do what was asked: {_pairs(asked, applied, wrong)}"
            found.append(Doubt(cause=Cause.SET_POINT_IGNORED, text=text, loss=Loss.BATTERY, prosumers=members(wrong)))
        for loss, hit in (
            (Loss.NOTE, short & (self._short < PATIENCE)),
            (Loss.BATTERY, short & (self._short >= PATIENCE)),
        ):
            if hit.any():
                text = f"{named(hit)} did less than asked, without a limit that says why: {_pairs(asked, applied, hit)}"
                found.append(Doubt(cause=Cause.SET_POINT_IGNORED, text=text, loss=loss, prosumers=members(hit)))
        return tuple(found)

    def _explained(self, sight: Sight, asked: Vector, applied: Vector, tolerance: Vector) -> Mask:
        """Return whose shortfall has a cause the host shows: no room left in that direction, or a lower limit now."""
        situation, charges = sight.situation, asked > 0
        room = np.where(charges, situation.rate_upper_kw, -situation.rate_lower_kw)
        limit = np.where(charges, situation.charge_limit_kw, situation.discharge_limit_kw)
        derated = (limit < np.abs(asked) - tolerance) & (np.abs(applied) >= limit - tolerance)
        return derated | (room <= self._near_kw)


def _pairs(asked: Vector, applied: Vector, hit: Mask) -> str:
    """Return the largest discrepancy in words, with what it looks like."""
    place = int(np.argmax(np.where(hit, np.abs(applied - asked), -1.0)))
    a, x = float(asked[place]), float(applied[place])
    return f"asked {a:.3f} kW, applied {x:.3f} kW{_likeness(a, x)}"


def _likeness(asked: float, applied: float) -> str:
    if asked == 0.0 or applied == 0.0:
        return " (stuck?)"
    ratio = applied / asked
    for factor, name in ((-1.0, "sign reversed?"), (1e3, "W instead of kW?"), (1e-3, "kW instead of W?")):
        if abs(ratio / factor - 1.0) < 0.05:
            return f" ({name})"
    return ""
