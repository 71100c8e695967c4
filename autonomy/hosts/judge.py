"""The numbers of a run of a host, compared: asked and applied, predicted and measured, the feeder and its nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autonomy.hosts.host import Host, predicted_energy_kwh, predicted_net_kw
from autonomy.hosts.likeness import likeness
from autonomy.hosts.play import HostStep
from autonomy.hosts.tally import excess_kw
from autonomy.hosts.verdict import APPLIED, BALANCE, LIMITS, STORED, Finding, Largest, Tolerance
from autonomy.layers import physics
from autonomy.layers.arrays import Matrix
from autonomy.layers.decision import Cause
from autonomy.layers.observation import Limits

ANNOUNCED = (Cause.LIMIT_NOT_HELD,)
"""Reasons with which a decision says that a line's limit cannot be held with what the host can execute."""


class Verdicts:
    """What the comparisons found, gathered.

    Args:
        host: Whose run it is.
        tolerance: What its numbers may be off by.
    """

    def __init__(self, host: Host, tolerance: Tolerance) -> None:
        self.host, self.tolerance = host, tolerance
        self.findings: list[Finding] = []
        self.unjudged: list[str] = []
        self.largest: list[Largest] = []

    def judge(self, steps: Sequence[HostStep]) -> None:
        """Compare everything that a run shows."""
        if not steps:
            return
        self._applied(steps)
        self._stored(steps)
        self._balance(steps)
        self._limits(steps)

    def compare(
        self, check: str, expected: Matrix, found: Matrix, allowed: float, unit: str, change_of: Matrix | None = None
    ) -> None:
        """Compare two (T, N) tables; NaN in `expected` is not compared, NaN in `found` is a difference.

        Args:
            check: What it is called.
            expected: What should be.
            found: What is.
            allowed: The largest difference that is none.
            unit: Of all three.
            change_of: (T, N) what both started from, where a likeness is in the changes.
        """
        judged = ~np.isnan(expected)
        off = np.where(judged, np.abs(found - expected), 0.0)
        off = np.where(judged & np.isnan(found), np.inf, off)
        self.largest.append(
            Largest(
                check=check, amount=float(off.max(initial=0.0)), allowed=allowed, unit=unit, compared=int(judged.sum())
            )
        )
        wrong = off > allowed
        if not wrong.any():
            return
        start = np.zeros_like(expected) if change_of is None else change_of
        filled = np.where(judged, expected, 0.0), np.where(judged, found, 0.0)
        hint = likeness(
            filled[0] - start, filled[1] - start, tolerance=allowed, timestep_h=self.host.community.timestep_h
        )
        step, place = np.argwhere(wrong)[0]
        who = "" if expected.shape[1] == 1 else f" at {self.host.community.names[place]}"
        text = (
            f"{int(wrong.sum())} of {int(judged.sum())} numbers differ, first in step {step}{who}: expected "
            f"{expected[step, place]:.6g} {unit}, found {found[step, place]:.6g} {unit}{hint}"
        )
        self.findings.append(Finding(check=check, text=text))

    def _applied(self, steps: Sequence[HostStep]) -> None:
        reported = [step for step in steps if step.after.applied_battery_kw is not None]
        if not reported:
            self.unjudged.append("asked and applied: the host reports no applied_battery_kw")
            return
        asked = np.array([step.decision.battery_kw for step in reported])
        applied = np.array([self._row(step.after.applied_battery_kw) for step in reported])
        self.compare(APPLIED, asked, applied, self.tolerance.power_kw, "kW")
        if self.host.community.timestep_h == 1.0:
            self.unjudged.append("kW taken for kWh: in steps of 1 h they are the same number")

    def _stored(self, steps: Sequence[HostStep]) -> None:
        community, capacity = self.host.community, self.host.community.battery_capacity_kwh
        expected = np.array([predicted_energy_kwh(self.host, step.observation, step.decision) for step in steps])
        there = np.array([self._row((step.after.limits or Limits()).active, default=True) for step in steps])
        was = np.array([self._row((step.observation.limits or Limits()).active, default=True) for step in steps])
        # Who left may come back with anything.
        judged = community.has_battery & (was.astype(bool) | there.astype(bool))
        started = np.array([self._row(step.observation.soc) for step in steps]) * capacity
        found = np.array([self._row(step.after.soc) for step in steps]) * capacity
        self.compare(
            STORED, np.where(judged, expected, np.nan), found, self.tolerance.energy_kwh, "kWh", change_of=started
        )

    def _balance(self, steps: Sequence[HostStep]) -> None:
        metered = [step for step in steps if step.after.feeder_kw is not None]
        if not metered:
            self.unjudged.append("energy balance: the host reports no feeder_kw")
            return
        network = self.host.community.network
        feeder = int(np.argmin(network.parent))
        expected = []
        for step in metered:
            net, applied = predicted_net_kw(step.observation, step.decision), step.after.applied_battery_kw
            if applied is not None:
                net = net + step.decision.battery_kw - self._row(applied)
            expected.append([physics.lossy_flows(network, net).upstream_kw[feeder]])
        found = np.array([[float(step.after.feeder_kw or 0.0)] for step in metered])
        self.compare(BALANCE, np.array(expected), found, self.tolerance.feeder_kw, "kW")

    def _limits(self, steps: Sequence[HostStep]) -> None:
        for number, step in enumerate(steps):
            told = (self._battery_excess(step), *self._line_excess(step))
            for amount, allowed, unit, words in told:
                if not amount <= allowed:
                    text = f"in step {number} {words} passed its limit by {amount:.6g} {unit}"
                    self.findings.append(Finding(check=LIMITS, text=text))
                    return

    def _battery_excess(self, step: HostStep) -> tuple[float, float, str, str]:
        community, limits = self.host.community, step.observation.limits or Limits()
        most = community.charge_limit_kw if limits.charge_limit_kw is None else limits.charge_limit_kw
        least = community.discharge_limit_kw if limits.discharge_limit_kw is None else limits.discharge_limit_kw
        applied = step.after.applied_battery_kw
        done = step.decision.battery_kw if applied is None else self._row(applied)
        beyond = np.maximum(done - most, -least - done)
        return float(beyond.max()), self.tolerance.power_kw, "kW", "a battery's power"

    def _line_excess(self, step: HostStep) -> list[tuple[float, float, str, str]]:
        metered = step.flows is not None or step.excess_kw is not None or step.after.feeder_kw is not None
        announced = any(reason.cause in ANNOUNCED for reason in step.decision.reasons)
        if not metered or announced:
            return []
        return [(excess_kw(self.host.community.network, step), self.tolerance.feeder_kw, "kW", "a line's flow")]

    def _row(self, value: Any, default: Any = None) -> Any:
        """Return a value of every prosumer as (N,)."""
        value = default if value is None else value
        return np.broadcast_to(np.asarray(value, dtype=np.float64), (self.host.community.n_prosumers,))
