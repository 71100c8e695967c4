"""Observations of many communities: a gather from a table, but for what depends on the stored energy.

All else lies in the data and in the timeline; what is stored decides the state of charge and what has to be charged.

The rows of a table are made when they are first asked for, a block at a time, and are `autonomy.observing.encode` and
`encode_each` to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from autonomy.allowance import Allowance, allowance_of, shown_floor
from autonomy.forecasting import Forecasters, ForecastKind, Outlook, horizon_table
from autonomy.layers.arrays import Index, Vector
from autonomy.layers.community import Community
from autonomy.observing import (
    FLOOR_OF_PROSUMER,
    SOC_OF_PROSUMER,
    Flat,
    Known,
    common_rows,
    community_rows,
    day_angle,
    own_rows,
    shown_soc,
)
from autonomy.series import Series
from autonomy.simulation.world import World

BLOCK = 32
"""Rows that are made at once."""


class ObservationTable:
    """What is observed at every step of a series, but for states of charge and charge floors.

    Args:
        community: Who observes.
        series: The data.
        kind: How what comes next is forecast.
        world: What limits the steps; None for the community's own limits in all of them.

    Raises:
        ModelError: the step of the series does not divide a day.
    """

    def __init__(self, community: Community, series: Series, kind: ForecastKind, world: World | None = None) -> None:
        self.community, self._series = community, series
        self._world = World(community, None) if world is None else world
        self._allowances: dict[int, Allowance] = {}
        self._forecasters: Forecasters = series.forecasters(kind)
        self.horizon = series.steps_per_day
        size = community.n_prosumers
        self._soc_of_community, self._floor_of_community = slice(2 * size, 3 * size), slice(3 * size, 4 * size)
        self._all = LazyRows(
            series.n_steps, lambda rows: community_rows(self.known(rows), np.zeros((rows.size, size)), 0.0)
        )
        self._own = LazyRows(series.n_steps, lambda rows: own_rows(community, self.known(rows)))
        self._common = LazyRows(series.n_steps, lambda rows: common_rows(self.known(rows)))

    def communities(self, rows: Index, soc: Vector, floor_kw: Vector | None = None) -> Flat:
        """Return (B, D) float32: what B communities observe.

        Args:
            rows: (B,) steps of the series.
            soc: (B, N) states of charge, as fractions.
            floor_kw: (B, N) kW that batteries are to be charged with at least, -inf for none; None for nowhere.
        """
        seen = self._all.gather(rows)
        seen[:, self._soc_of_community] = shown_soc(self.community, soc)
        if floor_kw is not None:
            seen[:, self._floor_of_community] = shown_floor(floor_kw)
        return seen

    def prosumers(self, rows: Index, soc: Vector, floor_kw: Vector | None = None) -> Flat:
        """Return (B, N, D) float32: what each prosumer of B communities observes. Arguments as in `communities`."""
        own, common = self._own.gather(rows), self._common.gather(rows)
        first = own.shape[-1]
        seen = np.empty((*own.shape[:2], first + common.shape[-1]), dtype=np.float32)
        seen[..., :first], seen[..., first:] = own, common[:, None]
        seen[..., SOC_OF_PROSUMER] = shown_soc(self.community, soc)
        if floor_kw is not None:
            seen[..., FLOOR_OF_PROSUMER] = shown_floor(floor_kw)
        return seen

    def known(self, rows: Index) -> Known:
        """Return what is known at R steps of the series."""
        series = self._series
        size = series.n_prosumers
        demand, pv = (Outlook(*forecaster.rows(rows)) for forecaster in self._forecasters)
        # A mean over equal numbers, as it is of an observation that has the intensity once a prosumer.
        carbon = np.repeat(series.carbon_kg_per_kwh[rows][:, None], size, axis=1).mean(axis=1)
        return Known(
            demand_kw=series.demand_kw[rows],
            pv_kw=series.pv_kw[rows],
            demand_ahead=demand,
            pv_ahead=pv,
            allowance=self._allowance(rows),
            prices=np.column_stack([series.retail_price[rows], series.feed_in_price[rows], carbon]),
            published=series.retail_price[horizon_table(rows, self.horizon, series.n_steps)],
            daytime=day_angle(series.time[rows]),
        )

    def _allowance(self, rows: Index) -> Allowance:
        """Return what limits R steps; worked out once for each set of limits."""
        numbers = self._world.which(rows).tolist()
        for number in set(numbers) - set(self._allowances):
            self._allowances[number] = allowance_of(self.community, self._world.limits[number])
        return Allowance(*map(np.stack, zip(*(self._allowances[number] for number in numbers), strict=True)))


class LazyRows:
    """A table whose rows are made when they are first asked for.

    Args:
        count: T, its number of rows.
        make: Returns the rows (R, …) of R steps.
    """

    def __init__(self, count: int, make: Callable[[Index], Flat]) -> None:
        self._count, self._make = count, make
        self._table = np.empty((count, *make(np.zeros(1, dtype=np.int64)).shape[1:]), dtype=np.float32)
        self._is_made = np.zeros(-(-count // BLOCK), dtype=bool)

    def gather(self, rows: Index) -> Flat:
        """Return (B, …) a copy of the rows."""
        blocks = rows // BLOCK
        made = self._is_made[blocks]
        if np.count_nonzero(made) < made.size:
            for block in np.unique(blocks[~made]).tolist():
                missing = np.arange(block * BLOCK, min((block + 1) * BLOCK, self._count))
                self._table[missing] = self._make(missing)
                self._is_made[block] = True
        return self._table.take(rows, axis=0)
