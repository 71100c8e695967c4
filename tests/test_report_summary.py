"""The report as a file of numbers and as tables on the console."""

from __future__ import annotations

import dataclasses
from typing import Any

import orjson
import pytest
from rich.console import Console

from autonomy.evidence import RunEvidence
from autonomy.layers.invariants import Violation
from autonomy.report.columns import COLUMNS
from autonomy.report.console import guarantee_table, kpi_table, verdict_line
from autonomy.report.summary import summary, summary_json
from tests.evidence import LINE, NOT_A_NUMBER, POLICIES, make_evidence

RAMP = Violation(rule="ramp", index=1, amount=0.5, unit="kW")


@pytest.fixture(scope="module")
def evidence() -> RunEvidence:
    return make_evidence()


# The data


def test_the_summary_round_trips_with_null_for_what_is_no_number(evidence: RunEvidence) -> None:
    read = orjson.loads(summary_json(evidence))
    assert read == summary(evidence)
    assert [row["policy"] for row in read["policies"]] == list(POLICIES)
    optimum = read["policies"][-1]
    assert optimum["latency_p50_s"] is None
    assert optimum["cost"] == evidence.kpis["optimum"].cost
    assert set(read["units"]) == set(optimum) - {"policy"}
    assert read["units"]["cost"] == "$"
    assert read["units"]["peak_import_kw"] == "kW"
    assert read["schema_version"] == 2
    assert read["verdict"]["held"] is True
    assert sum(window["shown_in_figures"] for window in read["windows"]) == 1


def test_the_summary_lists_every_violation_and_null_for_an_amount_of_nan() -> None:
    broken = make_evidence(violations={("learned", 1): ((3, LINE), (6, NOT_A_NUMBER)), ("nan", 0): ((0, RAMP),)})
    read = orjson.loads(summary_json(broken))
    assert [(row["policy"], row["window"], row["step"], row["rule"], row["amount"]) for row in read["violations"]] == [
        ("learned", "week 2", 3, "line", 4.2),
        ("learned", "week 2", 6, "node balance", None),
        ("nan", "week 1", 0, "ramp", 0.5),
    ]
    assert read["verdict"]["held"] is False


# The console


def printed(width: int, *parts: Any) -> str:
    console = Console(width=width, color_system=None, force_terminal=False)
    with console.capture() as capture:
        for part in parts:
            console.print(part)
    return capture.get()


@pytest.mark.parametrize("width", [80, 120])
def test_the_console_tables_fit_and_cut_no_number(evidence: RunEvidence, width: int) -> None:
    large = {name: dataclasses.replace(kpi, cost=-123456.78, co2_kg=23456.7) for name, kpi in evidence.kpis.items()}
    wide = dataclasses.replace(evidence, kpis=large)
    shown = printed(width, kpi_table(wide), guarantee_table(wide))
    assert max(len(line) for line in shown.splitlines()) <= width
    assert "…" not in shown
    assert "−123,456.78" in shown
    assert "23,456.7" in shown
    for policy in POLICIES:
        assert policy in shown
        assert COLUMNS["latency_p99_s"].text(wide.kpis[policy]) in shown


def test_the_console_shows_names_with_brackets_as_they_are() -> None:
    marked = make_evidence(("grid-only", "[red]x[/red]"))
    assert "[red]x[/red]" in printed(120, kpi_table(marked))


def test_the_console_says_the_verdict_in_words() -> None:
    broken = make_evidence(violations={("learned", 0): ((1, LINE),)})
    assert "1 violation: “line” was broken once" in printed(200, verdict_line(broken))
