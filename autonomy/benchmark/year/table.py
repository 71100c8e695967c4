"""Rows as a table in Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from autonomy.benchmark.year.measure import Row
from autonomy.report.quantity import MISSING, quantity
from autonomy.rollout import OPTIMUM
from autonomy.run import BASELINE

HEAD = ("method", "cost", "nothing costs less than", "gap", "share of the saving", "verdict", "CPU", "memory")


def lines(rows: Sequence[Row]) -> Iterator[str]:
    """Yield the lines of the table. Shares are of what the optimum saves; without it, of what the best bound allows."""
    costs = {row.method: row.cost for row in rows}
    best = costs.get(OPTIMUM, math.nan)
    best = best if math.isfinite(best) else max((row.bound for row in rows), default=math.nan)
    yield _line(HEAD)
    yield _line(("---", *["---:"] * 4, "---", *["---:"] * 2))
    for row in rows:
        yield _line(_cells(row, costs.get(BASELINE, math.nan), best))


def _cells(row: Row, baseline: float, best: float) -> tuple[str, ...]:
    gap = (row.cost - row.bound) / max(abs(row.cost), 1.0)
    share = (baseline - row.cost) / (baseline - best) if baseline > best else math.nan
    return (
        row.method,
        quantity(row.cost, 6),
        quantity(row.bound, 6) if math.isfinite(row.bound) else MISSING,
        f"{max(gap, 0.0):.1e}" if math.isfinite(gap) else MISSING,
        f"{100 * share:.5f} %" if math.isfinite(share) else MISSING,
        row.verdict or MISSING,
        f"{row.cpu_s:.1f} s" if row.cpu_s >= 10 else f"{row.cpu_s:.2f} s",
        f"{row.memory_gb:.2f} GB",
    )


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
