"""The operating domain: what demand, generation and stored energy are taken to be able to be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autonomy.layers.arrays import Mask, Vector, all_true, frozen_vector, require
from autonomy.layers.community import Community
from autonomy.layers.errors import ModelError
from autonomy.series import Series

BY_DAY = 0.05
"""Common sun from which roofs are compared; with less, the ratio of two small numbers says nothing."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Domain:
    """A box of demands, of generation under one sky, and of stored energy; sums below lines may be narrower.

        dmin <= d <= dmax          base·Σ dmax <= Σ d <= coincidence·Σ dmax                    below every line
        γ·max(1 − δ, 0)·peak <= g <= min(γ·(1 + δ), 1)·peak,   Σ g = γ·Σ peak       one γ in [sun_lower, sun_upper]
        e / capacity in [soc_lower, soc_upper]

    Attributes:
        community: Whose domain.
        demand_lower_kw: (N,) kW >= 0, dmin.
        demand_upper_kw: (N,) kW >= dmin, dmax.
        pv_peak_kw: (N,) kW >= 0, generation under the full sun.
        pv_spread: (N,) fraction >= 0, δ: how far a roof can be off the common sun.
        sun_lower: Fraction 0..1, the least common irradiance.
        sun_upper: Fraction sun_lower..1, the most.
        soc_lower: (N,) fraction of the capacity, inside the battery's band.
        soc_upper: (N,) fraction >= soc_lower, likewise.
        coincidence: (M,) fraction 0..1 of the sum of the peaks below a line; 1 for none.
        base: (M,) fraction 0..coincidence of the sum of the peaks; 0 for none.

    Raises:
        ModelError: a field has the wrong shape or is out of its range.
    """

    community: Community
    demand_lower_kw: Vector
    demand_upper_kw: Vector
    pv_peak_kw: Vector
    pv_spread: Vector = 0.0  # type: ignore[assignment]  # scalars become arrays in __post_init__
    sun_lower: float = 0.0
    sun_upper: float = 1.0
    soc_lower: Vector = None  # type: ignore[assignment]
    soc_upper: Vector = None  # type: ignore[assignment]
    coincidence: Vector = 1.0  # type: ignore[assignment]
    base: Vector = 0.0  # type: ignore[assignment]

    def __post_init__(self) -> None:
        community = self.community
        size, lines = community.n_prosumers, community.network.n_lines
        for name, default in (("soc_lower", community.soc_min), ("soc_upper", community.soc_max)):
            object.__setattr__(self, name, default if getattr(self, name) is None else getattr(self, name))
        for name in ("demand_lower_kw", "demand_upper_kw", "pv_peak_kw", "pv_spread", "soc_lower", "soc_upper"):
            object.__setattr__(self, name, frozen_vector(name, getattr(self, name), size))
        for name in ("coincidence", "base"):
            object.__setattr__(self, name, frozen_vector(name, getattr(self, name), lines))
        ordered = (self.demand_lower_kw <= self.demand_upper_kw) & (self.demand_upper_kw < np.inf)
        require("demand_lower_kw", self.demand_lower_kw, self.demand_lower_kw >= 0, "a number >= 0")
        require("demand_upper_kw", self.demand_upper_kw, ordered, "a finite number >= demand_lower_kw")
        peak = (self.pv_peak_kw >= 0) & (self.pv_peak_kw < np.inf)
        require("pv_peak_kw", self.pv_peak_kw, peak, "a finite number >= 0")
        spread = (self.pv_spread >= 0) & (self.pv_spread < np.inf)
        require("pv_spread", self.pv_spread, spread, "a finite fraction >= 0")
        if not 0 <= self.sun_lower <= self.sun_upper <= 1:
            raise ModelError("sun_lower", (self.sun_lower, self.sun_upper), "0 <= sun_lower <= sun_upper <= 1")
        band = (community.soc_min <= self.soc_lower) & (self.soc_lower <= self.soc_upper)
        require("soc_lower", self.soc_lower, band, "a fraction in soc_min..soc_upper")
        require("soc_upper", self.soc_upper, self.soc_upper <= community.soc_max, "a fraction <= soc_max")
        share = (self.base >= 0) & (self.base <= self.coincidence) & (self.coincidence <= 1)
        require("base", self.base, share, "0 <= base <= coincidence <= 1")

    @property
    def is_box(self) -> bool:
        """Whether nothing ties one prosumer to another, up to the common sun."""
        return all_true(self.coincidence == 1) and all_true(self.base == 0)

    def holds(self, demand_kw: Vector, pv_kw: Vector) -> Mask:
        """Return (T,) which of (T, N) steps lie inside, in floats; stored energy is not looked at."""
        incidence, tiny = self.community.network.incidence, 1e-9
        peaks = incidence @ self.demand_upper_kw
        sums = demand_kw @ incidence.T
        inside = (self.demand_lower_kw - tiny <= demand_kw) & (demand_kw <= self.demand_upper_kw + tiny)
        shared = (self.base * peaks - tiny <= sums) & (sums <= self.coincidence * peaks + tiny)
        return inside.all(axis=1) & shared.all(axis=1) & self._under_one_sun(pv_kw)

    def _under_one_sun(self, pv_kw: Vector) -> Mask:
        sun = pv_kw.sum(axis=1) / max(float(self.pv_peak_kw.sum()), 1e-12)
        given, tiny = sun[:, None] * self.pv_peak_kw, 1e-9
        low, high = (
            given * np.maximum(1.0 - self.pv_spread, 0.0),
            np.minimum(given * (1.0 + self.pv_spread), self.pv_peak_kw),
        )
        spread = ((low - tiny <= pv_kw) & (pv_kw <= high + tiny)).all(axis=1)
        return np.asarray(spread & (self.sun_lower - tiny <= sun) & (sun <= self.sun_upper + tiny))


