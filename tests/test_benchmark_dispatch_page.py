"""The page of the dispatch benchmark: it says what the rows say, and does not call held what was not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from autonomy.benchmark.dispatch.case import Execution
from autonomy.benchmark.dispatch.page import finding, page
from autonomy.benchmark.dispatch.picture import Drawn
from autonomy.benchmark.dispatch.row import TERMINAL_RULE, DispatchRow
from autonomy.benchmark.dispatch.share import compared
from autonomy.benchmark.dispatch.summary import losses, summaries
from autonomy.benchmark.dispatch.table import dispatch_tables, optima_sentence
from autonomy.benchmark.machine import Machine
from autonomy.benchmark.row import Outcome
from tests.evidence import Page
from tests.test_benchmark_dispatch import row_of

MACHINE = Machine(
    processor="A processor",
    cores=2,
    memory_bytes=2**34,
    system="Linux",
    python="Python 3.12",
    versions={"numpy": "2.0"},
    triad_bytes_per_s=1e10,
    clock_overhead_s=1e-7,
)
ABOUT = {
    "command": "autonomy benchmark dispatch --policies mine",
    "date": "2026-11-26",
    "version": "9.8.7",
    "rival": "mine",
}
DRAWN = Drawn(shares="<svg id='drawn-shares'></svg>", pareto="<svg id='drawn-pareto'></svg>")


def rows_of(*communities: str, **mine: object) -> list[DispatchRow]:
    """Two weeks in which 30 of 40 is saved with the shield, and 38 without it for a broken limit in three steps."""
    rows = []
    for community in communities:
        for week in range(2):
            where = {"community": community, "week": week, "steps": 168}
            rows += [
                row_of("grid-only", 100.0, **where),
                row_of("optimum", 60.0, execution=Execution.KNOWN, verdict="EXACT", gap=3e-16, bound=60.0, **where),
                row_of("mine", 70.0, **{**where, **mine}),
                row_of(
                    "mine", 62.0, execution=Execution.UNSHIELDED, violations=4, unsafe_steps=3, worst_kw=7.5, **where
                ),
            ]
    return compared(rows)


def text_of(rows: list[DispatchRow]) -> str:
    return page(rows, summaries(rows, "mine"), losses(rows), DRAWN, ABOUT, MACHINE)


def test_the_page_holds_every_number_of_every_table_and_both_pictures() -> None:
    rows = rows_of("demo", "four")
    text = text_of(rows)
    read = Page(text)
    assert not read.unbalanced
    assert {svg["id"] for svg in read.having("svg")} == {"drawn-shares", "drawn-pareto"}
    for table in dispatch_tables(rows, summaries(rows, "mine"), losses(rows), "mine"):
        assert table.note in read.text
        assert all(cell in read.text for row in table.rows for cell in row)
    assert "75.0 % [75.0, 75.0]" in read.text
    assert "6 of 336" in read.text
    assert read.text.count(TERMINAL_RULE) >= len(read.having("table"))
    anchors = {link["href"] for link in read.having("a")}
    sections = {f"#{section['id']}" for section in read.having("section")}
    assert sections <= anchors
    assert {"#shares", "#safety", "#front", "#reproduce"} <= sections


def test_the_page_loads_nothing_and_runs_nothing() -> None:
    text = text_of(rows_of("demo"))
    assert not Page(text).having("script")
    assert "http" not in text.replace("http-equiv", "")
    assert "default-src 'none'" in text


def test_what_is_told_is_escaped() -> None:
    rows = [*rows_of("demo"), row_of("<b>.py:act", 1.0, outcome=Outcome.FAILED, message="<script>alert(1)</script>")]
    assert "<script" not in text_of(compared(rows))


def test_only_shields_that_held_in_cases_that_ran_are_called_held() -> None:
    held = finding(rows_of("demo"))
    assert (held.held, held.status) == (True, "Every rule held")
    assert held.sentence == "0 violations in 672 steps with the shield."
    assert held.basis.startswith("Without it a rule was broken in 6 of 336 steps. 2 optima: 2 EXACT, at most 3e−16")
    broken = finding(rows_of("demo", violations=1))
    assert (broken.held, broken.status) == (False, "A rule was broken")
    failed = finding(rows_of("demo", outcome=Outcome.TIME_LIMIT, message="took longer than 1 s"))
    assert (failed.held, failed.status) == (False, "Not every case ran")
    assert failed.sentence == "0 violations in 336 steps with the shield; 2 cases did not run."
    assert not finding([]).held


def test_failures_have_a_chapter_with_their_reason() -> None:
    assert "What failed" not in text_of(rows_of("demo"))
    text = text_of(rows_of("demo", outcome=Outcome.TIME_LIMIT, message="took longer than 1 s"))
    assert "What failed" in text
    assert "took longer than 1 s" in text


@pytest.mark.parametrize("verdict", ["FLOAT", "LIMIT"])
def test_an_optimum_that_is_not_proved_is_not_called_exact(verdict: str) -> None:
    rows = rows_of("demo")
    optima = [row for row in rows if row.policy == "optimum"]
    rows = [replace(row, verdict=verdict, gap=0.02) if row is optima[1] else row for row in rows]
    assert optima_sentence(rows) == f"2 optima: 1 EXACT, 1 {verdict}, at most 2.00 % above the bound."
    assert f"1 EXACT, 1 {verdict}" in text_of(rows)


def test_communities_stand_side_by_side_where_there_are_several() -> None:
    one, two = (
        dispatch_tables(rows, summaries(rows, "mine"), [], "mine")
        for rows in (rows_of("demo"), rows_of("demo", "four"))
    )
    assert "per cent" not in one[0].title
    assert two[0].head == ("community", "mine")
    assert two[0].rows == (
        ("demo", "75.0 [75.0, 75.0]"),
        ("four", "75.0 [75.0, 75.0]"),
        ("all communities", "75.0 [75.0, 75.0]"),
    )
