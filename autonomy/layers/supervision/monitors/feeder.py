"""The sum of the nodes against the feeder's own meter."""

from __future__ import annotations

from math import isfinite

import numpy as np

from autonomy.layers.arrays import all_true
from autonomy.layers.community import Community
from autonomy.layers.decision import Cause, Decision, Mode
from autonomy.layers.situation import Situation
from autonomy.layers.supervision.monitors.accuracy import Accuracy
from autonomy.layers.supervision.reading import Reading
from autonomy.layers.supervision.watch import Doubt, Loss, Sight

HAIR_KW = 1e-9
"""kW of rounding in what is compared here."""
LOSS_ROOM = 1.21
"""Times the worst-case loss: flows within ten per cent above their limits lose at most 1.1² times as much."""
LIKENESS = ((-1.0, "its sign reversed"), (1e-3, "W instead of kW"), (1e3, "MW instead of kW"))
"""Factors that explain a feeder meter, and what they mean."""


class FeederBalance:
    """Doubts the meters when what the feeder carried is not the sum of what the nodes were to export.

    Statement: with n the net exports of the last decision, b what the batteries were to do and x what they did,

        feeder = Σ (n + b − x) − losses        0 <= losses <= worst case of the network

    because generation and load are what was measured, less what was cut. Each term is off by at most what `Accuracy`
    states: tol = error·(Σ generation + Σ load + Σ |x| + |feeder|) + (1 + error)·(3N + 1)·power_resolution_kw
    + variation·(Σ generation + Σ load), error = power_error/(1 − power_error). A prosumer who is isolated, and
    everybody in a dead stop, lies anywhere between −load cap and generation cap; where such a host cannot cut, or there
    is a gap in time, nothing is said.

    When the feeder fits with its sign reversed, or in W, it is that meter, which nothing else depends on, and it is
    only noted. Else some node's meter is wrong and nobody knows whose: the policy is not asked, the ladder's first rung
    moves batteries only where a limit needs them, and the feeder keeps as much of its limit free as went unexplained.
    (Batteries are not stopped: at a peak that alone would shed.)

    Args:
        community: The community.
        accuracy: What the host states about itself.
    """

    def __init__(self, community: Community, accuracy: Accuracy) -> None:
        self._accuracy = accuracy
        self._step_s = 3600.0 * community.timestep_h
        network = community.network
        feeder = int(np.argmin(network.parent))
        self._loss_kw = 0.0 if network.is_lossless else LOSS_ROOM * float(network.worst_case_loss_kw[feeder])
        self._rounding_kw = (3 * community.n_prosumers + 1) * accuracy.power_resolution_kw
        self.reset()

    def reset(self) -> None:
        """Forget every step seen; there is nothing to forget."""

    def look(self, sight: Sight) -> tuple[Doubt, ...]:
        """Return whether nodes and feeder agree."""
        now = sight.reading
        if now is None or now.feeder_kw is None:
            return ()
        if not isfinite(now.feeder_kw):
            text = "feeder_kw is not a finite number; the nodes are not compared with it"
            return (Doubt(cause=Cause.FEEDER_METER, text=text, loss=Loss.NOTE),)
        before, decided, acted = sight.before, sight.decided, sight.acted
        if before is None or decided is None or acted is None or self._is_gap(sight):
            return ()
        return (
            ()
            if sight.is_obeyed and self._fits_at_once(now, decided, acted)
            else self._compare(now, now.feeder_kw, decided, acted)
        )

    def _fits_at_once(self, now: Reading, decided: Decision, acted: Situation) -> bool:
        """Whether no more tolerance is needed than that of rounding, where everybody did what was decided."""
        if not acted.is_clean:
            return False
        net = float(np.add.reduce(decided.net_export_kw))
        return net - self._loss_kw - self._rounding_kw <= (now.feeder_kw or 0.0) <= net + self._rounding_kw

    def _compare(self, now: Reading, feeder_kw: float, decided: Decision, acted: Situation) -> tuple[Doubt, ...]:
        expected = self._expected(now, decided, acted)
        if expected is None:
            return ()
        low, high = expected
        slack = self._slack(now, acted, abs(feeder_kw))
        if low - self._loss_kw - slack <= feeder_kw <= high + slack:
            return ()
        seen = f"{low - self._loss_kw:.3f} to {high:.3f} kW (within {slack:.3f} kW)"
        seen = f"feeder_kw is {feeder_kw:.3f} kW, the nodes say {seen}"
        for factor, name in LIKENESS:
            other = factor * feeder_kw
            slack = self._slack(now, acted, abs(other))
            # Near zero every factor fits; only what stands clear of the tolerance is told apart.
            if low - self._loss_kw - slack <= other <= high + slack and abs(other) > 4 * slack:
                text = f"{seen}: the feeder's meter looks like {name}"
                return (Doubt(cause=Cause.FEEDER_METER, text=text, loss=Loss.NOTE),)
        more_kw = feeder_kw - low if feeder_kw > high else feeder_kw - high
        return (Doubt(cause=Cause.FEEDER_BALANCE, text=seen, loss=Loss.POLICY, unexplained_kw=more_kw),)

    def _is_gap(self, sight: Sight) -> bool:
        seconds = sight.elapsed_s
        return seconds is not None and abs(seconds - self._step_s) > 0.5 * self._step_s

    def _slack(self, now: Reading, acted: Situation, feeder_kw: float) -> float:
        accuracy, metered = self._accuracy, float(acted.measured_kw.sum())
        moved = 0.0 if now.applied_kw is None else float(np.abs(now.applied_kw).sum())
        moved = moved if isfinite(moved) else 0.0
        # What is read as x is between (x − resolution)/(1 + error) and (x + resolution)/(1 − error).
        share = accuracy.power_error / (1.0 - accuracy.power_error)
        error_kw = share * (metered + moved + feeder_kw) + (1.0 + share) * self._rounding_kw
        return error_kw + accuracy.variation * metered + HAIR_KW

    def _expected(self, now: Reading, decided: Decision, acted: Situation) -> tuple[float, float] | None:
        """Return the least and the most that all nodes together exported, kW, without losses; None if unknown."""
        asked, applied = decided.battery_kw, now.applied_kw
        if applied is not None and all_true(np.isfinite(applied)) and acted.is_clean:
            net = float(decided.net_export_kw.sum()) + float((asked - applied).sum())
            return (net, net) if decided.mode is not Mode.DEAD_STOP else None
        idle = asked if self._accuracy.obeys else 0.0 * asked
        known = np.zeros(asked.size, dtype=bool) if applied is None else np.isfinite(applied)
        done = asked if applied is None else applied
        least = np.where(known, done, np.minimum(asked, idle))
        most = np.where(known, done, np.maximum(asked, idle))
        low, high = decided.net_export_kw + asked - most, decided.net_export_kw + asked - least
        unmetered = acted.isolated | acted.is_blind | (decided.mode is Mode.DEAD_STOP)
        if unmetered.any():
            if acted.can_curtail is not None or acted.can_shed is not None:
                return None
            room = 1.0 + self._accuracy.power_error
            low = np.where(unmetered, -room * decided.load_cap_kw - most, low)
            high = np.where(unmetered, room * decided.generation_cap_kw - least, high)
        total = float(low.sum()), float(high.sum())
        return total if not (np.isnan(total[0]) or np.isnan(total[1])) else None
