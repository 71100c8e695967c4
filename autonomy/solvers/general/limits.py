"""What general solvers may take and be given, and what of theirs is believed."""

from __future__ import annotations

TIME_LIMIT_S = 1.0
"""s, for solvers that know a time limit; the others are bounded by their iterations."""
LARGEST = 1e12
"""Largest finite number a solver is shown; from 1e20 on some take numbers for infinite, and squares overflow."""
INFEASIBILITY = 1e-6
"""Amount by which an answer called solved may leave a bound."""
RESIDUAL = 1e-6
"""Relative error of stationarity up to which an answer is called solved."""
GAP = 1e-6
"""Relative duality gap up to which an answer is called solved."""
