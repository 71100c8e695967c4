"""A forecast by numerical weather models: the truth and a stated error, for want of a weather service in the package.

The error is made once for a whole series from a seed: an AR(1) path w over its steps,

    w(τ) = φ·w(τ − 1) + σ·√(1 − φ²)·ξ(τ),   ξ standard normal,   so w ~ N(0, σ²) everywhere.

A forecast issued at t knows w up to t, and of the rest what w(t) says of it, φ^(τ−t)·w(t). What it does not know,

    E(t, τ) = w(τ) − φ^(τ−t)·w(t) ~ N(0, σ²·(1 − φ^(2(τ−t)))),

is its error: none now, growing with the lead time towards σ, and one path over all lead times of a forecast. As τ comes
nearer its forecast gets better by steps that are independent of each other, as updates of a good weather service are.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np

from autonomy.forecasting.kind import Forecasters
from autonomy.forecasting.outlook import Outlook, freeze, horizon_rows, horizon_table
from autonomy.forecasting.sums import SumTable
from autonomy.layers.arrays import Index, Vector, frozen
from autonomy.layers.errors import ModelError

if TYPE_CHECKING:
    from autonomy.series import Series

COVERAGE = 0.8
"""Share of the truth between low and high: both are quantiles of the normal distribution that E is drawn from."""
Z = 1.2815515655446004
"""The 90 % quantile of the standard normal distribution."""
CLEAR_DAYS = 7
"""How many days before and after a step show how clear its sky can be."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Weather:
    """The truth and an AR(1) error, which grows with the lead time; not causal, because no truth is.

        demand = max(d(τ) − mean d·E, 0)                 each home has an error of its own
        PV     = min(g(τ)·exp(−E), clear(τ))             all homes have the same: they are under one sky

    with E as in the module's text; `clear` is the largest value at that time of day within a week before and after.
    Low and high are the expected value without its cut, at the 10 % and 90 % quantiles of E, cut the same way.

    Attributes:
        seed: Of the error; the same seed gives the same forecasts, whatever was asked before.
        demand_sigma: σ of the demand, a share of a home's mean demand, >= 0.
        demand_phi: φ of the demand, 0..1: the share of w that is still there an hour later.
        pv_sigma: σ of the logarithm of PV, >= 0.
        pv_phi: φ of PV, 0..1.

    Raises:
        ModelError: an attribute is out of its range.
    """

    seed: int = 0
    demand_sigma: float = 0.3
    demand_phi: float = 0.9
    pv_sigma: float = 0.25
    pv_phi: float = 0.95

    name = "weather"
    is_causal = False
    coverage = COVERAGE

    def __post_init__(self) -> None:
        if not isinstance(self.seed, int) or self.seed < 0:
            raise ModelError("seed", self.seed, "a whole number >= 0")
        for field in ("demand_sigma", "pv_sigma"):
            if not 0.0 <= getattr(self, field) < np.inf:
                raise ModelError(field, getattr(self, field), "a number >= 0")
        for field in ("demand_phi", "pv_phi"):
            if not 0.0 <= getattr(self, field) <= 1.0:
                raise ModelError(field, getattr(self, field), "a share in 0..1")

    def of(self, series: Series) -> Forecasters:
        """Return the forecasts of a series."""
        day, dt = series.steps_per_day, series.timestep_h
        demand_error = error_path([self.seed, 0], series.demand_kw.shape, self.demand_phi**dt)
        pv_error = error_path([self.seed, 1], (series.n_steps, 1), self.pv_phi**dt)
        scale = self.demand_sigma * series.demand_kw.mean(axis=0)
        demand = Additive(values_kw=series.demand_kw, scale_kw=frozen(scale))
        pv = Multiplicative(values_kw=series.pv_kw, sigma=self.pv_sigma, clear_kw=frozen(clear_sky(series.pv_kw, day)))
        return Forecasters(
            Disturbed(law=demand, path=demand_error, phi=self.demand_phi**dt, steps_per_day=day),
            Disturbed(law=pv, path=pv_error, phi=self.pv_phi**dt, steps_per_day=day),
        )


