"""What an answer is measured against: the best lower bound that any method's multipliers prove."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np


class Bounded(Protocol):
    """A judged answer."""

    @property
    def instance(self) -> int:
        """Number of the instance."""
        ...

    @property
    def objective(self) -> float:
        """What the answer costs."""
        ...

    @property
    def bound(self) -> float:
        """Lower bound on the optimum that its multipliers prove, -inf for none."""
        ...


def best_bounds(judged: Sequence[Bounded], instances: int) -> list[float]:
    """Return the best lower bound on each instance's optimum that any method's multipliers prove."""
    best = [-np.inf] * instances
    for item in judged:
        best[item.instance] = max(best[item.instance], item.bound)
    return best


def relative_gap(item: Bounded, bounds: Sequence[float]) -> float:
    """Return (objective − best bound)/(1 + |best bound|), < 0 only for a point that breaks a limit; NaN without one."""
    best = bounds[item.instance]
    return (item.objective - best) / (1.0 + abs(best)) if np.isfinite(best) else np.nan
