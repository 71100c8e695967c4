"""The state of charge against what went through the battery: an interval that holds the true energy, step by step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from autonomy.layers.arrays import Mask, Matrix, Vector, all_true, frozen
from autonomy.layers.community import Community
from autonomy.layers.decision import Cause, Decision
from autonomy.layers.observation import Limits
from autonomy.layers.supervision.monitors.accuracy import Accuracy
from autonomy.layers.supervision.monitors.naming import members, named
from autonomy.layers.supervision.reading import Reading
from autonomy.layers.supervision.watch import Doubt, Loss, Sight

CONSISTENT_STEPS = 4
"""Steps in a row over which a doubted battery must agree with itself until its state of charge is believed anew."""
SIGNS = np.array([[1.0], [-1.0]])
LARGEST_SWAP = 64
"""Batteries in doubt at once up to which exchanged pairs are looked for."""
LARGEST_KWH = 1e150
"""What a kW is worth at most in a step, so that absurd time steps and efficiencies give wide intervals and no NaN."""


class StorageBalance:
    """Doubts a state of charge that the battery's power does not explain, and rows of two batteries that are exchanged.

    Statement: with b the power applied, in [b_low, b_high] as far as it is known, and e the stored energy,

        e' <= e + dt·(ec_high·max(b_high, 0) − max(−b_high, 0)/ed_high)            ec_high = min(1, ec·(1 + error))
        e' >= e + dt·(ec_low·max(b_low, 0) − max(−b_low, 0)/ed_low) − standby      ec_low  = ec·(1 − error)

    (ed likewise; both grow with b), standby = self_discharge_per_h·dt·capacity, or what the community's own
    self-discharge takes of a full battery where that is more,
    and the reading soc lies within half of `soc_resolution` of e/capacity. So the true energy lies in the interval
    carried over from the last step *and* in that around the reading; a healthy battery's two intervals always meet.
    Their intersection is carried on, so that a reading which creeps away is found when the sum of its steps shows.

    b is known within power_error·|b| + power_resolution_kw where the host reports `applied_battery_kw`; else it lies
    between 0 and what was decided (unless `Accuracy.obeys`). Batteries that are not active, or have limits of
    efficiency of their own, are not judged in that step, and nobody is across a gap in time.

    Where the intervals do not meet, the battery stands still. Its own interval is carried on without the reading, so
    a bias stays found; after `CONSISTENT_STEPS` readings that agree with one another the reading is believed anew (a
    battery that was exchanged, a gauge that was calibrated). Two batteries in doubt of which each reading lies in
    the other's interval are exchanged rows: then demand and generation are the neighbour's too, and both are isolated
    until they are put right.

    Args:
        community: Whose batteries.
        accuracy: What the host states about itself.
        carry: The machine code for steps in which every reading meets its interval; None to do without.
    """

    def __init__(self, community: Community, accuracy: Accuracy, carry: Callable[..., bool] | None = None) -> None:
        self._size, self._obeys = community.n_prosumers, accuracy.obeys
        self._step_s = 3600.0 * community.timestep_h
        self._capacity_kwh = community.battery_capacity_kwh
        self._has_battery = community.has_battery
        self._all_have = bool(self._has_battery.all())
        dt, off, error = community.timestep_h, accuracy.power_error, accuracy.efficiency_error
        rates = _rates(community.charge_efficiency, community.discharge_efficiency, error)
        # A meter that reads x means a power between x/(1 + off) and x/(1 − off).
        less, more = 1.0 - off, 1.0 / (1.0 - off)
        with np.errstate(over="ignore"):
            yields = np.minimum(dt * rates * np.array([[[less], [more]], [[more], [less]]]), LARGEST_KWH)
            # An absolute error of the power is worth most through a battery that discharges badly.
            absolute = np.minimum(dt * more * accuracy.power_resolution_kw * rates[0, 1], LARGEST_KWH)
        standby = (
            np.maximum(min(accuracy.self_discharge_per_h * dt, 1.0), 1.0 - community.retention) * self._capacity_kwh
        )
        # The last digits of a float, for a capacity of any size.
        self._margin_kwh = frozen((0.5 * accuracy.soc_resolution + 1e-11) * self._capacity_kwh)
        # Intervals are kept as (lowest, −highest), so that one operation works on both ends. What a power b is worth
        # is (k⁺ + k⁻)/2·b + (k⁺ − k⁻)/2·|b|, with k⁺ its yield when it charges and k⁻ when it does not.
        charging, discharging = yields[:, 0] * SIGNS, yields[:, 1] * SIGNS
        worth = (charging + discharging) / 2, (charging - discharging) / 2
        self._factors = frozen(np.concatenate((self._capacity_kwh * SIGNS, *worth)))
        self._margins = frozen(self._margin_kwh * np.abs(SIGNS))
        self._slack = frozen((absolute + standby, absolute))
        self._block = np.empty((6, self._size))
        self._carry = carry if self._all_have else None
        self._fixed = frozen(np.concatenate((self._factors, self._margins, self._slack)))
        self.reset()

    def reset(self) -> None:
        """Forget every step seen."""
        self._carried: Matrix | None = None
        self._last_kwh: Vector = np.full(self._size, np.nan)
        self._doubted = np.zeros(self._size, dtype=bool)
        self._is_doubting = False
        self._agreeing = np.zeros(self._size, dtype=np.int64)

    def look(self, sight: Sight) -> tuple[Doubt, ...]:
        """Return whose state of charge is not explained."""
        now, before, decided = sight.reading, sight.before, sight.decided
        if now is None:
            return ()
        if self._carry is not None and self._carry_on(self._carry, sight, now):
            return ()
        # The state of charge and the power twice, one row for each end, times what they are worth.
        block = self._block
        # Without a battery any number will do.
        block[:2] = now.soc if self._all_have else np.where(self._has_battery, now.soc, 0.0)
        block[2:4] = self._power(decided, now)
        np.abs(block[2:4], out=block[4:])
        block *= self._factors
        energy, last_kwh = block[0].copy(), self._last_kwh
        self._last_kwh = energy
        seen = block[:2] - self._margins
        if self._carried is None or before is None or self._is_gap(sight):
            return self._begin(seen, energy)
        gained = block[2:4] + block[4:]
        gained -= self._slack
        carried = self._carried + gained
        # Most steps: every reading meets its interval. NaN does not.
        if now.limits is None and before.limits is None and not self._is_doubting:
            met = np.maximum(carried, seen)
            if np.maximum.reduce(met[0] + met[1]) <= 0.0:
                self._carried = met
                return ()
        exempt = _is_exempt(before.limits, self._size) | _is_exempt(now.limits, self._size)
        return self._judge(carried, seen, gained, energy - last_kwh, exempt)

    def _carry_on(self, carry: Callable[..., bool], sight: Sight, now: Reading) -> bool:
        """Do most steps in one call: every battery did what was decided, and every reading meets its interval."""
        before, decided, carried = sight.before, sight.decided, self._carried
        if before is None or decided is None or carried is None or self._is_doubting or not sight.is_obeyed:
            return False
        if now.limits is not None or before.limits is not None or self._is_gap(sight):
            return False
        energy, met = np.empty(self._size), np.empty((2, self._size))
        try:
            fits = carry(now.soc, decided.battery_kw, self._fixed, carried, energy, met)
        except TypeError:  # strided, or not float64: the machine code takes plain arrays only
            return False
        if fits:
            self._carried, self._last_kwh = met, energy
        return fits

    def _is_gap(self, sight: Sight) -> bool:
        """Whether more or less than a step lies between two readings, forwards; old data are no gap."""
        seconds = sight.elapsed_s
        return seconds is not None and seconds > 0 and abs(seconds - self._step_s) > 0.5 * self._step_s

    def _begin(self, seen: Matrix, energy: Vector) -> tuple[Doubt, ...]:
        # What is not read may be anything in the battery.
        self._carried = np.where(self._is_usable(energy), seen, self._anything)
        self._doubted[:], self._agreeing[:], self._is_doubting = False, 0, False
        return ()

    @property
    def _anything(self) -> Matrix:
        return np.array((0.0 * self._capacity_kwh, -self._capacity_kwh))

    def _power(self, decided: Decision | None, now: Reading) -> Matrix | Vector:
        """Return kW that went into every battery: known, or (2, N) the least and the most."""
        if decided is None:
            return np.zeros(self._size)
        asked, applied = decided.battery_kw, now.applied_kw
        if applied is not None and (applied.tobytes() == asked.tobytes() or all_true(np.isfinite(applied))):
            return applied
        idle = asked if self._obeys else 0.0 * asked
        power = np.array((np.minimum(asked, idle), np.maximum(asked, idle)))
        return power if applied is None else np.where(np.isfinite(applied), applied, power)

    def _is_usable(self, energy: Vector) -> Mask:
        margin = self._margin_kwh
        usable: Mask = (energy >= -margin) & (energy <= self._capacity_kwh + margin)
        return usable

    def _judge(self, carried: Matrix, seen: Matrix, gained: Matrix, change: Vector, exempt: Mask) -> tuple[Doubt, ...]:
        energy, usable = self._last_kwh, self._is_usable(self._last_kwh) & self._has_battery
        met = np.maximum(carried, seen)
        wrong = usable & ~(met[0] + met[1] <= 0.0) & ~exempt
        swapped = self._swapped(carried, energy, wrong)
        room = 2 * self._margin_kwh
        agrees = (gained[0] - room <= change) & (change <= room - gained[1])
        self._agreeing = np.where(wrong & agrees & ~swapped & self._doubted, self._agreeing + 1, 0)
        believed = self._agreeing >= CONSISTENT_STEPS
        wrong &= ~believed
        unknown, anew = exempt & ~usable, usable & (believed | exempt)
        kept = np.select((unknown, anew, usable & ~wrong), (self._anything, seen, met), carried)
        # A battery holds between nothing and its capacity, whatever was carried on.
        self._carried = np.minimum(kept, np.array((self._capacity_kwh, 0.0 * self._capacity_kwh)))
        self._doubted, self._is_doubting = wrong, bool(wrong.any())
        return self._doubts(carried, energy, wrong, swapped)

    def _swapped(self, carried: Matrix, energy: Vector, wrong: Mask) -> Mask:
        """Return whose reading lies in one other's interval, and the other's in theirs."""
        swapped, places = np.zeros(self._size, dtype=bool), np.flatnonzero(wrong)
        if not 2 <= places.size <= LARGEST_SWAP:
            return swapped
        capacity, margin = self._capacity_kwh[places], self._margin_kwh[places]
        # Row i, column j: battery i with the fraction that is reported for j.
        content = capacity[:, None] * (energy[places] / capacity)[None, :]
        low, high = (carried[0, places] - margin)[:, None], (margin - carried[1, places])[:, None]
        fits = (low <= content) & (content <= high)
        pairs = fits & fits.T
        np.fill_diagonal(pairs, val=False)
        alone = pairs.sum(axis=1) == 1
        swapped[places] = alone & (pairs & alone[None, :]).any(axis=1)
        return swapped

    def _doubts(self, carried: Matrix, energy: Vector, wrong: Mask, swapped: Mask) -> tuple[Doubt, ...]:
        found = []
        swapped = swapped & wrong
        if swapped.any():
            text = f"the rows of {named(swapped)} look exchanged: each state of charge is what the other's should be"
            hit = members(swapped)
            found.append(Doubt(cause=Cause.IDENTIFIERS_SWAPPED, text=text, loss=Loss.METER, prosumers=hit))
        rest = wrong & ~swapped
        if rest.any():
            low, high = carried[0], -carried[1]
            worst = int(np.argmax(np.where(rest, np.maximum(low - energy, energy - high), -np.inf)))
            text = (
                f"soc of {named(rest)} is not what went through the battery: prosumer {worst} reads "
                f"{energy[worst]:.3f} kWh, expected {low[worst]:.3f} to {high[worst]:.3f} kWh"
            )
            found.append(Doubt(cause=Cause.SOC_BALANCE, text=text, loss=Loss.BATTERY, prosumers=members(rest)))
        return tuple(found)


def _rates(charge_efficiency: Vector, discharge_efficiency: Vector, error: float) -> Matrix:
    """Return (2, 2, N): row 0 the least energy a kW adds for an hour, row 1 the most; column 0 charging, 1 not."""
    low, high = np.maximum(1.0 - error, 1e-3), 1.0 + error
    return np.array(
        (
            (charge_efficiency * low, 1.0 / (discharge_efficiency * low)),
            (np.minimum(charge_efficiency * high, 1.0), 1.0 / np.minimum(discharge_efficiency * high, 1.0)),
        )
    )


def _is_exempt(limits: Any, size: int) -> Mask:
    """Return whose battery has efficiencies of its own in a step, or is not active."""
    nobody = np.zeros(size, dtype=bool)
    if limits is None:
        return nobody
    if not isinstance(limits, Limits | Mapping):
        return ~nobody
    entry: Mapping[Any, Any] = vars(limits) if isinstance(limits, Limits) else limits
    if entry.get("charge_efficiency") is not None or entry.get("discharge_efficiency") is not None:
        return ~nobody
    active = entry.get("active")
    if active is None:
        return nobody
    try:
        return np.broadcast_to(~(np.asarray(active, dtype=np.float64) > 0), (size,)) | nobody
    except (TypeError, ValueError, OverflowError):
        return ~nobody
