"""Results of the horizon benchmark as tables of text."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from autonomy.benchmark.horizon.methods import STRUCTURED
from autonomy.benchmark.horizon.row import HorizonRow
from autonomy.benchmark.row import Outcome
from autonomy.benchmark.table import WRONG, Table, times
from autonomy.report.quantity import MISSING, duration


def horizon_tables(rows: Sequence[HorizonRow]) -> tuple[Table, ...]:
    """Return latencies, ratios, and what the answers are worth."""
    charged = f"Median; {WRONG} some answers were wrong or late, each charged the time limit."
    return (
        _by_case("Latency in a tight loop", charged, rows, _latency),
        _by_case("Latency when methods take turns", "Median of all calls.", rows, lambda row: _text(row.turns_p50_s)),
        _by_case(
            f"Times {STRUCTURED}, tight loop",
            f"Ratio of medians to {STRUCTURED!r} in the same run; methods with a wrong answer are left out.",
            rows,
            lambda row: _ratio(row, row.hot_ratio),
        ),
        _by_case(
            f"Times {STRUCTURED}, taking turns",
            "The same when methods take turns: median of the ratios of two calls in the same round.",
            rows,
            lambda row: _ratio(row, row.turns_ratio),
        ),
        worth(rows),
    )


def worth(rows: Sequence[HorizonRow]) -> Table:
    """Return what the answers of each method were worth over all cases."""
    body = []
    for method in dict.fromkeys(row.method for row in rows):
        mine = [row for row in rows if row.method == method]
        counts = [sum(getattr(row, name) for row in mine) for name in ("judged", "claimed", "right", "both_answers")]
        both, pairs = sum(row.both_pairs for row in mine), sum(row.pairs for row in mine)
        worst = [_most([getattr(row, name) for row in mine]) for name in ("violation", "gap", "carried_kw")]
        stopped = sum(row.outcome is not Outcome.RAN for row in mine)
        body.append((method, *(f"{count:,}" for count in counts), f"{both:,} of {pairs:,}", *worst, str(stopped)))
    return Table(
        title="What the answers are worth",
        note="Right: violation at most 1e-6, relative gap to the best certified bound at most 1e-7, and when discharge "
        "less charge is carried out as one number, every need is met. Both: answers, and pairs of a step and a "
        "battery, in which charge and discharge are both above 1e-6 kW. Not run: cases over the time limit, failed, "
        "left out after that, or not installed.",
        head=("method", "answers", "claimed", "right", "both", "pairs", "violation", "gap", "carried kW", "not run"),
        rows=tuple(body),
    )


def _by_case(title: str, note: str, rows: Sequence[HorizonRow], render: Callable[[HorizonRow], str]) -> Table:
    cases = list(dict.fromkeys((row.steps, row.n) for row in rows))
    found = {(row.method, row.steps, row.n): render(row) for row in rows}
    body = tuple(
        (method, *(found.get((method, *case), MISSING) for case in cases))
        for method in dict.fromkeys(row.method for row in rows)
    )
    head = ("method", *(f"H = {steps}, N = {n:,}" for steps, n in cases))
    return Table(title=title, note=note, head=head, rows=body)


def _latency(row: HorizonRow) -> str:
    if math.isnan(row.charged_p50_s):
        return "not installed" if row.outcome is Outcome.NOT_INSTALLED else MISSING
    return f"{duration(row.charged_p50_s)}{WRONG if row.right < row.judged or row.outcome is not Outcome.RAN else ''}"


def _text(seconds: float) -> str:
    return MISSING if math.isnan(seconds) else duration(seconds)


def _ratio(row: HorizonRow, ratio: float) -> str:
    return times([ratio]) if row.judged and row.right == row.judged else MISSING


def _most(values: Sequence[float]) -> str:
    found = [value for value in values if not math.isnan(value)]
    return f"{max(found):.0e}" if found else MISSING
