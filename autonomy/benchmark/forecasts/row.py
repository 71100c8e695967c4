"""One line of the results: a forecast of a quantity, a lead time, and whose weeks they are."""

from __future__ import annotations

from dataclasses import dataclass

SCHEMA = "autonomy-benchmark-forecasts/1"
DEMAND, PV = "demand", "PV"
TRAINING, HELD_OUT = "training", "held-out"


@dataclass(frozen=True, kw_only=True, slots=True)
class ForecastRow:
    """How a forecast fared.

    Attributes:
        forecast: Its name.
        quantity: `DEMAND` or `PV`.
        weeks: `TRAINING` or `HELD_OUT`.
        lead_h: Hours from the issue step to the step that is forecast.
        count: Numbers of prosumers and steps that were forecast.
        mean_kw: kW, mean of the truth over them.
        mae_kw: kW, mean absolute error of the expected value.
        nrmse: Root of the mean squared error, as a share of `mean_kw`.
        stated: Stated share of the truth between low and high.
        covered: Measured share.
        width_kw: kW, mean of high minus low.
    """

    forecast: str
    quantity: str
    weeks: str
    lead_h: float
    count: int
    mean_kw: float
    mae_kw: float
    nrmse: float
    stated: float
    covered: float
    width_kw: float
