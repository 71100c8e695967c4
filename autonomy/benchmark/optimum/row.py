"""One line of the results: a method on a window. All fields are plain, so that a row is a line of a CSV file."""

from __future__ import annotations

import math
from dataclasses import dataclass

from autonomy.benchmark.row import Outcome

SCHEMA = "autonomy-benchmark-optimum/1"
NAN = math.nan
EQUAL = 1e-6
"""Relative difference of objectives up to which they are equal."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OptimumRow:
    """Figures of one method on one window, or on several of one size; NaN where there is none.

    Attributes:
        part: "agreement" for a small window with something special, "speed" for windows of the demo's year.
        method: Its name.
        window: Which window, or which size.
        homes: N.
        steps: T.
        outcome: Whether it ran, and if not, why not.
        message: One sentence when it did not run.
        objective: Currency, what it says the first window costs.
        difference: (objective − the reference's)/max(|the reference's|, 1), of all its windows the one furthest from 0.
        carried_cost: Currency, what the first window costs when its set-points are carried out in the simulator.
        violations: Rules broken on the way.
        binaries: Binary variables of the first window.
        windows: How many were solved.
        cold_build_s: Seconds to state the first window of the size; libraries are imported before.
        cold_solve_s: Seconds to solve it.
        hot_build_s: Median of the others.
        hot_solve_s: Likewise.
        charged_s: Median of build and solve together; a window that was not solved is charged the time limit.
        build_ratio: `hot_build_s` over that of the arrays.
        solve_ratio: `hot_solve_s` over that of the arrays.
        total_ratio: `charged_s` over that of the arrays.
    """

    part: str
    method: str
    window: str
    homes: int
    steps: int
    outcome: Outcome
    message: str = ""
    objective: float = NAN
    difference: float = NAN
    carried_cost: float = NAN
    violations: int = 0
    binaries: int = 0
    windows: int = 0
    cold_build_s: float = NAN
    cold_solve_s: float = NAN
    hot_build_s: float = NAN
    hot_solve_s: float = NAN
    charged_s: float = NAN
    build_ratio: float = NAN
    solve_ratio: float = NAN
    total_ratio: float = NAN

    @property
    def is_equal(self) -> bool:
        """Whether its objectives are the reference's."""
        return abs(self.difference) <= EQUAL