def domain_of(
    community: Community,
    series: Series,
    *,
    quantile: float = 1.0,
    margin: float = 0.1,
    soc_lower: Vector | float | None = None,
    soc_upper: Vector | float | None = None,
) -> Domain:
    """Return the domain that holds a series, with a margin beyond it.

    Peaks of demand and generation are the quantile over time, a margin higher; the lowest demand is a margin lower.
    Coincidence below a line is the largest sum as a share of the sum of those peaks, a margin higher (at most 1), and
    the base the smallest, a margin lower. The common sun of a step is Σ g / Σ peak, at most the quantile, a margin
    higher; the spread of a roof is the quantile of how far it was off by day (sun >= `BY_DAY`). Powers are rounded
    outward to whole watts, fractions to thousandths, so that sums are whole milliwatts.

    Args:
        community: Batteries and network.
        series: Demand and generation.
        quantile: Of each quantity over time, 0..1; 1 for the largest.
        margin: Fraction added to what was seen.
        soc_lower: Fraction of the capacity that is at least stored; None for the lower end of the band.
        soc_upper: Fraction that is at most stored; None for the upper end.
    """
    demand, pv = series.demand_kw, series.pv_kw
    upper = _up((1.0 + margin) * np.quantile(demand, quantile, axis=0), 1e3)
    lower = _down((1.0 - margin) * np.quantile(demand, 1.0 - quantile, axis=0), 1e3)
    peak = _up((1.0 + margin) * np.quantile(pv, quantile, axis=0), 1e3)
    incidence = community.network.incidence
    peaks = np.maximum(incidence @ upper, 1e-12)
    shares = (demand @ incidence.T) / peaks
    sun = pv.sum(axis=1) / max(float(peak.sum()), 1e-12)
    return Domain(
        community=community,
        demand_lower_kw=lower,
        demand_upper_kw=upper,
        pv_peak_kw=peak,
        pv_spread=_spread(pv, sun, peak, quantile),
        sun_upper=min(float(_up((1.0 + margin) * np.quantile(sun, quantile), 1e3)), 1.0),
        soc_lower=community.soc_min if soc_lower is None else np.broadcast_to(soc_lower, upper.shape),
        soc_upper=community.soc_max if soc_upper is None else np.broadcast_to(soc_upper, upper.shape),
        coincidence=np.minimum(_up((1.0 + margin) * np.quantile(shares, quantile, axis=0), 1e3), 1.0),
        base=_down((1.0 - margin) * np.quantile(shares, 1.0 - quantile, axis=0), 1e3),
    )


def _spread(pv: Vector, sun: Vector, peak: Vector, quantile: float) -> Vector:
    """Return (N,) how far each roof was off the common sun by day, as a fraction."""
    day = sun >= BY_DAY
    if not day.any():
        return np.zeros(peak.size)
    expected = sun[day, None] * peak
    off = np.divide(pv[day], expected, out=np.ones_like(expected), where=expected > 0) - 1.0
    return _up(np.quantile(np.abs(off), quantile, axis=0), 1e3)


def _up(values: Vector, per_unit: float) -> Vector:
    return np.ceil(values * per_unit) / per_unit


def _down(values: Vector, per_unit: float) -> Vector:
    return np.floor(values * per_unit) / per_unit
