"""How fast demand and generation may change, where somebody knows."""

from __future__ import annotations

import numpy as np

from autonomy.layers.arrays import ArrayLike, Matrix, all_true, frozen, frozen_vector, require
from autonomy.layers.community import Community
from autonomy.layers.decision import Cause
from autonomy.layers.supervision.monitors.accuracy import Accuracy
from autonomy.layers.supervision.monitors.naming import members, named
from autonomy.layers.supervision.watch import Doubt, Loss, Sight


class MeterRamp:
    """Doubts demand or generation that changes faster than declared; nothing is declared by default.

    Statement: |v_k − v_j| <= (k − j)·R for the true values v of two steps j < k, so two readings differ by at most that
    and twice the meter's error. The reading it is compared with is the last one that was not in doubt, so after a wrong
    one the allowance grows until a value that stays where it is is believed. Across a gap in time nothing is said.

    Args:
        community: Whose prosumers.
        accuracy: What the host states about itself.
        pv_ramp_kw: (N,) kW a step; inf where unknown.
        demand_ramp_kw: (N,) kW a step; inf where unknown.
    """

    def __init__(
        self,
        community: Community,
        accuracy: Accuracy,
        *,
        pv_ramp_kw: ArrayLike = np.inf,
        demand_ramp_kw: ArrayLike = np.inf,
    ) -> None:
        ramps = []
        for name, given in (("pv_ramp_kw", pv_ramp_kw), ("demand_ramp_kw", demand_ramp_kw)):
            values = frozen_vector(name, given, community.n_prosumers)
            require(name, values, values >= 0, "kW >= 0 a step, or inf where it is unknown")
            ramps.append(values)
        self._ramp_kw, self._accuracy = frozen(ramps), accuracy
        self._step_s = 3600.0 * community.timestep_h
        self.reset()

    def reset(self) -> None:
        """Forget every step seen."""
        self._last_kw: Matrix | None = None
        self._age = np.zeros(self._ramp_kw.shape)

    def look(self, sight: Sight) -> tuple[Doubt, ...]:
        """Return whose meter changed too fast."""
        situation = sight.situation
        measured, metered = situation.measured_kw, ~situation.isolated
        seconds = sight.elapsed_s
        if seconds is not None and abs(seconds - self._step_s) > 0.5 * self._step_s:
            self.reset()
        if self._last_kw is None:
            self._last_kw = np.where(metered, measured, np.nan)
            return ()
        self._age += 1.0
        slack = 2 * self._accuracy.power_resolution_kw + self._accuracy.power_error * (measured + self._last_kw)
        change = np.abs(measured - self._last_kw)
        # A value that was never read differs from everything by NaN, which no bound is below.
        fast = metered & (change > self._age * self._ramp_kw + slack)
        good = metered & ~fast
        self._last_kw = np.where(good, measured, self._last_kw)
        self._age = np.where(good, 0.0, self._age)
        return () if all_true(~fast) else self._doubts(fast, change)

    def _doubts(self, fast: Matrix, change: Matrix) -> tuple[Doubt, ...]:
        found = []
        for row, name in enumerate(("pv_kw", "demand_kw")):
            hit = fast[row].astype(bool)
            if hit.any():
                worst = int(np.argmax(np.where(hit, change[row], -np.inf)))
                text = (
                    f"{name} of {named(hit)} changed by {change[row, worst]:.3f} kW; declared are at most "
                    f"{self._ramp_kw[row, worst]:.3f} kW a step"
                )
                found.append(Doubt(cause=Cause.METER_RAMP, text=text, loss=Loss.METER, prosumers=members(hit)))
        return tuple(found)
