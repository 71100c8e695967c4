"""The proofs of the core: they hold, they can fail, and nothing that a solver says is taken on trust."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType

import pytest

from autonomy import cli
from autonomy.errors import OptionalDependencyError
from autonomy.proofs import prove_all, prove_lemma
from autonomy.proofs.__main__ import main
from autonomy.proofs.expression import Definitions, ExpressionError, read
from autonomy.proofs.lemma import LemmaError, lemma_of
from autonomy.proofs.script import Script
from autonomy.proofs.solver import Answer, Solver, Verdict, solvers
from autonomy.proofs.table import counterexamples, failures, summary
from tests.lemmas import LEMMAS, NAMES, assert_tied

ROOT = Path(__file__).resolve().parent.parent
FALSE = b"""; Lemma 99: false
;
; statement:
;   Every number is positive.
; symbols:
;   x  any
; code:
;   autonomy/layers/physics.py | nothing
; every N:
;   It does not.
; control:
;   there is nothing to break
;   - (< 0 x)
;   + (<= 0 x)

(set-logic QF_LRA)
(declare-const x Real)
(assert (<= (- 1) x))
(assert (not (< 0 x)))
(check-sat)
"""


@pytest.fixture(scope="module")
def by():
    pytest.importorskip("z3")
    pytest.importorskip("cvc5")
    return solvers()


# The proofs


@pytest.mark.parametrize("lemma", LEMMAS, ids=NAMES)
def test_every_lemma_is_proved_by_both_solvers_and_every_control_is_refuted_by_both(lemma, by):
    proof = prove_lemma(lemma, by=by)
    assert failures(proof) == ()
    assert proof.is_proved
    assert [answer.solver for answer in proof.answers] == ["z3", "cvc5"]
    for refutation in proof.refutations:
        assert all(lemma.broken(refutation.control).refuted_by(answer.model) for answer in refutation.answers)


def test_the_files_are_numbered_without_a_gap_and_hold_what_the_issue_asks_for():
    assert [lemma.number for lemma in LEMMAS] == list(range(1, len(LEMMAS) + 1))
    asked = {
        "clip-into-box", "extra-cut", "greedy-step", "share-part", "capacity-of-a-node", "soc-one-step",
        "box-holds-zero", "soc-outside-band", "soc-robust", "rounding-inward", "line-margin",
        "caps-of-a-decision", "dead-stop", "fair-shares", "capacity-of-a-line", "no-flow-turns-round",
    }  # fmt: skip
    assert asked <= set(NAMES)


@pytest.mark.parametrize("lemma", LEMMAS, ids=NAMES)
def test_every_line_of_code_that_a_lemma_quotes_is_there(lemma):
    for place in lemma.code:
        lines = [line.strip() for line in (ROOT / place.path).read_text(encoding="utf-8").splitlines()]
        assert place.line in lines, f"{place.path} has no line {place.line!r}: does the lemma still speak about it?"


@pytest.mark.parametrize("lemma", LEMMAS, ids=NAMES)
def test_every_symbol_of_a_lemma_is_explained(lemma):
    explained = {word for line in lemma.symbols for word in line.replace(",", " ").split()}
    explained |= set(lemma.statement.split()) if lemma.name == "extra-cut" else set()
    for name in lemma.script.symbols:
        assert name in explained or name.rstrip("f") in explained, name


def test_a_false_lemma_is_not_proved_and_it_is_said_why(by):
    proof = prove_lemma(lemma_of("99-false.smt2", FALSE), by=by)
    assert not proof.is_proved
    assert [answer.verdict for answer in proof.answers] == [Verdict.SAT, Verdict.SAT]
    assert "z3 says sat of the negated claim; expected unsat" in failures(proof)[0]
    assert "0 of 1 lemmas proved" in summary([proof])


def test_a_lemma_whose_premises_contradict_each_other_is_not_proved(by):
    empty = FALSE.replace(b"(assert (<= (- 1) x))", b"(assert (and (< x 1) (< 1 x)))")
    proof = prove_lemma(lemma_of("99-empty.smt2", empty), by=by)
    assert [answer.verdict for answer in proof.answers] == [Verdict.UNSAT, Verdict.UNSAT]
    assert not proof.is_proved
    assert "of the premises alone" in failures(proof)[0]


def test_a_lemma_whose_control_changes_nothing_that_matters_is_not_proved(by):
    true = FALSE.replace(b"(<= (- 1) x)", b"(<= 1 x)")
    proof = prove_lemma(lemma_of("99-true.smt2", true), by=by)
    assert [answer.verdict for answer in proof.answers] == [Verdict.UNSAT, Verdict.UNSAT]
    assert not proof.is_proved
    assert "no counterexample that holds" in failures(proof)[0]


def test_a_solver_that_runs_out_of_time_has_proved_nothing(by):
    # Fermat for cubes: true, and out of reach for both within a fraction of a second.
    hard = """(set-logic QF_NIA)(declare-const a Int)(declare-const b Int)(declare-const c Int)
    (assert (and (< 2 a) (< 2 b) (< 2 c)))(assert (= (+ (* a a a) (* b b b)) (* c c c)))(check-sat)\n"""
    assert [solver.ask(hard, limit_s=0.2).verdict for solver in by] == [Verdict.UNKNOWN, Verdict.UNKNOWN]


def test_a_text_that_is_no_script_is_unknown_to_both(by):
    for solver in by:
        answer = solver.ask("(declare-const x Foo)\n(check-sat)\n", limit_s=1.0)
        assert answer.verdict is Verdict.UNKNOWN
        assert "Foo" in answer.text


def liar(printed):
    return Solver(name="liar", version="0", run=lambda text, limit_s: printed)


@pytest.mark.parametrize("printed", ["unsat", "sat", "sat\n((x 5))", "sat\n((x (- 7)))", "unknown", "", "unsat sat"])
def test_no_answer_of_a_solver_makes_a_false_lemma_proved(printed):
    assert not prove_lemma(lemma_of("99-false.smt2", FALSE), by=[liar(printed)]).is_proved


def test_a_counterexample_is_computed_again_before_it_is_believed():
    true = lemma_of("99-true.smt2", FALSE.replace(b"(<= (- 1) x)", b"(<= 1 x)").replace(b"+ (<= 0 x)", b"+ (< 1 x)"))
    found = {text: prove_lemma(true, by=[liar(text)]).refutations[0] for text in ("sat\n((x 1))", "sat\n((x 2))")}
    assert [refutation.is_refuted for refutation in found.values()] == [True, False]


def test_without_any_solver_nothing_is_proved():
    assert not any(proof.is_proved for proof in prove_all(by=[]))


def test_a_missing_solver_is_an_error_that_names_the_extra(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "cvc5", None)
    pytest.importorskip("z3")
    with pytest.raises(OptionalDependencyError, match=r"autonomy-stack\[proofs\]"):
        prove_all()
    assert main([]) == 1
    assert "autonomy-stack[proofs]" in " ".join(capsys.readouterr().err.split())


def test_the_command_prints_every_lemma_and_every_counterexample(by, capsys, monkeypatch):
    monkeypatch.setattr("autonomy.proofs.prove.lemmas", lambda: LEMMAS[:2])
    assert main(["--counterexamples"]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in NAMES[:2])
    assert "point = " in printed
    monkeypatch.setattr("autonomy.proofs.prove.lemmas", lambda: [lemma_of("99-false.smt2", FALSE)])
    assert main([]) == 2
    assert "not proved" in capsys.readouterr().out


def test_autonomy_verify_proves_the_lemmas_and_says_by_its_exit_code_whether_all_were(by, capsys, monkeypatch):
    monkeypatch.setattr("autonomy.proofs.prove.lemmas", lambda: LEMMAS[:1])
    assert cli.main(["verify", "--lemmas", "--counterexamples"]) == cli.EXIT_OK
    assert "1 of 1 lemmas proved by z3" in " ".join(capsys.readouterr().out.split())
    monkeypatch.setattr("autonomy.proofs.prove.lemmas", lambda: [lemma_of("99-false.smt2", FALSE)])
    assert cli.main(["verify", "--lemmas"]) == cli.EXIT_UNSAFE
    assert cli.main(["verify"]) == cli.EXIT_ERROR
    assert "needs the PATH" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "z3", None)
    assert cli.main(["verify", "--lemmas"]) == cli.EXIT_ERROR
    assert "autonomy-stack[proofs]" in capsys.readouterr().err


def test_values_that_are_no_fractions_are_not_believed():
    answer = liar("sat\n((x (root-obj (+ (^ x 2) (- 2)) 1)))").ask("(check-sat)", limit_s=1.0, symbols=("x",))
    assert answer == Answer(
        solver="liar", verdict=Verdict.SAT, seconds=answer.seconds, model=MappingProxyType({}), text=answer.text
    )


def test_counterexamples_are_shown_as_fractions():
    refutations = prove_lemma(lemma_of("99-false.smt2", FALSE), by=[liar("sat\n((x (/ (- 1) 2)))")])
    assert (
        counterexamples(refutations)[1] == "  liar: x = -1/2" or "no counterexample" in counterexamples(refutations)[1]
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"; statement:", b"; stated:", "no section 'statement'"),
        (b";   - (< 0 x)", b";   - (< 0 y)", "does not occur exactly once"),
        (b"(set-logic QF_LRA)\n", b"", "a script after the header"),
        (b"(declare-const x Real)\n", b"", "nothing is declared"),
    ],
)
def test_a_file_that_is_no_lemma_is_refused(old, new, message):
    with pytest.raises(LemmaError, match=message):
        lemma_of("99-false.smt2", FALSE.replace(old, new))
    with pytest.raises(LemmaError, match="expected a name"):
        lemma_of("false.smt2", FALSE)


@pytest.mark.parametrize("text", ["(check-sat)", "(assert (not true))", "(assert true)(check-sat)", "(assert", ")"])
def test_a_text_without_a_negated_claim_and_one_question_is_no_script(text):
    with pytest.raises(ExpressionError):
        Script(text)


def test_the_evaluator_computes_exactly_and_refuses_what_it_does_not_know():
    defined = Definitions(read("(define-fun twice ((a Real)) Real (* 2 a)) (define-fun third () Real (/ 1 3))"))

    def value(text, **values):
        (expression,) = read(text)
        return defined.value(expression, values)

    assert value("(+ third (twice third))") == 1
    assert value("(to_int (- third))") == -1
    assert value("(- 5 1 1)") == 3
    assert value("(=> (< 1 2) (<= 3 2))") is False
    assert value("(and (= 1 1 1) (or false (not (> x 1))))", x=Fraction(1, 2)) is True
    assert value("(ite (>= x 0) x (- x))", x=Fraction(-2)) == 2
    for text in ("(exp 1)", "unknown"):
        with pytest.raises(ExpressionError):
            value(text)


def test_every_lemma_is_held_against_the_code():
    tied = set()
    texts = [path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("*lemmas*.py")]
    for line in "\n".join(texts).splitlines():
        tied |= {name for name in NAMES if f'"{name}"' in line and '", "' not in line}
    assert tied == set(NAMES)


def test_a_lemma_that_does_not_fit_the_code_would_be_noticed():
    with pytest.raises(AssertionError, match="the code does not meet"):
        assert_tied("greedy-step", rest=1, room=5, capacity=3, part=1, step=2, rest_after=-1, room_after=3)


def test_the_page_about_the_proofs_has_every_lemma_in_its_own_words():
    page = (ROOT / "docs" / "proofs.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| ") and line[2:4].isdigit()]
    assert rows == [
        f"| {lemma.number:02d} | {lemma.name} | {lemma.statement.replace('|', chr(92) + '|')} |" for lemma in LEMMAS
    ]


def test_solvers_are_imported_in_one_file_and_inside_functions():
    for path in (ROOT / "autonomy").rglob("*.py"):
        lines = path.read_text(encoding="utf-8").splitlines()
        found = [
            line for line in lines if line.strip().startswith(("import z3", "import cvc5", "from z3", "from cvc5"))
        ]
        assert not found or path.name == "solver.py", path
        assert all(line.startswith(" ") for line in found), path
