"""The Clopper-Pearson bound: what a count of failures says about a probability."""

from __future__ import annotations

from math import exp, fsum, lgamma, log, log1p

CONFIDENCE = 0.95
"""Probability with which a bound is above the truth, at least."""


def upper_bound(failures: int, trials: int, confidence: float = CONFIDENCE) -> float:
    """Return the one-sided Clopper-Pearson upper bound of a probability [Clopper1934].

    It is the p at which so few failures would be seen with probability 1 − confidence only:

        Σ_{j <= failures} (trials choose j)·p^j·(1 − p)^(trials − j) = 1 − confidence

    For no failure it is 1 − (1 − confidence)^(1/trials). It assumes that trials are drawn independently; windows that
    overlap, or the same window with another fault, are not, so for sums over cells read it as an indication.
    """
    if trials <= 0 or failures >= trials:
        return 1.0
    low, high = failures / trials, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if _at_most(failures, trials, middle) > 1.0 - confidence:
            low = middle
        else:
            high = middle
    return high


def _at_most(failures: int, trials: int, p: float) -> float:
    """Return the probability of at most so many failures, 0 < p < 1; by logarithms, for they are many."""
    ways = lgamma(trials + 1)
    return fsum(
        exp(ways - lgamma(j + 1) - lgamma(trials - j + 1) + j * log(p) + (trials - j) * log1p(-p))
        for j in range(failures + 1)
    )
