"""Results of the voltage benchmark as tables of text."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from autonomy.benchmark.row import Outcome
from autonomy.benchmark.table import WRONG, Table, times
from autonomy.benchmark.voltage.methods import TREE
from autonomy.benchmark.voltage.row import VoltageRow
from autonomy.report.quantity import MISSING, duration, percent, quantity


def voltage_tables(rows: Sequence[VoltageRow]) -> tuple[Table, ...]:
    """Return latencies, ratios, what the answers are worth, and what binds."""
    charged = f"Median; {WRONG} some answers were wrong or late, each charged the time limit."
    return (
        _by_size("Latency in a tight loop", charged, rows, _latency),
        _by_size("Latency when methods take turns", "Median of all calls.", rows, lambda row: _text(row.turns_p50_s)),
        _by_size(
            f"Times {TREE}, tight loop",
            f"Ratio of medians to {TREE!r} in the same run, on the instances answered right; {WRONG} not all were.",
            rows,
            lambda row: _ratio(row, row.hot_ratio),
        ),
        _by_size(
            f"Times {TREE}, taking turns",
            "The same when methods take turns: median of the ratios of two calls in the same round.",
            rows,
            lambda row: _ratio(row, row.turns_ratio),
        ),
        worth(rows),
        regime(rows),
    )


def worth(rows: Sequence[VoltageRow]) -> Table:
    """Return what the answers of each method were worth over all cases."""
    body = []
    for method in dict.fromkeys(row.method for row in rows):
        mine = [row for row in rows if row.method == method]
        counts = [sum(getattr(row, name) for row in mine) for name in ("judged", "claimed", "right")]
        worst = [_most([getattr(row, name) for row in mine]) for name in ("violation_kw", "excess_pu", "gap")]
        setup = [row.setup_s for row in mine if not math.isnan(row.setup_s)]
        stopped = sum(row.outcome is not Outcome.RAN for row in mine)
        figures = (*worst, duration(max(setup, default=math.nan)), str(stopped))
        body.append((method, *(f"{count:,}" for count in counts), *figures))
    return Table(
        title="What the answers are worth",
        note="Right: limits kept within 1e-6 kW and squared voltages within 1e-6 per unit, relative gap to the best "
        "certified bound at most 1e-7. Worst of all answers. Not run: sizes over the time limit, failed, left out "
        "after that, or not installed.",
        head=("method", "answers", "claimed", "right", "worst kW", "worst p.u.", "worst gap", "setup", "not run"),
        rows=tuple(body),
    )


def regime(rows: Sequence[VoltageRow]) -> Table:
    """Return what binds at each size."""
    found = {row.n: row for row in rows}
    body = tuple(
        (
            f"{n:,}",
            str(row.instances),
            percent(row.instances / row.draws, 0),
            quantity(row.bound, 1),
            percent(row.bound / n, 1),
            quantity(row.lines, 1),
            percent(row.lines / n, 1),
        )
        for n, row in found.items()
    )
    return Table(
        title="What binds",
        note="Instances in which no voltage binds are drawn again: the third column is the share that was kept. Then "
        "the voltages and the lines that bind at the minimiser, mean over the instances.",
        head=("buses", "instances", "kept", "voltages", "share", "lines", "share"),
        rows=body,
    )


def _by_size(title: str, note: str, rows: Sequence[VoltageRow], render: Callable[[VoltageRow], str]) -> Table:
    sizes = list(dict.fromkeys(row.n for row in rows))
    found = {(row.method, row.n): render(row) for row in rows}
    body = tuple(
        (method, *(found.get((method, n), MISSING) for n in sizes))
        for method in dict.fromkeys(row.method for row in rows)
    )
    return Table(title=title, note=note, head=("method", *(f"{n:,}" for n in sizes)), rows=body)


def _latency(row: VoltageRow) -> str:
    if math.isnan(row.charged_p50_s):
        return "not installed" if row.outcome is Outcome.NOT_INSTALLED else MISSING
    return f"{duration(row.charged_p50_s)}{WRONG if row.right < row.judged or row.outcome is not Outcome.RAN else ''}"


def _text(seconds: float) -> str:
    return MISSING if math.isnan(seconds) else duration(seconds)


def _ratio(row: VoltageRow, ratio: float) -> str:
    return MISSING if math.isnan(ratio) else f"{times([ratio])}{WRONG if row.right < row.instances else ''}"


def _most(values: Sequence[float]) -> str:
    found = [value for value in values if not math.isnan(value)]
    return f"{max(found):.0e}" if found else MISSING
