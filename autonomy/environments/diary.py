"""What a community did in its last day, step by step, and a step as a line of text."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from autonomy.layers.community import Community
from autonomy.layers.decision import Mode
from autonomy.layers.invariants import Execution


class Moment(NamedTuple):
    """One step of a community.

    Attributes:
        step: Number of the step in its episode, from 1.
        time: Its start.
        demand_kw: Of the community, kW.
        pv_kw: Available, kW.
        battery_kw: + = charge.
        curtail_kw: kW
        shed_kw: kW
        feeder_kw: Net export, + = export.
        soc: (3,) at the step's end: lowest, mean by capacity, highest of the batteries; zeros where there is none.
        retail_price: Currency/kWh.
        feed_in_price: Currency/kWh.
        price: Currency/kWh of the trades, NaN where nothing was traded.
        mode: Who chose the set-points.
    """

    step: int
    time: np.datetime64
    demand_kw: float
    pv_kw: float
    battery_kw: float
    curtail_kw: float
    shed_kw: float
    feeder_kw: float
    soc: NDArray[np.float64]
    retail_price: float
    feed_in_price: float
    price: float
    mode: Mode

    def __str__(self) -> str:
        return (
            f"step {self.step}: demand {self.demand_kw:.1f} kW, PV {self.pv_kw:.1f} kW, "
            f"battery {self.battery_kw:+.1f} kW, feeder {self.feeder_kw:+.1f} kW, mode {self.mode}"
        )


def moment_of(execution: Execution, *, step: int, time: Any, mode: Mode) -> Moment:
    """Return what a step did, as the diary keeps it."""
    x = execution
    return Moment(
        step=step,
        time=time,
        demand_kw=float(x.demand_kw.sum()),
        pv_kw=float(x.pv_kw.sum()),
        battery_kw=float(x.battery_kw.sum()),
        curtail_kw=float(x.curtail_kw.sum()),
        shed_kw=float(x.shed_kw.sum()),
        feeder_kw=float(x.feeder_kw),
        soc=_soc(x.community, x.energy_after_kwh),
        retail_price=float(x.retail_price[0]),
        feed_in_price=float(x.feed_in_price[0]),
        price=float(x.price),
        mode=mode,
    )


def _soc(community: Community, energy_kwh: NDArray[np.float64]) -> NDArray[np.float64]:
    capacity = community.battery_capacity_kwh
    has = capacity > 0
    if not has.any():
        return np.zeros(3)
    each = energy_kwh[has] / capacity[has]
    return np.array([each.min(), energy_kwh[has].sum() / capacity[has].sum(), each.max()])


class Diary:
    """The last day of an episode.

    Args:
        community: Whose.
        steps_per_day: How many steps are kept.
    """

    def __init__(self, community: Community, steps_per_day: int) -> None:
        self.community = community
        self._moments: deque[Moment] = deque(maxlen=steps_per_day)

    def __len__(self) -> int:
        return len(self._moments)

    def __iter__(self) -> Iterator[Moment]:
        return iter(self._moments)

    @property
    def last(self) -> Moment | None:
        """The last step, if there was one."""
        return self._moments[-1] if self._moments else None

    def write(self, moment: Moment) -> None:
        """Keep a step."""
        self._moments.append(moment)

    def clear(self) -> None:
        """Begin a new episode."""
        self._moments.clear()
