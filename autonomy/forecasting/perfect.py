"""The perfect forecast: the truth, of which nobody knows more; a bound for the others, not a forecast."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from autonomy.forecasting.kind import Forecasters
from autonomy.forecasting.outlook import Outlook, freeze, horizon_rows, horizon_table
from autonomy.layers.arrays import Index, Vector

if TYPE_CHECKING:
    from autonomy.series import Series


@dataclass(frozen=True, slots=True)
class Perfect:
    """Demand and PV as they will be, low and high included."""

    name = "perfect"
    is_causal = False
    coverage = 1.0

    def of(self, series: Series) -> Forecasters:
        """Return the forecasts of a series."""
        day = series.steps_per_day
        return Forecasters(
            Truth(values_kw=series.demand_kw, steps_per_day=day), Truth(values_kw=series.pv_kw, steps_per_day=day)
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Truth:
    """A series as its own forecast.

    Attributes:
        values_kw: (T, N) kW.
        steps_per_day: The horizon H.
    """

    values_kw: Vector
    steps_per_day: int

    def outlook(self, step: int) -> Outlook:
        """Return (H, N) kW: what comes after `step`."""
        return _three(self.values_kw[horizon_rows(step, self.steps_per_day, self.values_kw.shape[0])])

    def rows(self, steps: Index) -> Outlook:
        """Return (B, H, N) kW: what comes after B steps."""
        return _three(self.values_kw[horizon_table(steps, self.steps_per_day, self.values_kw.shape[0])])

    def sums(self, steps: Index) -> Outlook:
        """Return (B, H) kW: what comes after B steps, summed over the prosumers."""
        return _three(self._sums[horizon_table(steps, self.steps_per_day, self.values_kw.shape[0])])

    @cached_property
    def _sums(self) -> Vector:
        sums: Vector = self.values_kw.sum(axis=1)
        return sums


def _three(values: Vector) -> Outlook:
    return freeze(Outlook(values, values, values))
