"""The report's section on the optimum: what is proved is said, what is not is not called optimal."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import orjson
import pytest

import autonomy.report.html as html_module
from autonomy.evidence import Optimum, RunEvidence
from autonomy.report.console import optimum_table
from autonomy.report.html import html
from autonomy.report.optimum import OptimumSection, gap_text, optimum_section, proof_of, worst_verdict
from autonomy.report.summary import summary_json
from autonomy.trajectory import Trajectory
from tests.evidence import STEPS, Page, make_evidence, make_run
from tests.test_report_summary import printed

COSTS = {"grid-only": (100.0, 60.0), "learned": (58.0, 44.0), "optimum": (50.0, 40.0)}
"""Of two weeks, by policy."""
PROVED = {"bound": 40.0, "proved_gap": 1e-15, "asked_gap": 1e-5, "repair_kw": 0.0}


def found(objective: float = 40.0, method: str = "LP (exclusive)", **changes: Any) -> Optimum:
    known = {"binaries": 0, "gap": 1e-15, "seconds": 0.5, "verdict": "EXACT", **PROVED, "bound": objective}
    return Optimum(objective=objective, replayed_cost=objective, method=method, **{**known, **changes})


SPLIT = found(method="MILP", binaries=3, programs=7)
CLAIMED = found(method="MILP", binaries=34, verdict="FLOAT", gap=1e-6, proved_gap=0.012)
RELAXED = found(method="MILP", binaries=10, programs=11, verdict="FLOAT", gap=0.0021, proved_gap=0.00209, bound=39.916)
STOPPED = found(method="MILP", binaries=4, programs=9, verdict="LIMIT", gap=0.1, proved_gap=0.1, bound=36.0)
RULE = found(method="rule", verdict="LIMIT", gap=0.1, proved_gap=0.1, bound=36.0)


def evidence_of(*optima: Optimum) -> RunEvidence:
    """A run of as many weeks; costs of steps are made up so that those of weeks are `COSTS`."""
    runs = {
        policy: tuple(costing(policy, week, cost) for week, cost in enumerate(costs[: len(optima)]))
        for policy, costs in COSTS.items()
    }
    return make_evidence(tuple(COSTS), windows=len(optima), trajectories=runs, optima=optima)


def costing(policy: str, week: int, cost: float) -> Trajectory:
    run = make_run(policy, seed=week)
    return dataclasses.replace(run, step_cost=run.step_cost + (cost - run.cost) / STEPS)


def section_of(*optima: Optimum) -> OptimumSection:
    section = optimum_section(evidence_of(*optima))
    assert section is not None
    return section


@pytest.fixture(autouse=True)
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the figures out: nobody looks at them here."""
    monkeypatch.setattr(html_module, "figures", lambda _: ())


def test_shares_of_every_window_and_of_all_by_hand() -> None:
    section = section_of(found(50.0), found(40.0))
    assert section.policies == ("grid-only", "learned")
    assert [line.costs for line in section.lines] == [
        (("100.00", "0.0 %"), ("58.00", "84.0 %")),  # 42 of 50
        (("60.00", "0.0 %"), ("44.00", "80.0 %")),  # 16 of 20
    ]
    assert section.total is not None
    assert section.total.costs == (("160.00", "0.0 %"), ("102.00", "82.9 %"))  # 58 of 70
    assert (section.total.optimum, section.total.bound, section.total.verdict) == ("90.00", "90.00", "EXACT")
    assert section.caution == ""


@pytest.mark.parametrize(
    ("optimum", "proof", "shown"),
    [
        (found(), "LP, exclusive", "LP, exclusive"),
        (found(method="LP (tightened)"), "LP, tightened", "LP, tightened"),
        (found(method="LP (relaxed)", verdict="FLOAT"), "LP, relaxed", "LP, relaxed"),
        (SPLIT, "splits", "splits, 7 LPs"),
        (CLAIMED, "binaries", "34 binaries"),
        (RELAXED, "splits", "splits, 11 LPs"),
        (STOPPED, "splits", "splits, 9 LPs"),
        (RULE, "rule", "rule"),
    ],
)
def test_every_way_to_an_optimum_is_named_and_explained(optimum: Optimum, proof: str, shown: str) -> None:
    section = section_of(optimum)
    assert proof_of(optimum) == proof
    assert section.lines[0].proof == shown
    assert [name for name, _ in section.proofs] == [proof]
    assert [name for name, _ in section.verdicts] == [optimum.verdict]
    assert section.total is None


