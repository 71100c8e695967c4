"""`python -m autonomy.benchmark.verdicts`: what is proved is counted as such, what a limit stopped is not."""

from __future__ import annotations

import sys

import pytest

from autonomy.benchmark import verdicts
from autonomy.benchmark.optimum.cases import KINDS
from autonomy.benchmark.verdicts import HEAD, Proof, lines, proof_of, small_windows, weeks

NEGATIVE = list(KINDS).index("negative prices")


def test_every_kind_of_small_window_is_proved() -> None:
    proofs = [proof_of(window, kind) for window, kind in small_windows(len(KINDS), 1)]
    assert [proof.kind for proof in proofs] == list(KINDS)
    assert {proof.verdict for proof in proofs} == {"EXACT"}
    allowed = {"trade fee": 1e-4}  # each step's fees are rounded down to a micro-currency
    assert [proof.kind for proof in proofs if not 0 <= proof.gap <= allowed.get(proof.kind, 1e-6)] == []
    assert not proofs[NEGATIVE].is_linear
    assert proofs[NEGATIVE].programs > 1


def test_a_search_that_a_limit_stops_is_not_called_optimal() -> None:
    window, kind = list(small_windows(len(KINDS), 1))[NEGATIVE]
    stopped = proof_of(window, kind, time_limit_s=1e-9)
    assert stopped.verdict == "LIMIT"
    assert 1e-6 < stopped.gap < float("inf")


def test_a_week_of_the_demo_is_an_exact_linear_optimum() -> None:
    (window, kind), *_ = weeks(1)
    proof = proof_of(window, kind)
    assert (proof.verdict, proof.is_linear, proof.programs) == ("EXACT", True, 1)
    assert window.scenario.n_steps == 168


def test_weeks_may_have_lower_prices() -> None:
    (usual, _), (cheap, kind) = next(weeks(1)), next(weeks(1, 0.7))
    assert cheap.scenario.retail_price == pytest.approx(usual.scenario.retail_price - 0.7)
    assert cheap.scenario.feed_in_price == pytest.approx(usual.scenario.feed_in_price - 0.7)
    assert kind == "weeks of the demo, prices 0.7 lower"


def test_the_table_counts_by_kind_and_adds_up() -> None:
    exact = Proof(kind="a", verdict="EXACT", gap=1e-15, is_linear=True, programs=1)
    split = Proof(kind="a", verdict="EXACT", gap=2e-7, is_linear=False, programs=9)
    open_ = Proof(kind="b", verdict="LIMIT", gap=0.25, is_linear=False, programs=3)
    none = Proof(kind="c", verdict="none", gap=float("inf"), is_linear=False, programs=0)
    head, _, *body = lines([exact, split, open_])
    assert head == f"| {' | '.join(HEAD)} |"
    assert body == [
        "| a | 2 | 2 | 0 | 0 | 0 | 2e−7 | 1 | 1 | 9 |",
        "| b | 1 | 0 | 0 | 1 | 0 | 25.00 % | 0 | 1 | 3 |",
        "| all | 3 | 2 | 0 | 1 | 0 | 25.00 % | 1 | 2 | 9 |",
    ]
    assert list(lines([none]))[2:] == ["| c | 1 | 0 | 0 | 0 | 1 | ∞ | 0 | 0 | 0 |"]


def test_the_command_prints_the_table(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["verdicts", "--cases", "2", "--weeks", "0"])
    verdicts.main()
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 5
    assert printed[-1].startswith("| all | 2 | 2 | 0 | 0 | 0 |")
