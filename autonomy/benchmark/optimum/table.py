"""Results of the optimum benchmark as tables of text."""

from __future__ import annotations

import math
from collections.abc import Sequence

from autonomy.benchmark.optimum.methods import ALONE, FAST, REFERENCE
from autonomy.benchmark.optimum.row import OptimumRow
from autonomy.benchmark.row import Outcome
from autonomy.benchmark.table import Table
from autonomy.report.quantity import MISSING, duration, quantity

UNLIKE = "≠"


def optimum_tables(rows: Sequence[OptimumRow]) -> tuple[Table, ...]:
    """Return who agrees with the reference, and what each size costs."""
    agreement = [row for row in rows if row.part == "agreement"]
    speed = [row for row in rows if row.part == "speed"]
    found = (_agreement(agreement), _kinds(agreement)) if agreement else ()
    return (*found, *(_speed(speed, window) for window in dict.fromkeys(row.window for row in speed)))


def _agreement(rows: Sequence[OptimumRow]) -> Table:
    body = []
    for method in dict.fromkeys(row.method for row in rows):
        mine = [row for row in rows if row.method == method]
        ran = [row for row in mine if not math.isnan(row.difference)]
        unstated = sum(row.outcome in (Outcome.NOT_RUN, Outcome.NOT_INSTALLED) for row in mine)
        worst = max((abs(row.difference) for row in ran), default=math.nan)
        broken = sum(row.violations > 0 for row in ran)
        total = [row.charged_s for row in mine if not math.isnan(row.charged_s)]
        cells = (str(sum(row.is_equal for row in ran)), str(len(mine) - len(ran) - unstated), str(unstated))
        shown = MISSING if math.isnan(worst) else f"{worst:.0e}"
        body.append((method, *cells, shown, str(broken), duration(sum(total))))
    return Table(
        title=f"Agreement on {len({row.window for row in rows})} small windows",
        note=f"Objectives against {REFERENCE!r}: equal within 1e-6, failed, not stated or not installed, largest "
        "relative difference; windows in which the simulator counts a broken rule; all windows together. "
        f"{ALONE!r} leaves out neighbours and lines, so it is not expected to agree.",
        head=("method", "equal", "failed", "not stated", "difference", "broken", "time"),
        rows=tuple(body),
    )


def _kinds(rows: Sequence[OptimumRow]) -> Table:
    methods = [method for method in dict.fromkeys(row.method for row in rows) if method != ALONE]
    kinds = list(dict.fromkeys(_kind(row) for row in rows))
    body = []
    for kind in kinds:
        of_kind = [row for row in rows if _kind(row) == kind]
        fast = [row for row in of_kind if row.method == FAST]
        exact = sum(row.binaries == 0 for row in fast)
        cells = []
        for method in methods:
            mine = [row for row in of_kind if row.method == method and not math.isnan(row.difference)]
            worst = max((abs(row.difference) for row in mine), default=math.nan)
            cells.append(MISSING if math.isnan(worst) else f"{worst:.0e}")
        body.append((kind, f"{exact} of {len(fast)}" if fast else MISSING, *cells))
    return Table(
        title="Agreement by kind",
        note="In how many windows the linear program of the arrays is exact; then the largest relative difference.",
        head=("kind", "LP exact", *methods),
        rows=tuple(body),
    )


def _speed(rows: Sequence[OptimumRow], window: str) -> Table:
    mine = [row for row in rows if row.window == window]
    body = []
    for row in mine:
        unlike = f" {UNLIKE}" if abs(row.difference) > 0 and not row.is_equal else ""
        times = (duration(x) for x in (row.cold_build_s, row.cold_solve_s, row.hot_build_s, row.hot_solve_s))
        ratios = (_times(x) for x in (row.build_ratio, row.solve_ratio, row.total_ratio))
        carried = f"{quantity(row.carried_cost, 2)}{f' ({row.violations} broken)' if row.violations else ''}"
        said = quantity(row.objective, 2) + unlike if row.outcome is Outcome.RAN else str(row.outcome)
        body.append((row.method, said, carried, f"{row.binaries:,}", *times, *ratios))
    count = max((row.windows for row in mine), default=0)
    return Table(
        title=f"Speed on {window}",
        note=f"{count} windows of the demo's year, methods taking turns. Cold: the first one; hot: median of the rest. "
        f"Ratios to {FAST!r}, hot; in total an unsolved window is charged the time limit. Cost: as the method states "
        f"it ({UNLIKE}: not the reference's), and as the simulator carries it out. Pyomo's build hands the model over "
        "to HiGHS; the others do that in solve.",
        head=(
            "method", "cost", "carried", "binaries", "build, cold", "solve, cold", "build, hot", "solve, hot",
            "× build", "× solve", "× total",
        ),
        rows=tuple(body),
    )  # fmt: skip


def _kind(row: OptimumRow) -> str:
    return row.window.partition(" ")[2]


def _times(ratio: float) -> str:
    return MISSING if math.isnan(ratio) else f"{quantity(ratio, 0 if ratio >= 9.95 else 1)}×"
