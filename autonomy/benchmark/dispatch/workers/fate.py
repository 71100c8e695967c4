"""Rows of cases whose process gave none: it died, or had to be ended."""

from __future__ import annotations

from autonomy.benchmark.dispatch.case import Case
from autonomy.benchmark.dispatch.play import failed
from autonomy.benchmark.dispatch.row import DispatchRow
from autonomy.benchmark.row import Outcome

GRACE_S = 5.0
"""Seconds beyond its time limit that a case has to stop by itself; then its process is ended."""
DIED = "the process that played it died"


def died(case: Case, time_limit_s: float, how: str) -> DispatchRow:
    """Return the row of a case whose process died every time it was played."""
    return failed(case, Outcome.FAILED, f"{DIED} {how}", time_limit_s)


def ended(case: Case, time_limit_s: float) -> DispatchRow:
    """Return the row of a case that did not stop after its limit, and whose process was ended for it."""
    message = f"took longer than {time_limit_s:g} s and did not stop; its process was ended"
    return failed(case, Outcome.TIME_LIMIT, message, time_limit_s)
