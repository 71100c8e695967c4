"""A time to stop at, on a clock that is handed in: the computer's, or a test's."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple, Self, TypeAlias

import numpy as np

Clock: TypeAlias = Callable[[], float]


class Deadline(NamedTuple):
    """When to stop.

    Attributes:
        end: Reading of the clock in seconds; inf for never.
        clock: Returns seconds since whenever.
    """

    end: float
    clock: Clock = time.perf_counter

    @classmethod
    def after(cls, seconds: float | None, clock: Clock = time.perf_counter) -> Self:
        """Return the deadline some seconds from now; never, for None."""
        return cls(np.inf if seconds is None else clock() + seconds, clock)

    @classmethod
    def of(cls, limit: float | Deadline | None) -> Deadline:
        """Return a deadline as it is, or one that is so many seconds from now."""
        return limit if isinstance(limit, Deadline) else cls.after(limit)

    @property
    def left_s(self) -> float | None:
        """Seconds left, at least 0; None for no end."""
        return None if self.end == np.inf else max(self.end - self.clock(), 0.0)

    @property
    def is_over(self) -> bool:
        """Whether it is time to stop."""
        return self.left_s == 0.0

    def share(self, fraction: float) -> Deadline:
        """Return the deadline at a fraction of what is left."""
        left = self.left_s
        return self if left is None else Deadline(self.end - (1.0 - fraction) * left, self.clock)
