"""What the benchmark asks of a method: to state a window, and to solve what it has stated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from autonomy.benchmark.optimum.window import Window
from autonomy.errors import AutonomyError
from autonomy.layers.arrays import Vector


class UnstatedError(AutonomyError):
    """A method cannot state a window; the sentence says what it does not know."""


class UnsolvedError(AutonomyError):
    """A method has no answer, or does not call it optimal; the sentence says what its solver reports."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Answer:
    """What a method calls the cheapest dispatch.

    Attributes:
        objective: Currency, what it says the window costs.
        battery_kw: (T, N) kW, + = charge.
        curtail_kw: (T, N) kW >= 0.
        shed_kw: (T, N) kW >= 0.
        binaries: Binary variables that were used.
    """

    objective: float
    battery_kw: Vector
    curtail_kw: Vector
    shed_kw: Vector
    binaries: int


class Method(Protocol):
    """A way to state and to solve.

    Attributes:
        name: What it is called in tables.
    """

    name: str

    def state(self, window: Window) -> Any:
        """Return the window as this method's own model, unsolved.

        Raises:
            UnstatedError: it has something that the method does not know.
            ImportError: the library is not installed.
        """

    def solve(self, stated: Any, limit_s: float) -> Answer:
        """Solve what `state` returned.

        Raises:
            UnsolvedError: there is no optimal answer after `limit_s` seconds.
        """