class Law(Protocol):
    """How an error changes a quantity."""

    def forecast(self, rows: slice | Index, error: Vector, spread: Vector) -> Outlook:
        """Return the forecast of rows of a series.

        Args:
            rows: Which, of shape S.
            error: (*S, N) or (*S, 1), the standardised error.
            spread: (*S, 1), half the standardised interval, >= 0.
        """


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Additive:
    """Truth minus scale times error, at least 0.

    Attributes:
        values_kw: (T, N) kW, the truth.
        scale_kw: (N,) kW.
    """

    values_kw: Vector
    scale_kw: Vector

    def forecast(self, rows: slice | Index, error: Vector, spread: Vector) -> Outlook:
        """Return the forecast of rows of the series."""
        raw, half = self.values_kw[rows] - self.scale_kw * error, self.scale_kw * spread
        return Outlook(*(np.maximum(values, 0.0) for values in (raw, raw - half, raw + half)))


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Multiplicative:
    """Truth times the exponential of minus sigma times error, at most what a clear sky gives.

    Attributes:
        values_kw: (T, N) kW, the truth.
        sigma: Standard deviation of the logarithm.
        clear_kw: (T, N) kW, no lower than the truth.
    """

    values_kw: Vector
    sigma: float
    clear_kw: Vector

    def forecast(self, rows: slice | Index, error: Vector, spread: Vector) -> Outlook:
        """Return the forecast of rows of the series."""
        truth, clear = self.values_kw[rows], self.clear_kw[rows]
        raw, factor = truth * np.exp(-self.sigma * error), np.exp(self.sigma * spread)
        return Outlook(*(np.minimum(values, clear) for values in (raw, raw / factor, raw * factor)))


@dataclass(frozen=True, kw_only=True, eq=False)
class Disturbed:
    """A series and a path of errors, as a forecast.

    Attributes:
        law: How an error changes the series.
        path: (T, N) or (T, 1), w of the module's text with σ = 1.
        phi: φ of a step.
        steps_per_day: The horizon H.
    """

    law: Law
    path: Vector
    phi: float
    steps_per_day: int

    def outlook(self, step: int) -> Outlook:
        """Return (H, N) kW: what is expected at `step` of the H steps after it."""
        rows = horizon_rows(step, self.steps_per_day, self.path.shape[0])
        keep, spread = self._by_lead if isinstance(rows, slice) else (part[rows - step] for part in self._all_leads)
        return freeze(self.law.forecast(rows, self.path[rows] - keep * self.path[step], spread))

    def rows(self, steps: Index) -> Outlook:
        """Return (B, H, N) kW: the outlooks of B steps."""
        steps = np.asarray(steps)
        rows = horizon_table(steps, self.steps_per_day, self.path.shape[0])
        keep, spread = (part[rows - steps[:, None]] for part in self._all_leads)
        return self.law.forecast(rows, self.path[rows] - keep * self.path[steps][:, None], spread)

    def sums(self, steps: Index) -> Outlook:
        """Return (B, H) kW: the outlooks of B steps, summed over the prosumers."""
        return self._sums.of(np.asarray(steps))

    @cached_property
    def _sums(self) -> SumTable:
        return SumTable(self.rows, steps=self.path.shape[0], horizon=self.steps_per_day)

    @cached_property
    def _all_leads(self) -> tuple[Vector, Vector]:
        """(H + 1, 1) each: φ^h, and half the standardised interval, of lead times h = 0 … H."""
        keep = self.phi ** np.arange(self.steps_per_day + 1.0)[:, None]
        return keep, Z * np.sqrt(1.0 - keep**2)

    @cached_property
    def _by_lead(self) -> tuple[Vector, Vector]:
        keep, spread = self._all_leads
        return keep[1:], spread[1:]


def error_path(seed: list[int], shape: tuple[int, ...], phi: float) -> Vector:
    """Return a (T, N) stationary AR(1) path of unit variance; the first steps do not depend on T."""
    path = np.random.default_rng(seed).standard_normal(shape)
    path[1:] *= np.sqrt(1.0 - phi**2)
    for step in range(1, shape[0]):
        path[step] += phi * path[step - 1]
    path.flags.writeable = False
    return path


def clear_sky(values_kw: Vector, steps_per_day: int) -> Vector:
    """Return (T, N) the largest value at the same time of day within `CLEAR_DAYS` days before and after."""
    clear = values_kw.copy()
    for days in range(1, CLEAR_DAYS + 1):
        away = days * steps_per_day
        if away >= values_kw.shape[0]:
            break
        np.maximum(clear[away:], values_kw[:-away], out=clear[away:])
        np.maximum(clear[:-away], values_kw[away:], out=clear[:-away])
    return clear
