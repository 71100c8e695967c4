"""What a forecast says about the community as a whole; it is not trusted, and what is wrong with it has a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from autonomy.layers import physics
from autonomy.layers.arrays import Vector
from autonomy.layers.observation import Observation

COMMON_DEMAND = 0.1
"""Share of the variance of demand errors that all homes have in common; chosen on training weeks (docs/policies.md)."""


class OutlookError(ValueError):
    """A forecast that cannot be planned with; the text says why."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Outlook:
    """The next H steps of a community.

    Attributes:
        load_kw: (H,) kW that is expected to be needed beside the batteries, < 0 for a surplus.
        retail: (H,) currency/kWh of imports.
        feed_in: (H,) currency/kWh of exports, not above retail.
    """

    load_kw: Vector
    retail: Vector
    feed_in: Vector


def outlook_of(observation: Observation, size: int, carbon_price: float) -> Outlook:
    """Return what is expected.

    Args:
        observation: With a forecast, which may be anything.
        size: Number of prosumers.
        carbon_price: Currency/kWh to add to retail: no forecast says more of carbon than the present does.

    Raises:
        OutlookError: there is no forecast, or it makes no sense.
    """
    forecast = observation.forecast
    if forecast is None:
        raise OutlookError("there is no forecast")
    demand, pv = (_table(forecast, name, size) for name in ("demand_kw", "pv_kw"))
    steps = min(len(demand), len(pv))
    retail, feed_in = (_prices(forecast, name, steps) for name in ("retail_price", "feed_in_price"))
    load = demand[:steps].sum(axis=1) - pv[:steps].sum(axis=1)
    retail = retail + carbon_price
    return Outlook(load_kw=load, retail=retail, feed_in=np.minimum(feed_in, retail))


def spread_kw(observation: Observation, size: int, steps: int) -> Vector:
    """Return (H,) kW, the standard deviation of what the community needs, by the low and high of the forecast.

    σ_i = (high_i − low_i)/(2·z)      z = the normal quantile of the stated coverage
    σ² = (1 − ρ)·Σ σ_i² + ρ·(Σ σ_i)²  for demand, ρ = `COMMON_DEMAND`
    σ = Σ σ_i                         for PV: homes have one sky
    """
    forecast = observation.forecast
    coverage = float(getattr(forecast, "coverage", 1.0))
    demand, pv = (
        _table(forecast, f"{name}_high_kw", size, steps) - _table(forecast, f"{name}_low_kw", size, steps)
        for name in ("demand", "pv")
    )
    return spread_of(demand, pv, coverage)


def spread_of(demand_kw: Vector, pv_kw: Vector, coverage: float) -> Vector:
    """Return (...) kW, the formula of `spread_kw`, of (..., N) kW between low and high of demand and of PV.

    It is 0 where the stated coverage says nothing: 1 and more, or 0 and less.
    """
    if not 0.0 < coverage < 1.0:
        return np.zeros(demand_kw.shape[:-1])
    z = 2.0 * NormalDist().inv_cdf(0.5 + coverage / 2.0)
    demand, pv = np.maximum(demand_kw, 0.0), np.maximum(pv_kw, 0.0)
    own, common = np.einsum("...i,...i->...", demand, demand), demand.sum(axis=-1) ** 2
    variance = (1.0 - COMMON_DEMAND) * own + COMMON_DEMAND * common + pv.sum(axis=-1) ** 2
    result: Vector = np.sqrt(variance) / z
    return result


def _table(forecast: Any, name: str, size: int, steps: int | None = None) -> Vector:
    """Return the first `steps` rows of a table, or all."""
    try:
        values = np.asarray(getattr(forecast, name), dtype=np.float64)
    except (AttributeError, TypeError, ValueError):
        raise OutlookError(f"the forecast's {name} is not a table of numbers") from None
    if values.ndim != 2 or values.shape[0] < (steps or 1) or values.shape[1] != size:
        raise OutlookError(f"the forecast's {name} has shape {values.shape}; expected ({steps or 'H'}, {size})")
    if not 0.0 <= values.min(initial=0.0) <= values.max(initial=0.0) <= physics.IMPLAUSIBLE_KW:
        raise OutlookError(f"the forecast's {name} is not between 0 and {physics.IMPLAUSIBLE_KW:g} kW everywhere")
    return values[:steps]


def _prices(forecast: Any, name: str, steps: int) -> Vector:
    try:
        values = np.asarray(getattr(forecast, name), dtype=np.float64)
    except (AttributeError, TypeError, ValueError):
        raise OutlookError(f"the forecast's {name} is not a list of numbers") from None
    if values.ndim != 1 or values.size < steps:
        raise OutlookError(f"the forecast's {name} has shape {values.shape}; expected ({steps},)")
    if not np.abs(values).max() < np.inf:
        raise OutlookError(f"the forecast's {name} is not finite everywhere")
    return values[:steps]
