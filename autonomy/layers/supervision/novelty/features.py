"""What is looked at: eight figures of every prosumer and ten of the community, step after step.

With p a power, P its mean over the training days, ε = `SOFT`, and r the median over the prosumers:

    a = ln(p/P + ε)          the present, and the same of what was summed since midnight
    a − r                    against the neighbours: sun and weather are common, a faulty meter is not
    δ ← (δ + |a − a'|)/2     distance from a', the same time yesterday or the step before; ln(δ + `FLOOR`)

A distance that is too small is as strange as one that is too large: that is what a replayed or a stuck meter shows.

The state of charge is left out on purpose. It follows from what the stack itself decided, so a calibration with it
would hold for one policy only; the physical monitors check it against the battery's own balance, which is sharper. So
is the forecast of the host: the community's own mean of the week before stands for it, which needs no trust in
anybody.
"""

from __future__ import annotations

from math import log
from typing import NamedTuple

import numpy as np

from autonomy.layers.arrays import Mask, Matrix, Vector
from autonomy.layers.supervision.novelty.moment import Moment

PROSUMER_FEATURES = (
    "distance of PV from yesterday",
    "distance of PV from the step before",
    "PV against the neighbours",
    "PV since midnight against the neighbours",
    "demand against the neighbours",
    "demand since midnight against the neighbours",
    "distance of demand from yesterday",
    "distance of demand from the step before",
)
IN_DAYLIGHT = 3
"""How many of them, the first ones, say something by daylight only."""
COMMUNITY_FEATURES = (
    "PV",
    "demand",
    "PV since midnight",
    "demand since midnight",
    "PV against the week before",
    "demand against the week before",
    "spread of PV over the prosumers",
    "spread of demand over the prosumers",
    "retail price",
    "feed-in price",
)
SPREAD_OF_PV = 6
WEEK = 7
SOFT = np.array([0.2, 0.05])[None, :, None]
"""ε of PV and of demand: what is small against it is not told apart from 0."""
SOFT_TOTAL = 0.05
"""The same for the sums over the community."""
FLOOR = 0.001
"""Least distance that is told apart from none."""
DAYLIGHT = log(0.5 + 0.2)
"""It is day when the median PV is half its mean over the year's days and nights."""
KINDS = np.array([0, 1])
NAN = float("nan")


class Figures(NamedTuple):
    """The figures of one step; NaN where there is nothing to say.

    Attributes:
        prosumers: (8, N), see `PROSUMER_FEATURES`.
        community: (10,), see `COMMUNITY_FEATURES`.
    """

    prosumers: Matrix
    community: Vector


