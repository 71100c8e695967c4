"""Split conformal prediction with the day as the exchangeable unit: thresholds, p-values, and what they promise.

If the scores of n calibration days and of the next day are exchangeable, the next one exceeds the k-th smallest of the
n with probability at most 1 − k/(n+1), whatever their distribution [Vovk2005]. k = ⌈(n+1)(1−α)⌉ makes that at most α.
That is an average over calibrations. Given the one calibration that is in use, the true rate of false alarms is
distributed as Beta(n+1−k, k) for independent days without ties [Vovk2012]; its 95 % quantile is the stated bound.
"""

from __future__ import annotations

from math import ceil, exp, isfinite, lgamma, log, log1p

import numpy as np

from autonomy.layers.arrays import Vector
from autonomy.layers.errors import ModelError

CONFIDENCE = 0.95


def rank_of(n_days: int, alpha: float) -> int:
    """Return k = ⌈(n+1)(1−α)⌉, the rank of the threshold among the calibration days.

    Raises:
        ModelError: there are too few days for such an α.
    """
    if not 0 < alpha < 1:
        raise ModelError("alpha", alpha, "a false-alarm rate between 0 and 1")
    rank = ceil((n_days + 1) * (1 - alpha) - 1e-9)
    if rank > n_days:
        raise ModelError(
            "n_days", n_days, f"at least {ceil(1 / alpha - 1e-9) - 1} calibration days for a rate of {alpha:g}"
        )
    return rank


def threshold(scores: Vector, alpha: float) -> float:
    """Return the score that a day exceeds with probability at most α; a day without a score counts as the lowest."""
    ordered = np.sort(np.nan_to_num(scores, nan=-np.inf))
    return float(ordered[rank_of(ordered.size, alpha) - 1])


def p_value(ordered: Vector, score: float) -> float:
    """Return (1 + #{calibration days with a score >= `score`})/(n + 1); `ordered` is ascending."""
    at_least = ordered.size - int(np.searchsorted(ordered, score, side="left"))
    return (1 + at_least) / (ordered.size + 1)


def rate_upper(n_days: int, alpha: float, confidence: float = CONFIDENCE) -> float:
    """Return what the true rate of false alarms does not exceed, with this confidence over calibrations."""
    rank = rank_of(n_days, alpha)
    return beta_quantile(confidence, n_days + 1 - rank, rank)


def beta_quantile(probability: float, a: int, b: int) -> float:
    """Return the quantile of Beta(a, b), a and b whole numbers >= 1, by bisection of its distribution function.

    P(Beta(a, b) <= x) = P(Binomial(a+b−1, x) >= a)
    """
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _binomial_tail(a, a + b - 1, middle) < probability else (low, middle)
    return (low + high) / 2


def clopper_pearson(hits: int, trials: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return the exact two-sided interval of a share of which `hits` of `trials` were seen [Clopper1934]."""
    tail = (1 - confidence) / 2
    low = 0.0 if hits == 0 else beta_quantile(tail, hits, trials - hits + 1)
    return low, 1.0 if hits == trials else beta_quantile(1 - tail, hits + 1, trials - hits)


def _binomial_tail(least: int, trials: int, share: float) -> float:
    """Return P(Binomial(trials, share) >= least)."""
    if share <= 0 or share >= 1:
        return float(share >= 1 or least <= 0)
    terms = (
        lgamma(trials + 1) - lgamma(k + 1) - lgamma(trials - k + 1) + k * log(share) + (trials - k) * log1p(-share)
        for k in range(least, trials + 1)
    )
    return min(1.0, sum(exp(term) for term in terms if isfinite(term)))
