"""Results of the benchmark of policies as tables of text."""

from __future__ import annotations

import math
from collections.abc import Sequence

from autonomy.benchmark.policies.row import PolicyRow
from autonomy.benchmark.policies.run import YARDSTICK
from autonomy.benchmark.table import Table
from autonomy.report.quantity import duration, percent, quantity


def policy_tables(rows: Sequence[PolicyRow], currency: str) -> tuple[Table, ...]:
    """Return what every policy costs, and what it gains on the yardstick."""
    compared = [row for row in rows if not math.isnan(row.gain)]
    return (_costs(rows, currency), *((_gains(compared, currency),) if compared else ()))


def _costs(rows: Sequence[PolicyRow], currency: str) -> Table:
    first = rows[0]
    return Table(
        title=f"{first.n_weeks} {first.weeks} week{'s' if first.n_weeks > 1 else ''}",
        note="share: (grid-only cost − cost)/(grid-only cost − perfect-foresight optimum), with 95 % of weeks drawn "
        "with replacement; stored energy at a week's end counts at the week's lowest retail price. Times are medians: "
        "of the policy's call, and of the controller's step with it.",
        head=("policy", "forecast", f"cost, {currency}", "share", "95 %", "policy", "step", "violations"),
        rows=tuple(
            (
                row.policy,
                row.forecast,
                quantity(row.cost),
                percent(row.share),
                f"{quantity(100 * row.share_low, 1)} … {quantity(100 * row.share_high, 1)}",
                duration(row.policy_p50_s),
                duration(row.step_p50_s),
                str(row.violations),
            )
            for row in rows
        ),
    )


def _gains(rows: Sequence[PolicyRow], currency: str) -> Table:
    return Table(
        title=f"beside {YARDSTICK} with the same forecast",
        note=f"gain: {currency} a week that the policy costs less, the mean over weeks and 95 % of weeks drawn with "
        "replacement, pair by pair.",
        head=("policy", "forecast", "gain", "95 %", "weeks better"),
        rows=tuple(
            (
                row.policy,
                row.forecast,
                quantity(row.gain),
                f"{quantity(row.gain_low)} … {quantity(row.gain_high)}",
                f"{row.weeks_better} of {row.n_weeks}",
            )
            for row in rows
        ),
    )