def test_what_a_solver_claims_and_what_is_proved_stand_apart_where_they_differ() -> None:
    assert (section_of(CLAIMED).lines[0].gap, section_of(CLAIMED).lines[0].proved) == ("1e−6", "1.20 % proved")
    assert (section_of(RELAXED).lines[0].gap, section_of(RELAXED).lines[0].proved) == ("0.21 %", "")


def test_a_stopped_search_has_bound_and_gap_and_nobody_calls_it_optimal() -> None:
    run = evidence_of(found(50.0), STOPPED)
    section = optimum_section(run)
    assert section is not None
    first, second = section.lines
    assert (first.optimum, first.verdict) == ("50.00", "EXACT")
    assert (second.optimum, second.bound, second.gap, second.verdict) == ("≤ 40.00", "36.00", "10.00 %", "LIMIT")
    assert section.total is not None
    # Together: 90 found, 86 proved.
    assert (section.total.optimum, section.total.bound, section.total.gap) == ("≤ 90.00", "86.00", "4.44 %")
    assert section.total.verdict == "LIMIT"
    assert "learned 78.4 %" in section.caution  # 58 of 160 − 86
    text = Page(html(run)).text
    assert "nobody says that it is optimal" in text
    assert section.caution in text
    read = orjson.loads(summary_json(run))["optimum"]
    assert (read["proved"], read["verdict"]) == (False, "LIMIT")
    assert [window["verdict"] for window in read["windows"]] == ["EXACT", "LIMIT"]


def test_the_page_has_the_section_with_the_rule_of_the_terminal_energy() -> None:
    run = evidence_of(found(50.0), SPLIT)
    page = Page(html(run))
    assert not page.unbalanced
    assert "table-optimum" in [attributes.get("id") for attributes in page.having("table")]
    assert "#optimum" in [attributes.get("href") for attributes in page.having("a")]
    section = page.text[page.text.index("What the cheapest dispatch of each window") :]
    for words in (run.terminal_rule, "at most 1e−5 was asked for", "LP, exclusive", "splits, 7 LPs", "82.9 %"):
        assert words in section


def test_the_page_without_an_optimum_says_why() -> None:
    bare = make_evidence(("grid-only", "learned"), no_optimum="line losses are not priced.")
    assert optimum_section(bare) is None
    assert optimum_table(bare) is None
    assert "There is no optimum for this community: line losses are not priced." in Page(html(bare)).text


@pytest.mark.parametrize("optimum", [found(), SPLIT, CLAIMED, RELAXED, STOPPED])
def test_the_table_on_a_terminal_fits_and_cuts_nothing(optimum: Optimum) -> None:
    table = optimum_table(evidence_of(found(50.0), optimum))
    assert table is not None
    shown = printed(80, table)
    assert max(len(line) for line in shown.splitlines()) <= 80
    assert "…" not in shown
    for words in ("week 1", "all windows", optimum.verdict, optimum_section(evidence_of(optimum)).lines[0].gap):  # type: ignore[union-attr]
        assert words in shown


@pytest.mark.parametrize(
    ("gap", "shown"),
    [
        (math.nan, "–"),
        (-1e-18, "0"),
        (0.0, "0"),
        (3e-16, "3e−16"),
        (9.9e-5, "1e−4"),
        (1e-4, "0.01 %"),
        (0.25, "25.00 %"),
    ],
)
def test_gaps_are_read_as_per_cent_or_as_powers(gap: float, shown: str) -> None:
    assert gap_text(gap) == shown


def test_the_verdict_of_several_windows_is_the_worst() -> None:
    assert worst_verdict((found(), CLAIMED, found())) == "FLOAT"
    assert worst_verdict((STOPPED, CLAIMED)) == "LIMIT"
    assert worst_verdict((found(verdict=""), STOPPED)) == ""