class Features:
    """Makes the figures of one community, step after step.

    Args:
        unit_kw: (2, N) kW, P of PV and of demand; 0 where there is none.
        slots: Steps per day.
    """

    def __init__(self, unit_kw: Matrix, slots: int) -> None:
        self._unit_kw, self._slots = unit_kw, slots
        self._per_unit = np.divide(1.0, unit_kw, out=np.zeros_like(unit_kw), where=unit_kw > 0)
        having = np.count_nonzero(unit_kw > 0, axis=1)
        # Who has no PV has the least of it, so the median of those who have some stands that much further up.
        self._middle = np.minimum(unit_kw.shape[1] - having + np.maximum(having - 1, 0) // 2, unit_kw.shape[1] - 1)
        self._share = (unit_kw > 0) / np.maximum(having, 1)[:, None]
        total = unit_kw.sum(axis=1)
        self._pv_kw, self._demand_kw = (float(kw) if kw > 0 else 1.0 for kw in total)
        self.reset()

    def reset(self) -> None:
        """Forget every step seen."""
        size = self._unit_kw.shape[1]
        self._day: int | None = None
        self._powers = np.zeros((2, 2, size))
        self._since = [0.0, 0.0]
        self._yesterday = np.full((self._slots, 2, size), np.nan)
        self._before = np.full((2, 2, size), np.nan)
        self._apart = np.ones((2, 2, size))  # neither far nor near: it takes steps to look replayed or stuck
        self._week: list[list[tuple[float, float]]] = [[] for _ in range(self._slots)]

    def see(
        self,
        moment: Moment,
        measured_kw: Matrix,
        retail_price: Vector,
        feed_in_price: Vector,
        isolated: Mask | None = None,
    ) -> Figures:
        """Return the figures of the next step.

        Args:
            moment: Day and step of the day.
            measured_kw: (2, N) kW, PV and demand.
            retail_price: (N,) currency/kWh.
            feed_in_price: (N,) currency/kWh.
            isolated: (N,) whose meters say nothing; None for nobody.
        """
        if moment.day != self._day:
            self._begin(moment.day)
        powers, slot = self._powers, moment.slot
        np.multiply(measured_kw, self._per_unit, out=powers[0])
        powers[1] += powers[0]
        if isolated is not None:
            powers[1][:, isolated] = np.nan  # what they summed since midnight is not known before the next
        logs = np.log(powers + SOFT)
        middle, n = self._middle, logs.shape[2]
        if isolated is not None:
            met = np.count_nonzero((self._unit_kw > 0) & ~isolated, axis=1)
            known = n - int(np.count_nonzero(isolated))
            middle = np.clip(known - met + np.maximum(met - 1, 0) // 2, 0, max(known - 1, 0))
            logs = np.where(isolated, np.nan, logs)
        order = np.sort(logs, axis=2)  # NaN comes last
        usual = order[:, KINDS, middle]
        against = logs - usual[:, :, None]
        is_day = bool(usual[0, 0] > DAYLIGHT)
        live = self._distances(slot, logs[0], is_day=is_day)
        figures = np.empty((8, n))
        figures[2:4], figures[4:6] = against[:, 0], against[:, 1]
        figures[:2], figures[6:8] = live[:, 0], live[:, 1]
        if not is_day:
            figures[:IN_DAYLIGHT] = np.nan
        community = self._community(slot, measured_kw, against[0], isolated, is_day=is_day)
        retail, feed_in = np.add.reduce(retail_price) / n, np.add.reduce(feed_in_price) / n
        return Figures(figures, np.array([*community, retail, feed_in]))

    def _begin(self, day: int) -> None:
        """Begin a day. After a gap of days yesterday is not yesterday, and is forgotten."""
        if self._day is not None and day != self._day + 1:
            self.reset()
        self._day = day
        self._powers[1] = 0.0
        self._since = [0.0, 0.0]

    def _distances(self, slot: int, now: Matrix, *, is_day: bool) -> Matrix:
        """Return (2, 2, N), ln of the distances from yesterday and from the step before, of PV and of demand."""
        before = self._before
        before[0] = self._yesterday[slot]
        apart = np.abs(now - before)
        apart += self._apart
        apart *= 0.5
        total = float(np.add.reduce(apart, axis=None))
        unknown = np.isnan(apart) if total != total else None  # noqa: PLR0124 - NaN is not itself
        if unknown is not None:
            apart[unknown] = self._apart[unknown]
        if is_day:
            self._apart = apart
        else:
            self._apart[:, 1] = apart[:, 1]
        before[1] = self._yesterday[slot] = now
        result: Matrix = np.log(self._apart + FLOOR)
        if unknown is not None:
            result[unknown] = np.nan
        return result

    def _community(
        self, slot: int, measured_kw: Matrix, against: Matrix, isolated: Mask | None, *, is_day: bool
    ) -> tuple[float, ...]:
        pv, demand = np.add.reduce(measured_kw, axis=1).tolist()
        if isolated is None:
            pv, demand = pv / self._pv_kw, demand / self._demand_kw
            spread_pv, spread_demand = np.add.reduce(np.abs(against) * self._share, axis=1).tolist()
        else:
            pv, demand = (
                kw / total if total > 0 else NAN
                for kw, total in zip((pv, demand), self._unit_kw[:, ~isolated].sum(axis=1), strict=True)
            )
            spread_pv = spread_demand = NAN
        if not (pv >= 0 and demand >= 0):
            return (NAN,) * 8
        since, week = self._since, self._week[slot]
        since[0] += pv
        since[1] += demand
        usual = [sum(seen) / len(week) for seen in zip(*week, strict=True)] if week else [NAN, NAN]
        week.append((pv, demand))
        del week[:-WEEK]
        now = log(pv + SOFT_TOTAL), log(demand + SOFT_TOTAL)
        return (
            *now,
            log(since[0] + SOFT_TOTAL),
            log(since[1] + SOFT_TOTAL),
            now[0] - log(usual[0] + SOFT_TOTAL),
            now[1] - log(usual[1] + SOFT_TOTAL),
            spread_pv if is_day else NAN,
            spread_demand,
        )
