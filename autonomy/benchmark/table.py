"""Results as tables of text, for a terminal and for a page of documentation alike."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from autonomy.benchmark.methods import EXACT
from autonomy.benchmark.projection import Results
from autonomy.benchmark.row import Outcome, Row
from autonomy.report.quantity import MISSING, duration, quantity

WRONG = "†"
"""Marks a latency when some answers were not right; each of these was charged the time limit."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """A table of text.

    Attributes:
        title: What is in it.
        note: How to read it; may be empty.
        head: Name of each column; the first column is text, the others are numbers.
        rows: As many texts each as `head`.
    """

    title: str
    note: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def tables(results: Results) -> tuple[Table, ...]:
    """Return all tables of a run."""
    batches = [row for row in results.rows if row.kind == "batch"]
    last = (batch(batches),) if batches else ()
    return (*_by_size(results), quality(results.rows), floor(results.rows), *last)


def _by_size(results: Results) -> Iterator[Table]:
    slowest = f"Median, slowest regime; {WRONG} some answers were wrong, each charged the time limit."
    least = (
        f"Ratio of medians to {EXACT!r} in the same run, smallest of the regimes; failures are charged nothing here."
    )
    paired = "The same when methods take turns: median of the ratios of two calls in the same round."
    for topology in results.settings.topologies:
        rows = [row for row in results.rows if row.topology == topology and row.kind != "batch"]
        yield _sized(f"Latency in a tight loop, {topology}", slowest, rows, latency)
        turns = "Median, slowest regime; cases without a right answer are left out, here and in the ratios."
        yield _sized(f"Latency when methods take turns, {topology}", turns, rows, _turns)
        yield _sized(f"Times {EXACT}, tight loop, {topology}", least, rows, _hot_ratio)
        yield _sized(f"Times {EXACT}, taking turns, {topology}", paired, rows, _interleaved_ratio)


def _sized(title: str, note: str, rows: Sequence[Row], render: Callable[[Sequence[Row]], str]) -> Table:
    sizes = sorted({row.n for row in rows})
    body = tuple(
        (method, *(render([row for row in rows if (row.method, row.n) == (method, n)]) for n in sizes))
        for method in dict.fromkeys(row.method for row in rows)
    )
    return Table(title=title, note=note, head=("method", *(f"{n:,}" for n in sizes)), rows=body)


def latency(rows: Sequence[Row]) -> str:
    """Return the slowest regime's charged median of the tight loop, or why there is none."""
    slow = [row.charged_p50_s for row in rows if not math.isnan(row.charged_p50_s)]
    if not slow:
        return "not installed" if any(row.outcome is Outcome.NOT_INSTALLED for row in rows) else MISSING
    stopped = any(row.outcome in (Outcome.TIME_LIMIT, Outcome.FAILED) for row in rows)
    wrong = any(row.right < row.judged for row in rows if row.kind != "floor")
    return f"{duration(max(slow))}{WRONG if wrong or stopped else ''}"


def _turns(rows: Sequence[Row]) -> str:
    found = [row.interleaved_p50_s for row in _answering(rows) if not math.isnan(row.interleaved_p50_s)]
    return duration(max(found)) if found else MISSING


def _answering(rows: Sequence[Row]) -> list[Row]:
    """Return the rows with a right answer: to decline quickly is not to be fast."""
    return [row for row in rows if row.right or row.kind == "floor"]


def _hot_ratio(rows: Sequence[Row]) -> str:
    return times([row.hot_ratio for row in _answering(rows)])


def _interleaved_ratio(rows: Sequence[Row]) -> str:
    return times([row.interleaved_ratio for row in _answering(rows)])


def times(ratios: Sequence[float]) -> str:
    """Return the smallest ratio with two or three digits."""
    found = [ratio for ratio in ratios if not math.isnan(ratio)]
    if not found:
        return MISSING
    least = min(found)
    return f"{quantity(least, 0 if least >= 99.5 else 1 if least >= 9.95 else 2)}×"


def quality(rows: Sequence[Row]) -> Table:
    """Return what the answers of each method were worth over all cases."""
    body = []
    for method in dict.fromkeys(row.method for row in rows):
        mine = [row for row in rows if row.method == method]
        ran = [row for row in mine if row.judged]
        counts = [sum(getattr(row, name) for row in ran) for name in ("judged", "claimed", "right", "lies")]
        stopped = sum(row.outcome in (Outcome.TIME_LIMIT, Outcome.FAILED) for row in mine)
        skipped = sum(row.outcome in (Outcome.NOT_RUN, Outcome.NOT_INSTALLED) for row in mine)
        figures = (_most([row.violation_kw for row in ran]), _most([row.gap for row in ran]))
        setup = [row.setup_s for row in mine if not math.isnan(row.setup_s)]
        body.append((method, *(f"{count:,}" for count in counts), *figures, duration(max(setup, default=math.nan))))
        body[-1] = (*body[-1], str(stopped), str(skipped))
    head = ("method", "answers", "claimed", "right", "lies", "worst kW", "worst gap", "setup", "stopped", "left out")
    note = (
        "Right: keeps every limit within 1e-6 kW and costs at most 1e-6 (relative) above the best certified bound. "
        "Lies: called solved, not right. Worst: of answers called solved, or of all when none was. Stopped: cases over "
        "the time limit or failed; left out: larger cases after that, or not installed."
    )
    return Table(title="What the answers are worth", note=note, head=head, rows=tuple(body))


def floor(rows: Sequence[Row]) -> Table:
    """Return how far the exact backend and the clip are from moving their bytes at the measured bandwidth."""
    shown = [row for row in rows if row.kind in ("floor", "kernel") or row.method == EXACT]
    shown = [row for row in shown if not math.isnan(row.floor_ratio)]
    note = (
        "Median of the tight loop over the time that the measured triad bandwidth needs for the bytes that have to be "
        "moved, slowest regime. Below 1: the data is in a cache."
    )
    sizes = sorted({row.n for row in shown})
    body = []
    for topology in dict.fromkeys(row.topology for row in shown):
        for method in dict.fromkeys(row.method for row in shown):
            cells = []
            for n in sizes:
                mine = [r.floor_ratio for r in shown if (r.topology, r.method, r.n) == (topology, method, n)]
                cells.append(times([max(mine)]) if mine else MISSING)
            body.append((f"{method}, {topology}", *cells))
    head = ("method", *(f"{n:,}" for n in sizes))
    return Table(title="Against memory bandwidth", note=note, head=head, rows=tuple(body))


def batch(rows: Sequence[Row]) -> Table:
    """Return what a scenario costs when many are solved in one call."""
    body = tuple(
        (f"{r.topology}, {r.regime}", f"{r.n:,}", f"{r.batch:,}", duration(r.hot_p50_s), times([1.0 / r.hot_ratio]))
        for r in rows
    )
    return Table(
        title="Many scenarios in one call",
        note="Median time of a scenario, and how many times longer one takes that is solved on its own.",
        head=("case", "N", "scenarios", "per scenario", "one by one"),
        rows=body,
    )


def _most(values: Sequence[float]) -> str:
    found = [value for value in values if not math.isnan(value)]
    return f"{max(found):.0e}" if found else MISSING
