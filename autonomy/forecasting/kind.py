"""What a forecast has to offer: by step to a controller, by batches of steps to whoever plays many windows at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from autonomy.forecasting.outlook import Outlook
from autonomy.layers.arrays import Index

if TYPE_CHECKING:
    from autonomy.series import Series


class Forecaster(Protocol):
    """The forecast of one quantity of a series, H steps ahead, for every step 0 … T − 1 of it.

    Row h − 1 of the horizon is the step that lies h steps after the issue step; past the end of the series its last
    step stands for the missing ones. What is returned is read-only, or belongs to who asked for it.
    """

    @property
    def steps_per_day(self) -> int:
        """The horizon H: 24 hours."""

    def outlook(self, step: int) -> Outlook:
        """Return (H, N) kW: what is expected at `step` of the H steps after it."""

    def rows(self, steps: Index) -> Outlook:
        """Return (B, H, N) kW: the outlooks of B steps."""

    def sums(self, steps: Index) -> Outlook:
        """Return (B, H) kW: the outlooks of B steps, each of the three numbers summed over the prosumers."""


class Forecasters(NamedTuple):
    """The forecasts of a series.

    Attributes:
        demand: Of its demand.
        pv: Of its available generation.
    """

    demand: Forecaster
    pv: Forecaster


class ForecastKind(Protocol):
    """A way to forecast. Kinds are compared by value: equal ones share their tables (`Series.forecasters`)."""

    @property
    def name(self) -> str:
        """Its name in `KINDS`."""

    @property
    def is_causal(self) -> bool:
        """Whether a forecast depends on nothing that lies after its step."""

    @property
    def coverage(self) -> float:
        """The stated share of the truth between low and high."""

    def of(self, series: Series) -> Forecasters:
        """Return the forecasts of a series.

        Raises:
            ModelError: the step of the series does not divide a day.
        """
