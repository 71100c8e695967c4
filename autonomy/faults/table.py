"""The matrix as tables of text, for a terminal and for a page alike."""

from __future__ import annotations

from collections.abc import Sequence

from autonomy.benchmark.table import Table
from autonomy.faults.matrix import NONE, OURS
from autonomy.faults.result import Result
from autonomy.faults.row import Row, rows_by
from autonomy.report.quantity import MISSING, duration, percent, quantity

FOUND_SELDOM = 0.5
"""Share of the runs below which a fault that was found counts as a blind spot."""
NOTE = (
    "violated: runs that broke a rule of the true physical state, and the Clopper-Pearson bound (95 %) of their share; "
    "still: those that did so in or after the step in which the fault was found; found: runs with a doubt that the "
    "fault-free twin did not have, of those that the fault changed; after: steps from onset to that, median / 95th "
    "percentile; shed, curtailed: kWh a run beyond the twin; fallback: share of the steps from the onset on; back: "
    "steps from the fault's end until all doubts were gone, median (+: not gone in some run)."
)


def tables(results: Sequence[Result], controllers: Sequence[str]) -> tuple[Table, ...]:
    """Return all tables: by fault, by severity, by phase, by scope, and the blind spots."""
    faulty = [result for result in results if result.channel != NONE]
    return (
        _by("By channel (none: without a fault)", "The note of the next table says what the columns mean.", results,
            controllers, ("channel",)),
        _by("By fault", NOTE, faulty, controllers, ("channel", "kind")),
        _by("By severity", "", faulty, controllers, ("severity",)),
        _by("By phase", "", faulty, controllers, ("phase",)),
        _by("By scope", "", faulty, controllers, ("scope",)),
        blind_spots(faulty),
    )  # fmt: skip


def _by(title: str, note: str, results: Sequence[Result], controllers: Sequence[str], words: tuple[str, ...]) -> Table:
    rivals = [name for name in controllers if name != OURS]
    found = {
        (row.controller, *(getattr(row, word) for word in words)): row for row in rows_by(results, "controller", *words)
    }
    body = []
    for row in (row for row in found.values() if row.controller == OURS):
        key = tuple(getattr(row, word) for word in words)
        others = [found.get((name, *key)) for name in rivals]
        body.append((" ".join(key), *_cells(row, others)))
    head = (
        "fault" if len(words) > 1 else words[0],
        "runs",
        "violated",
        "still",
        *(f"by {name}" for name in rivals),
        "found",
    )
    rest = ("after", "shed", "curtailed", "fallback", "back", "slowest step")
    return Table(title=title, note=note, head=(*head, *rest), rows=tuple(body))


def _cells(row: Row, others: Sequence[Row | None]) -> tuple[str, ...]:
    return (
        str(row.runs),
        violated(row),
        str(row.violating_found),
        *(MISSING if other is None else violated(other) for other in others),
        MISSING if not row.effective else f"{row.detected} of {row.effective}",
        MISSING if not row.detected else f"{row.delay_p50:.0f} / {row.delay_p95:.0f}",
        quantity(row.shed_added_kwh, 1),
        quantity(row.curtailed_added_kwh, 1),
        percent(row.in_fallback + row.in_no_decision, 0),
        MISSING if not row.detected else f"{row.recovery_p50:.0f}{'+' if row.not_recovered else ''}",
        duration(row.latency_max_s),
    )


def violated(row: Row) -> str:
    """Return how many runs broke a rule, and the bound of their share."""
    return f"{row.violating} (<= {percent(row.violating_bound, 0)})"


def blind_spots(results: Sequence[Result]) -> Table:
    """Return every fault that our controller finds in less than half of the runs that it changes."""
    rows = [
        row
        for row in rows_by([result for result in results if result.controller == OURS], "channel", "kind", "severity")
        if row.effective and not row.detection_rate >= FOUND_SELDOM
    ]
    rows.sort(key=lambda row: (-row.violating / row.runs, -row.worst_line_kw))
    body = tuple(
        (
            f"{row.channel} {row.kind} {row.severity}",
            f"{row.detected} of {row.effective}",
            violated(row),
            row.rules or MISSING,
            quantity(row.worst_line_kw, 1),
            quantity(row.shed_added_kwh, 1),
            str(row.stops),
        )
        for row in rows
    )
    note = (
        f"Faults that {OURS} finds in less than half of the runs that they change, worst first; line: kW over a line "
        "limit at most; stops: batteries times steps that a battery management system or a rating stopped."
    )
    head = ("fault", "found", "violated", "rules, times broken", "line", "shed", "stops")
    return Table(title=f"Blind spots: {len(rows)}", note=note, head=head, rows=body)
