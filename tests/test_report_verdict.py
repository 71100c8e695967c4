"""What the report says of limits and of the optimum: a verdict in words, and no more than is known."""

from __future__ import annotations

import dataclasses
import math

import pytest

import autonomy.report.html as html_module
from autonomy.evidence import Optimum, RunEvidence
from autonomy.layers.invariants import INVARIANTS, Violation
from autonomy.report.bound import bound
from autonomy.report.figures import figures
from autonomy.report.html import html
from autonomy.report.verdict import verdict
from tests.evidence import LINE, NOT_A_NUMBER, SOC, Page, make_evidence


@pytest.fixture(scope="module")
def evidence() -> RunEvidence:
    return make_evidence()


@pytest.fixture(scope="module")
def text(evidence: RunEvidence) -> str:
    return html(evidence)


@pytest.fixture
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the figures out of pages whose words alone are looked at: drawing takes most of the time."""
    monkeypatch.setattr(html_module, "figures", lambda _: ())


# The verdict


def test_the_verdict_counts_steps_and_names_the_policy_that_answers_nan(evidence: RunEvidence) -> None:
    judged = verdict(evidence)
    assert judged.held
    assert judged.sentence == "0 violations in 16 steps under each of 4 policies, including one that answers NaN."
    assert "not a proof" in judged.basis


@pytest.mark.usefixtures("no_figures")
def test_violations_are_told_in_words() -> None:
    broken = make_evidence(violations={("learned", 1): ((3, LINE), (5, SOC), (6, NOT_A_NUMBER))})
    judged = verdict(broken)
    assert not judged.held
    assert judged.sentence.startswith(
        "3 violations: “line” was broken once under learned (worst: 4.20 kW at the feeder"
    )
    assert "0.0004 kWh at Bo" in judged.sentence
    text = Page(html(broken)).text
    assert (
        "Under learned, at 2016-08-22 03:00 (step 3 of week 2), the rule “line” was exceeded by 4.20 kW at the feeder."
        in text
    )
    assert "the rule “node balance” was exceeded by an amount that is not a number at Cy." in text
    assert "Every rule held" not in text


@pytest.mark.parametrize("rule", [rule.name for rule in INVARIANTS])
def test_a_violation_of_any_rule_turns_the_verdict(rule: str) -> None:
    fault = Violation(rule=rule, index=0, amount=1.0, unit="kW")
    judged = verdict(make_evidence(violations={("nan", 0): ((0, fault),)}))
    assert not judged.held
    assert rule in judged.sentence
    assert judged.findings[0].violation is fault


def test_key_figures_that_count_more_violations_than_the_steps_list_are_a_contradiction(evidence: RunEvidence) -> None:
    kpis = evidence.kpis | {"learned": dataclasses.replace(evidence.kpis["learned"], violations=2)}
    judged = verdict(dataclasses.replace(evidence, kpis=kpis))
    assert not judged.held
    assert "contradicts itself" in judged.sentence


def test_a_run_without_steps_is_not_called_held() -> None:
    empty = make_evidence(windows=0, optima=())
    judged = verdict(empty)
    assert not judged.held
    assert judged.sentence == "No step was run, so nothing is shown."
    assert figures(empty) == ()
    assert "Every rule held" not in html(empty)


# The optimum


def milp(gap: float) -> Optimum:
    return Optimum(objective=40.0, replayed_cost=40.0, method="MILP", binaries=34, gap=gap, seconds=1.0)


def test_an_exclusive_lp_is_called_proved_and_a_gap_is_not(evidence: RunEvidence) -> None:
    proved = bound(evidence)
    assert proved is not None
    assert proved.proved
    assert proved.label == "perfect-foresight bound"
    open_gap = bound(dataclasses.replace(evidence, optima=(evidence.optima[0], milp(0.0012))))
    assert open_gap is not None
    assert not open_gap.proved
    assert "gap 0.12 %" in open_gap.label
    assert "34 splits or binaries" in open_gap.sentence


@pytest.mark.parametrize(("gap", "proved"), [(0.0, True), (1e-4, False), (math.nan, False), (math.inf, False)])
def test_a_milp_is_proved_only_by_a_gap_of_zero(evidence: RunEvidence, gap: float, proved: bool) -> None:
    known = bound(dataclasses.replace(evidence, optima=(milp(gap),)))
    assert known is not None
    assert known.proved is proved


@pytest.mark.usefixtures("no_figures")
def test_a_policy_that_costs_less_than_the_optimum_is_reported_as_a_contradiction(evidence: RunEvidence) -> None:
    cheap = dataclasses.replace(evidence.kpis["learned"], cost=evidence.kpis["optimum"].cost - 1.0)
    odd = dataclasses.replace(evidence, kpis=evidence.kpis | {"learned": cheap})
    known = bound(odd)
    assert known is not None
    assert known.undercut_by == ("learned",)
    assert "Contradiction: learned costs less than the optimum" in Page(html(odd)).text
    assert "Contradiction" not in Page(html(evidence)).text
