"""Observations of many communities: all but the states of charge lies in the data, so a batch is a gather from a table.

The rows of a table are made when they are first asked for, a block at a time, and are `autonomy.observing.encode` and
`encode_each` to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from autonomy.forecasting import Forecasters, ForecastKind, Outlook, horizon_table
from autonomy.layers.arrays import Index, Vector
from autonomy.layers.community import Community
from autonomy.observing import SOC_OF_PROSUMER, Flat, Known, common_rows, community_rows, day_angle, own_rows, shown_soc
from autonomy.series import Series

BLOCK = 32
"""Rows that are made at once."""


class ObservationTable:
    """What is observed at every step of a series, but for the states of charge.

    Args:
        community: Who observes.
        series: The data.
        kind: How what comes next is forecast.

    Raises:
        ModelError: the step of the series does not divide a day.
    """

    def __init__(self, community: Community, series: Series, kind: ForecastKind) -> None:
        self.community, self._series = community, series
        self._forecasters: Forecasters = series.forecasters(kind)
        self.horizon = series.steps_per_day
        size = community.n_prosumers
        self._soc_of_community = slice(2 * size, 3 * size)
        self._all = LazyRows(series.n_steps, lambda rows: community_rows(self.known(rows), np.zeros((rows.size, size))))
        self._own = LazyRows(series.n_steps, lambda rows: own_rows(community, self.known(rows)))
        self._common = LazyRows(series.n_steps, lambda rows: common_rows(self.known(rows)))

    def communities(self, rows: Index, soc: Vector) -> Flat:
        """Return (B, D) float32: what B communities observe.

        Args:
            rows: (B,) steps of the series.
            soc: (B, N) states of charge, as fractions.
        """
        seen = self._all.gather(rows)
        seen[:, self._soc_of_community] = shown_soc(self.community, soc)
        return seen

    def prosumers(self, rows: Index, soc: Vector) -> Flat:
        """Return (B, N, D) float32: what each prosumer of B communities observes. Arguments as in `communities`."""
        own, common = self._own.gather(rows), self._common.gather(rows)
        first = own.shape[-1]
        seen = np.empty((*own.shape[:2], first + common.shape[-1]), dtype=np.float32)
        seen[..., :first], seen[..., first:] = own, common[:, None]
        seen[..., SOC_OF_PROSUMER] = shown_soc(self.community, soc)
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
            prices=np.column_stack([series.retail_price[rows], series.feed_in_price[rows], carbon]),
            published=series.retail_price[horizon_table(rows, self.horizon, series.n_steps)],
            daytime=day_angle(series.time[rows]),
        )


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
