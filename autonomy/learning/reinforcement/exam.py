"""The weeks and communities that validate, played by a model without noise, as it would be deployed."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from autonomy.layers.arrays import Vector
from autonomy.learning.validation import Marks
from autonomy.observing import physical_rows
from autonomy.simulation import BatchSimulator
from autonomy.simulation.observations import ObservationTable
from autonomy.simulator import INITIAL_SOC
from autonomy.variation import Place


class Decides(Protocol):
    """A policy of Stable-Baselines3, or what acts like one."""

    def predict(self, observation: NDArray[np.float32], *, deterministic: bool) -> tuple[NDArray[Any], Any]:
        """Return (R, 3) actions of `make_vec` for (R, D) observations."""
        ...


class Desk:
    """All weeks of a place at once."""

    def __init__(self, place: Place, forecast: str, marks: Marks) -> None:
        year = place.year.with_forecast(forecast)
        windows = [year.window(first, marks.steps) for first in marks.first]
        self.community, self.series = place.community, year.series
        self.simulator = BatchSimulator(self.community, windows, batch=len(windows), economics=place.economics)
        self._table = ObservationTable(self.community, self.series, year.forecast_kind)

    def begin(self) -> Vector:
        """Begin all weeks anew; return (W,) zeros, what they have cost."""
        start = np.clip(INITIAL_SOC, self.community.soc_min, self.community.soc_max)
        count = self.simulator.batch
        self.simulator.reset(np.arange(count), np.tile(start, (count, 1)))
        return np.zeros(count)

    def observe(self) -> NDArray[np.float32]:
        """Return (W·N, D)."""
        seen = self._table.prosumers(self.simulator.row, self.simulator.soc)
        return seen.reshape(-1, seen.shape[-1])

    def step(self, action: NDArray[Any]) -> Vector:
        """Play a step of all weeks with (W·N, 3) actions; return (W,) currency, what it cost."""
        series, row = self.series, self.simulator.row
        intent = physical_rows(
            self.community,
            np.asarray(action, dtype=np.float64).reshape(self.simulator.batch, -1, 3),
            demand_kw=series.demand_kw[row],
            pv_kw=series.pv_kw[row],
            retail_price=series.retail_price[row][:, None],
            feed_in_price=series.feed_in_price[row][:, None],
        )
        cost: Vector = self.simulator.step(intent).cost
        return cost


class Exam:
    """All places that validate.

    Args:
        marks: The places, the weeks and the two ends of the scale.
        forecast: Kind of forecast.
    """

    def __init__(self, marks: Marks, forecast: str) -> None:
        self._marks = marks
        self._desks = [Desk(place, forecast, marks) for place in marks.places]

    def shares(self, policy: Decides) -> Vector:
        """Return (C,) shares of the achievable saving."""
        costs = [desk.begin() for desk in self._desks]
        for _ in range(self._marks.steps):
            seen = [desk.observe() for desk in self._desks]
            action, _ = policy.predict(np.concatenate(seen), deterministic=True)
            parts = np.split(action, np.cumsum([len(rows) for rows in seen])[:-1])
            costs = [cost + desk.step(part) for cost, desk, part in zip(costs, self._desks, parts, strict=True)]
        worth = [desk.simulator.terminal_value for desk in self._desks]
        return self._marks.shares(np.array(costs) - np.array(worth))
