"""Figures of timed calls, the same for every benchmark."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from autonomy.benchmark.clock import NANO
from autonomy.benchmark.row import Outcome
from autonomy.solvers.allocation import Vector


def charged_s(outcome: Outcome, hot: Vector | None, right: Sequence[bool], limit_s: float) -> float:
    """Return the median of the tight loop, calls on instances without a right answer charged the time limit."""
    if outcome in (Outcome.NOT_INSTALLED, Outcome.NOT_RUN):
        return float("nan")
    if hot is None:
        return limit_s
    places = np.arange(hot.size) % len(right)
    return float(np.median(np.where(np.array(right)[places], hot, limit_s)))


def quantile(seconds: Vector | None, share: float) -> float:
    """Return a quantile, NaN where nothing was timed."""
    return float("nan") if seconds is None else float(np.quantile(seconds, share))


def paired(seconds: Vector | None, others: Vector | None) -> float:
    """Return the median of the ratios of two calls in the same round, NaN where one was not timed."""
    if seconds is None or others is None:
        return float("nan")
    return float(np.median(seconds / np.maximum(others, NANO)))


def worst(figures: Sequence[float]) -> float:
    """Return the largest of the numbers that are numbers; NaN when none is."""
    finite = [value for value in figures if not np.isnan(value)]
    return max(finite) if finite else float("nan")
