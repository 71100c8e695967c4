"""The proofs of the core: they hold, they can fail, and they speak about this code.

The second half holds every lemma against the functions it is about: what goes into a function and what comes out of it
are put in for the lemma's symbols, and the lemma's own premises and claim are evaluated exactly, from its file.
"""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from autonomy import Community, Limits, Network, cli
from autonomy.errors import OptionalDependencyError
from autonomy.layers import physics, rounding
from autonomy.layers.situation import SetPoints
from autonomy.layers.storage import Storage
from autonomy.layers.supervision import Screen, dead_stop, recovery
from autonomy.layers.supervision.caps import caps
from autonomy.layers.supervision.check import check
from autonomy.layers.supervision.isolation import reserve
from autonomy.layers.supervision.milliwatt import (
    LARGEST_SUM,
    PER_KW,
    SCALE,
    Plan,
    _whole,
    _widen,
    bounds_of,
    fixed_rows,
    ledger_of,
    net_export_of,
    quantise,
    to_kw,
)
from autonomy.proofs import lemmas, prove_all, prove_lemma
from autonomy.proofs.__main__ import main
from autonomy.proofs.expression import Definitions, ExpressionError, read
from autonomy.proofs.lemma import LemmaError, lemma_of
from autonomy.proofs.script import Script
from autonomy.proofs.solver import Answer, Solver, Verdict, solvers
from autonomy.proofs.table import counterexamples, failures, summary

ROOT = Path(__file__).resolve().parent.parent
LEMMAS = lemmas()
NAMES = [lemma.name for lemma in LEMMAS]
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


# The lemmas and the code


def assert_tied(name: str, **values: Any) -> None:
    """The premises of a lemma hold for these values, and its claim does."""
    script = LEMMAS[NAMES.index(name)].script
    exact = {symbol: Fraction(value) for symbol, value in values.items()}
    assert set(exact) == set(script.symbols)
    for symbol, sort in script.symbols.items():
        assert sort != "Int" or exact[symbol].denominator == 1, symbol
    for premise in script.premises:
        assert script.value(premise, exact), f"{name}: the code does not meet {premise} with {exact}"
    assert script.value(script.claim, exact), f"{name}: {exact}"


class Exact(Fraction):
    """A fraction that stays one when it meets a float: the physics can be run without any rounding."""


def _exactly(name: str) -> None:
    def operation(one: Any, other: Any) -> Any:
        if isinstance(other, np.ndarray):
            return NotImplemented
        return Exact(getattr(Fraction, name)(Fraction(one), Fraction(other)))

    setattr(Exact, name, operation)


for _name in ("__add__", "__radd__", "__sub__", "__rsub__", "__mul__", "__rmul__", "__truediv__", "__rtruediv__"):
    _exactly(_name)
Exact.__neg__ = lambda self: Exact(-Fraction(self))  # type: ignore[method-assign,assignment]


def row(*values: Any) -> Any:
    return np.array([Exact(value) for value in values], dtype=object)


FEW = settings(max_examples=settings.default.max_examples // 4)
"""Every example of these tests is many instances of a lemma."""
FRACTIONS = st.fractions(0, 4, max_denominator=12)
SHARES = st.fractions(0, 1, max_denominator=7)
EFFICIENCIES = st.fractions(Fraction(1, 5), 1, max_denominator=20)
# kW whose product with a million is exact in floats, so that rounding can be looked at alone.
FINE_KW = st.integers(0, 9 * 2**20).map(lambda k: k / 2**20)
COARSE_KW = st.one_of(
    st.sampled_from([0.0, 1.0, 2.5, 10.0, float("inf")]), st.integers(0, 30 * 2**10).map(lambda k: k / 2**10)
)


@st.composite
def batteries(draw: st.DrawFn) -> SimpleNamespace:
    """A battery in fractions: ratings, its `Storage`, and a stored energy anywhere near its band."""
    emin = draw(FRACTIONS)
    return SimpleNamespace(
        emin=emin,
        emax=emin + draw(FRACTIONS),
        e=draw(st.fractions(-1, 10, max_denominator=12)),
        ec=draw(EFFICIENCIES),
        ed=draw(EFFICIENCIES),
        dt=draw(st.sampled_from([Fraction(1, 12), Fraction(1, 4), Fraction(1)])),
        limits=(draw(FRACTIONS), draw(FRACTIONS)),
    )


def reach_of(battery: Any, *, ec: Any = None, ed: Any = None, error: Any = 0, energy: Any = None) -> tuple[Any, Any]:
    """Return what the code lets a battery charge and discharge, in exact fractions."""
    ec, ed = battery.ec if ec is None else ec, battery.ed if ed is None else ed
    storage = Storage(
        energy_max_kwh=row(battery.emax - error),
        energy_min_kwh=row(battery.emin + error),
        power_limit_kw=np.array([row(battery.limits[0]), row(battery.limits[1])]),
        yield_=np.array([row(1), row(ed)]),
        hours=np.array([row(battery.dt * ec), row(battery.dt)]),
        nothing=np.array([row(0), row(0)]),
    )
    reach = physics.reach_kw(storage, row(battery.e if energy is None else energy))
    return reach[0, 0], reach[1, 0]


def after(battery: Any, b: Any, *, energy: Any = None, ec: Any = None, ed: Any = None) -> Any:
    """Return the energy that the code's physics gives at the end of a step, in exact fractions."""
    return physics.next_energy_kwh(
        row(battery.e if energy is None else energy),
        row(b),
        charge_efficiency=row(battery.ec if ec is None else ec),
        discharge_efficiency=row(battery.ed if ed is None else ed),
        timestep_h=Exact(battery.dt),  # type: ignore[arg-type]
    )[0]


def between(charge: Any, discharge: Any, share: Any) -> Any:
    """Return a power of the box, from one end to the other."""
    return -discharge + share * (charge + discharge)


@FEW
@given(batteries())
def test_box_holds_zero_for_any_energy(battery):
    charge, discharge = reach_of(battery)
    assert_tied(
        "box-holds-zero",
        e=battery.e,
        emin=battery.emin,
        emax=battery.emax,
        charge_limit=battery.limits[0],
        discharge_limit=battery.limits[1],
        ec=battery.ec,
        ed=battery.ed,
        dt=battery.dt,
        charge=charge,
        discharge=discharge,
        room_up=max(battery.emax - battery.e, 0) / (battery.dt * battery.ec),
        room_down=max(battery.e - battery.emin, 0) * battery.ed / battery.dt,
    )


@FEW
@given(batteries(), SHARES, SHARES)
def test_soc_one_step_and_soc_outside_band_speak_about_the_physics(battery, level, share):
    for name, energy in (
        ("soc-one-step", battery.emin + level * (battery.emax - battery.emin)),
        ("soc-outside-band", battery.e),
    ):
        charge, discharge = reach_of(battery, energy=energy)
        b = between(charge, discharge, share)
        assert_tied(
            name,
            e=energy,
            next=after(battery, b, energy=energy),
            emin=battery.emin,
            emax=battery.emax,
            b=b,
            ec=battery.ec,
            ed=battery.ed,
            dt=battery.dt,
            room_up=max(battery.emax - energy, 0) / (battery.dt * battery.ec),
            room_down=max(energy - battery.emin, 0) * battery.ed / battery.dt,
            taken=max(-b, 0) / battery.ed,
        )


READINGS = st.tuples(FRACTIONS, st.fractions(-1, 1, max_denominator=6))
"""An error of a meter, kWh, and which part of it, with its sign, is made."""


@FEW
@given(batteries(), SHARES, SHARES, READINGS, st.tuples(EFFICIENCIES, EFFICIENCIES))
def test_soc_robust_is_the_box_of_the_code_given_pessimistic_ratings(battery, level, share, reading, others):
    (error, off), (more, less) = reading, others
    truth = battery.emin + level * (battery.emax - battery.emin)
    metered, high, low = truth + off * error, max(battery.ec, more), min(battery.ed, less)
    charge, discharge = reach_of(battery, ec=high, ed=low, error=error, energy=metered)
    b = between(charge, discharge, share)
    assert_tied(
        "soc-robust",
        e=metered,
        truth=truth,
        next=after(battery, b, energy=truth),
        error=error,
        emin=battery.emin,
        emax=battery.emax,
        b=b,
        ec=battery.ec,
        ec_high=high,
        ed=battery.ed,
        ed_low=low,
        dt=battery.dt,
        room_up=max(battery.emax - error - metered, 0) / (battery.dt * high),
        room_down=max(metered - battery.emin - error, 0) * low / battery.dt,
        taken=max(-b, 0) / battery.ed,
    )


@FEW
@given(batteries(), SHARES, SHARES, READINGS, st.tuples(EFFICIENCIES, EFFICIENCIES))
def test_soc_excess_bounds_what_nominal_ratings_let_through(battery, level, share, reading, true):
    (error, off), (true_ec, true_ed) = reading, true
    metered = battery.emin + level * (battery.emax - battery.emin)
    truth = metered + off * error
    charge, discharge = reach_of(battery, energy=metered)
    b = between(charge, discharge, share)
    assert_tied(
        "soc-excess",
        e=metered,
        truth=truth,
        next=after(battery, b, energy=truth, ec=true_ec, ed=true_ed),
        error=error,
        emin=battery.emin,
        emax=battery.emax,
        b=b,
        ec=true_ec,
        ec_rated=battery.ec,
        ed=true_ed,
        ed_rated=battery.ed,
        rise=max(true_ec / battery.ec - 1, 0),
        fall=max(battery.ed / true_ed - 1, 0),
        dt=battery.dt,
        room_up=(battery.emax - metered) / (battery.dt * battery.ec),
        room_down=(metered - battery.emin) * battery.ed / battery.dt,
        taken=max(-b, 0) / true_ed,
    )


def test_the_robust_box_can_be_had_through_the_limits_of_a_step():
    community = Community(
        battery_capacity_kwh=10.0,
        charge_limit_kw=50.0,
        discharge_limit_kw=50.0,
        charge_efficiency=0.9,
        discharge_efficiency=0.9,
        soc_min=0.1,
        soc_max=0.9,
        network=Network.single_feeder(n_prosumers=1),
    )
    # A meter off by 2 % of the capacity, efficiencies by 0.05: (9 − 0.2 − 5)/0.95 and (5 − 0.2 − 1)·0.85.
    cautious = Limits(soc_min=0.12, soc_max=0.88, charge_efficiency=0.95, discharge_efficiency=0.85)
    observed = {"demand_kw": [0.0], "pv_kw": [0.0], "soc": [0.5], "retail_price": 0.3, "feed_in_price": 0.1}
    situation = Screen(community)({**observed, "limits": cautious}, np.zeros(1))
    assert situation.battery_upper_kw[0] == pytest.approx(3.8 / 0.95)
    assert situation.battery_lower_kw[0] == pytest.approx(-3.8 * 0.85)


@FEW
@given(*[st.floats(0.0, 9.0)] * 2, st.floats(-20.0, 20.0), st.floats(0.0, 5.0))
@example(3.0, 3.0, 0.1, 5e-324)
def test_ramp_window_lies_inside_the_box(upper, lower, previous, ramp):
    columns = [np.array([value]) for value in (upper, lower, previous, ramp)]
    reach = np.array([columns[0], columns[1]])
    box = physics.battery_box(reach, ramp_limit_kw=columns[3], previous_kw=columns[2])
    assert_tied(
        "ramp-window",
        lower=-lower,
        upper=upper,
        previous=previous,
        ramp=ramp,
        ramp_lower=float(-rounding.added(columns[3], -columns[2])[0]),
        ramp_upper=float(rounding.added(columns[2], columns[3])[0]),
        blo=float(box.lower_kw[0]),
        bhi=float(box.upper_kw[0]),
    )


@FEW
@given(st.lists(FINE_KW, min_size=2, max_size=2, unique=True), SHARES)
def test_rounding_inward_is_what_bounds_are_made_with(ends, share):
    lower_kw, upper_kw = min(ends) - 4.0, max(ends) - 4.0
    high = int(_whole(np.floor, np.array([upper_kw]))[0])
    low = -int(_whole(np.floor, np.array([-lower_kw]))[0])
    assume(low <= high)
    point = low + int(share * (high - low))
    lower, upper = (Fraction(value) * PER_KW for value in (lower_kw, upper_kw))
    assert_tied("rounding-inward", lower=lower, upper=upper, low=low, high=high, point=point)


@FEW
@given(st.integers(-(2**30), 2**30), st.integers(0, 900), FRACTIONS, FRACTIONS)
def test_thin_box_is_what_a_box_without_a_milliwatt_becomes(start, width, more, less):
    lower_kw, upper_kw = start / 2**30, (start + width) / 2**30
    reach_kw = np.array([[upper_kw], [-lower_kw]])
    reach = _whole(np.floor, reach_kw)
    assume(reach[0, 0] < -reach[1, 0])
    _widen(reach, reach_kw)
    assert reach[0, 0] == -reach[1, 0]
    lower, upper = Fraction(lower_kw) * PER_KW, Fraction(upper_kw) * PER_KW
    assert_tied(
        "thin-box",
        floor=min(lower, 0) - less,
        roof=max(upper, 0) + more,
        lower=lower,
        upper=upper,
        near=lower if abs(lower) < abs(upper) else upper,
        point=int(reach[0, 0]),
    )


@FEW
@given(st.floats(0.0, 1e9))
@example(8.818173999999999)
@example(1e9)
def test_rounding_of_floats_is_off_by_its_last_digit_at_most(kw):
    low, near = (int(_whole(kind, np.array([kw]))[0]) for kind in (np.floor, np.rint))
    assert_tied("rounding-of-floats", exact=Fraction(kw) * PER_KW, product=kw * SCALE, low=low, near=near)


def test_a_product_of_floats_can_be_rounded_up_past_a_whole_milliwatt():
    kw = 8.818173999999999
    assert int(_whole(np.floor, np.array([kw]))[0]) > Fraction(kw) * PER_KW


@FEW
@given(
    st.tuples(*[st.floats(0.001, 1.0)] * 3),
    st.floats(0.1, 500.0),
    st.tuples(*[st.floats(0.2, 1.0)] * 2),
    st.sampled_from([1 / 12, 0.25, 1.0]),
)
def test_room_in_floats_and_reach_in_floats_follow_the_code_step_by_step(levels, capacity, efficiencies, dt):
    (soc, low, high), (ec, ed) = levels, efficiencies
    low, high = min(low, high), max(low, high)
    ends, large = {True: high, False: low}, np.array([1e15])
    storage = Storage.of(
        energy_min_kwh=np.array([low * capacity]),
        energy_max_kwh=np.array([high * capacity]),
        charge_limit_kw=large,
        discharge_limit_kw=large,
        charge_efficiency=np.array([ec]),
        discharge_efficiency=np.array([ed]),
        timestep_h=dt,
    )
    energy = np.array([soc * capacity])
    reach = physics.reach_kw(storage, energy)
    for k, charging in enumerate((True, False)):
        narrowed = float((storage.energy_max_kwh if charging else storage.energy_min_kwh)[0])
        difference = max(narrowed - energy[0] if charging else energy[0] - narrowed, 0.0)
        e, limit = Fraction(soc) * Fraction(capacity), Fraction(ends[charging]) * Fraction(capacity)
        room = max(limit - e if charging else e - limit, 0)
        floats = {"ef": energy[0], "l1": ends[charging] * capacity, "l2": narrowed, "difference": difference}
        assert_tied("room-in-floats", e=e, limit=limit, charging=charging, room=room, **floats)
        assert_tied(
            "reach-in-floats",
            room=room,
            difference=difference,
            hours=Fraction(dt) * (Fraction(ec) if charging else 1),
            arrives=1 if charging else ed,
            hf=storage.hours[k, 0],
            af=storage.yield_[k, 0],
            product=difference * storage.yield_[k, 0],
            reach=reach[k, 0],
        )


@st.composite
def worlds(draw: st.DrawFn) -> Any:
    """Bounds of a small community on a tree, with measurements that are no whole milliwatts."""
    size, lines = draw(st.integers(1, 5)), draw(st.integers(1, 4))

    def column(values: st.SearchStrategy[float], count: int = size) -> Any:
        return np.array([draw(values) for _ in range(count)])

    network = Network(
        parent=np.array([-1, *(draw(st.integers(0, k - 1)) for k in range(1, lines))]),
        bus_of_prosumer=np.array([draw(st.integers(0, lines - 1)) for _ in range(size)]),
        import_limit_kw=column(COARSE_KW, lines),
        export_limit_kw=column(COARSE_KW, lines),
    )
    community = Community(
        battery_capacity_kwh=column(st.sampled_from([0.0, 6.4])),
        charge_limit_kw=5.0,
        discharge_limit_kw=3.0,
        connection_limit_kw=column(st.sampled_from([1.0, 4.0, 15.0, float("inf")])),
        network=network,
    )
    observation = {
        "demand_kw": column(st.one_of(st.just(0.0), FINE_KW)),
        "pv_kw": column(st.one_of(st.just(0.0), FINE_KW)),
        "soc": column(st.sampled_from([0.0, 0.3, 1.0])),
        "retail_price": np.full(size, 0.3),
        "feed_in_price": np.full(size, 0.1),
    }
    return bounds_of(Screen(community)(observation, np.zeros(size)))


def below(network: Network, line: int) -> list[int]:
    return [i for i in range(network.n_prosumers) if line in network.lines_above[i]]


def points_of(draw: Any, size: int) -> SetPoints:
    def column(values: st.SearchStrategy[float]) -> Any:
        return np.array([draw(values) for _ in range(size)])

    return SetPoints(
        battery_kw=column(st.floats(-9.0, 9.0)),
        curtail_kw=column(st.one_of(st.just(0.0), st.floats(0.0, 9.0))),
        shed_kw=column(st.one_of(st.just(0.0), st.floats(0.0, 9.0))),
    )


def safe_plan(draw: Any, bounds: Any) -> Plan:
    """Return a plan that passes CHECK: a random one, restrained, or the grid-only one."""
    plan = recovery.restrain(bounds, quantise(bounds, points_of(draw, bounds.size)), move_batteries=True)
    return recovery.grid_only(bounds) if check(bounds, plan) else plan


@FEW
@given(worlds(), st.data())
def test_clip_into_box_is_what_quantise_does(bounds, data):
    points = points_of(data.draw, bounds.size)
    plan = quantise(bounds, points)
    for k, (wished_kw, made) in enumerate(zip(points, plan, strict=True)):
        wishes = np.rint(wished_kw * SCALE + (0.499 if k else 0.0))
        for i, wish in enumerate(wishes):
            place = k * bounds.size + i
            ends = {"lower": int(bounds.lower[place]), "upper": int(bounds.upper[place])}
            assert_tied("clip-into-box", wish=int(wish), point=int(made[i]), **ends)


class Executed(NamedTuple):
    """What a prosumer does as executed, mW: net export, what is left of generation, and of load."""

    n: Fraction
    generation: Fraction
    load: Fraction


def executed(bounds: Any, plan: Plan) -> list[Executed]:
    """Return what every prosumer does as executed, exactly, with `rounding-of-measurements` held against each."""
    points, found = to_kw(bounds, plan), []
    situation = bounds.situation
    for i, whole in enumerate(net_export_of(bounds, plan).tolist()):
        g, d = (Fraction(float(values[i])) * PER_KW for values in (situation.pv_kw, situation.demand_kw))
        cuts = []
        for cut_kw, kw, cut, part in (
            (points.curtail_kw[i], situation.pv_kw[i], plan.curtail[i], g),
            (points.shed_kw[i], situation.demand_kw[i], plan.shed[i], d),
        ):
            assert cut_kw == kw or cut_kw == cut / SCALE
            cuts.append(part if cut_kw == kw and cut > 0 else Fraction(int(cut)))
        b, gi, di = int(plan.battery[i]), int(bounds.pv[i]), int(bounds.demand[i])
        n = (g - cuts[0]) - (d - cuts[1]) - b
        cut = {"c": int(plan.curtail[i]), "s": int(plan.shed[i]), "cut": cuts[0], "shed": cuts[1]}
        both = {"g": g, "d": d, "gi": gi, "di": di, "difference": gi - di}
        assert_tied("rounding-of-measurements", **both, **cut, b=b, ni=whole, n=n)
        found.append(Executed(n=n, generation=g - cuts[0], load=d - cuts[1]))
    return found


def limit_mw(limit_kw: float) -> Fraction:
    return Fraction(min(float(limit_kw), 1e9)) * PER_KW


@FEW
@given(worlds(), st.data())
def test_rounding_of_measurements_margin_step_and_line_margin_lead_from_check_to_the_limits(bounds, data):
    plan = safe_plan(data.draw, bounds)
    assume(not check(bounds, plan))
    net, whole = [done.n for done in executed(bounds, plan)], net_export_of(bounds, plan).tolist()
    capacity, network = bounds.situation.capacity, bounds.situation.community.network
    for i, (n, ni) in enumerate(zip(net, whole, strict=True)):
        limit, bound = limit_mw(capacity.connection_limit_kw[i]), int(bounds.connection[i])
        for sign in (1, -1):
            assert_tied("line-margin", below=1, limit=limit, bound=bound, flow=sign * n, whole=sign * ni)
    for line in range(network.n_lines):
        flow, total, members = Fraction(0), 0, below(network, line)
        for k, i in enumerate(members):
            assert_tied("margin-step", k=k, flow=flow, whole=total, n=net[i], ni=whole[i])
            flow, total = flow + net[i], total + whole[i]
        assert total == ledger_of(bounds, plan)[4 * bounds.size + line]
        for sign, limit_kw, bound in (
            (1, capacity.export_limit_kw[line], bounds.export_limit[line]),
            (-1, capacity.import_limit_kw[line], bounds.import_limit[line]),
        ):
            limits = {"limit": limit_mw(limit_kw), "bound": int(bound)}
            assert_tied("line-margin", below=len(members), flow=sign * flow, whole=sign * total, **limits)


def test_a_limit_smaller_than_the_margin_is_held_to_the_margin_and_no_better():
    # A feeder that may export nothing, ten homes that each export 0.4 mW: the integers see nothing.
    community = Community(
        battery_capacity_kwh=0,
        charge_limit_kw=0,
        discharge_limit_kw=0,
        network=Network.single_feeder(n_prosumers=10, export_limit_kw=0.0),
    )
    observed = {"demand_kw": 1.0, "pv_kw": 1.0000004, "soc": 0.5, "retail_price": 0.3, "feed_in_price": 0.1}
    bounds = bounds_of(Screen(community)(observed, np.zeros(10)))
    zero = np.zeros(10, dtype=np.int64)
    assert check(bounds, Plan(zero, zero, zero)) == ()
    flow = sum(done.n for done in executed(bounds, Plan(zero, zero, zero)))
    assert flow == pytest.approx(4.0)
    assert_tied("line-margin", below=10, limit=0, bound=0, flow=flow, whole=0)


@FEW
@given(st.integers(1, 6), st.data())
def test_sums_are_exact_for_whatever_passes_its_connection(size, data):
    network = Network.single_feeder(n_prosumers=size)
    community = Community(battery_capacity_kwh=0, charge_limit_kw=0, discharge_limit_kw=0, network=network)
    observed = {"demand_kw": 0.0, "pv_kw": 0.0, "soc": 0.5, "retail_price": 0.3, "feed_in_price": 0.1}
    largest = int(bounds_of(Screen(community)(observed, np.zeros(size))).connection[0])
    net = [data.draw(st.sampled_from([-largest, largest, 0]) | st.integers(-largest, largest)) for _ in range(size)]
    for k, n in enumerate(net):
        assert_tied("sums-are-exact", total=sum(net[:k]), n=n, C=largest, bound=k * largest)
    assert physics.line_flows(network, np.array(net)).tolist() == [sum(net)]


def test_connections_leave_room_for_the_sum_of_any_number_of_prosumers():
    size = 2**15
    network = Network.single_feeder(n_prosumers=size)
    community = Community(battery_capacity_kwh=0, charge_limit_kw=0, discharge_limit_kw=0, network=network)
    observed = {"demand_kw": 0.0, "pv_kw": 0.0, "soc": 0.5, "retail_price": 0.3, "feed_in_price": 0.1}
    capacity = Screen(community)(observed, np.zeros(size)).capacity
    largest = fixed_rows(capacity, network)[1][3 * size : 4 * size]
    assert int(largest[0]) * size <= LARGEST_SUM
    assert physics.line_flows(network, largest).tolist() == [int(largest[0]) * size]


FLOWS = st.integers(-9, 9)
LIMITS = st.integers(0, 9)


@given(FLOWS, *[LIMITS] * 4)
@example(5, 2, 3, 9, 0)
@example(-5, 2, 3, 0, 9)
def test_relief_is_the_function_of_that_name(flow, least, most, down, up):
    take, spare = recovery._relief(flow, -least, most, down, up)
    assert_tied("relief", flow=flow, least=-least, most=most, down=down, up=up, take=take, spare=spare)


@given(st.integers(0, 60), st.lists(st.integers(0, 9), min_size=1, max_size=6))
@example(5, [2, 2, 2])
def test_share_part_share_floors_and_greedy_step_follow_a_split_to_its_end(amount, capacities):
    parts, total = recovery.share(amount, capacities), sum(capacities)
    amount = min(amount, total)
    assume(amount > 0)
    floors = [amount * capacity // total for capacity in capacities]
    for k, (capacity, part) in enumerate(zip(capacities, floors, strict=True)):
        both = {"amount": amount, "total": total}
        assert_tied("share-part", capacity=capacity, part=part, **both)
        sums = {"capacities": sum(capacities[:k]), "parts": sum(floors[:k])}
        assert_tied("share-floors", capacity=capacity, part=part, **sums, **both)
    rest = amount - sum(floors)
    for k, (capacity, part) in enumerate(zip(capacities, floors, strict=True)):
        step = parts[k] - part
        room, room_after = (sum(capacities[j:]) - sum(floors[j:]) for j in (k, k + 1))
        step_of = {"capacity": capacity, "part": part, "step": step, "rest": rest, "rest_after": rest - step}
        assert_tied("greedy-step", room=room, room_after=room_after, **step_of)
        rest -= step
    assert rest == 0
    assert sum(parts) == amount


def watched(bounds: Any) -> tuple[Plan, list[Any], list[Any]]:
    """Return the grid-only plan, and what went into and came out of every `_relief` and every `share` on the way."""
    reliefs: list[Any] = []
    shares: list[Any] = []
    relief, share = recovery._relief, recovery.share

    def watched_relief(*given: int) -> tuple[int, int]:
        reliefs.append((given, relief(*given)))
        return reliefs[-1][1]

    def watched_share(amount: int, capacities: Any) -> list[int]:
        shares.append((amount, list(capacities), share(amount, capacities)))
        return shares[-1][2]

    with patch.object(recovery, "_relief", watched_relief), patch.object(recovery, "share", watched_share):
        plan = recovery.grid_only(bounds)
    return plan, reliefs, shares


def by_line(bounds: Any, reliefs: list[Any]) -> tuple[list[Any], dict[int, Any]]:
    """Return the reliefs of nodes and of lines."""
    order = bounds.situation.community.network.leaves_first
    assert len(reliefs) == bounds.size + len(order)
    return reliefs[: bounds.size], dict(zip(order, reliefs[bounds.size :], strict=True))


@FEW
@given(worlds())
def test_capacity_of_a_line_is_what_recovery_counts_on_from_the_leaves(bounds):
    nodes, lines = by_line(bounds, watched(bounds)[1])
    network = bounds.situation.community.network
    for line in network.leaves_first:
        (given_flow, _, _, given_down, given_up), _ = lines[line]
        flow = down = up = 0
        for (carried, *_), (take, spare) in (
            *(nodes[i] for i in network.nodes_of_line[line]),
            *(lines[k] for k in network.lines_of_line[line]),
        ):
            kept = carried - take
            sums = {"flow": flow, "down": down, "up": up}
            flow, down, up = flow + kept, down + max(spare, 0), up + max(-spare, 0)
            sums |= {"flow_after": flow, "down_after": down, "up_after": up}
            assert_tied("capacity-of-a-line", kept=kept, spare=spare, **sums)
        assert (flow, down, up) == (given_flow, given_down, given_up)


@FEW
@given(worlds())
def test_asked_of_a_line_and_no_flow_turns_round_follow_recovery_to_the_leaves(bounds):
    plan, reliefs, shares = watched(bounds)
    nodes, lines = by_line(bounds, reliefs)
    network = bounds.situation.community.network
    above = dict.fromkeys(lines, 0)
    moved = [take for _, (take, _) in nodes]
    for line in reversed(network.leaves_first):
        (flow, least, most, down, up), (take, spare) = lines[line]
        asked = take + above[line]
        own = {"flow": flow, "least": least, "most": most, "down": down, "up": up, "take": take, "spare": spare}
        assert_tied("asked-of-a-line", above=above[line], asked=asked, **own)
        if asked == 0:
            continue
        sign, (amount, _, parts) = 1 if asked > 0 else -1, shares.pop(0)
        assert amount == abs(asked) == sum(parts)
        children = [
            *((i, None) for i in network.nodes_of_line[line]),
            *((None, k) for k in network.lines_of_line[line]),
        ]
        for (node, inner), part in zip(children, parts, strict=True):
            (carried, low, high, *_), (taken, _) = nodes[node] if inner is None else lines[inner]
            kept = carried - taken
            ends = {"kept": kept, "after": kept - sign * part, "least": low, "most": high}
            assert_tied("no-flow-turns-round", sign=sign, part=part, **ends)
            if inner is None:
                moved[node] += sign * part
            else:
                above[inner] = sign * part
    assert not shares
    assert (plan.curtail - plan.shed).tolist() == moved


@FEW
@given(worlds())
def test_least_cuts_are_what_recovery_makes(bounds):
    plan, reliefs, _ = watched(bounds)
    nodes, lines = by_line(bounds, reliefs)
    network = bounds.situation.community.network
    for line in network.leaves_first:
        members, inner = below(network, line), [line]
        for other in inner:
            inner += network.lines_of_line[other]
        takes = [nodes[i][1][0] for i in members] + [lines[k][1][0] for k in inner[1:]]
        (flow, least, most, *_), (take, _) = lines[line]
        assert_tied(
            "least-cuts",
            uncut=sum(int(bounds.pv[i]) - int(bounds.demand[i]) for i in members),
            curtail=sum(int(plan.curtail[i]) for i in members),
            shed=sum(int(plan.shed[i]) for i in members),
            least_curtail=sum(max(x, 0) for x in takes),
            least_shed=sum(max(-x, 0) for x in takes),
            imports=-least,
            exports=most,
            flow=flow,
            more=max(take, 0),
            fewer=max(-take, 0),
        )


@FEW
@given(worlds())
def test_extra_cut_is_what_a_node_gives_for_the_lines_above(bounds):
    plan, reliefs, _ = watched(bounds)
    net = net_export_of(bounds, plan).tolist()
    for i, (take, _) in enumerate(answer for _, answer in by_line(bounds, reliefs)[0]):
        c, s = max(take, 0), max(-take, 0)
        g, d = int(bounds.pv[i]), int(bounds.demand[i])
        n = (g - c) - (d - s)
        extra = int(plan.curtail[i]) - c if n > 0 else int(plan.shed[i]) - s
        own = {"g": g, "d": d, "c": c, "s": s, "n": n}
        assert_tied("extra-cut", K=int(bounds.connection[i]), extra=extra, n_after=net[i], **own)


@FEW
@given(worlds(), st.data())
def test_capacity_of_a_node_and_move_split_are_what_restrain_does(bounds, data):
    plan = quantise(bounds, points_of(data.draw, bounds.size))
    found: list[Any] = []
    reductions = recovery._reductions

    def watched_reductions(*given: Any) -> list[int]:
        found.extend((*given[2:], reductions(*given)))
        return found[-1]

    with patch.object(recovery, "_reductions", watched_reductions):
        made = recovery.restrain(bounds, plan, move_batteries=True)
    charge, discharge, moved = found
    before, afterwards = net_export_of(bounds, plan), net_export_of(bounds, made)
    for i in range(bounds.size):
        node = {
            "g": int(bounds.curtailable[i]), "d": int(bounds.sheddable[i]), "c": int(plan.curtail[i]),
            "s": int(plan.shed[i]), "b": int(plan.battery[i]), "lower": int(bounds.battery_lower[i]),
            "upper": int(bounds.battery_upper[i]), "n": int(before[i]),
        }  # fmt: skip
        down = int(charge[i] + bounds.curtailable[i] - plan.curtail[i])
        up = int(discharge[i] + bounds.sheddable[i] - plan.shed[i])
        assert_tied("capacity-of-a-node", down=down, up=up, **node)
        step = int(made.battery[i] - plan.battery[i])
        assert_tied(
            "move-split",
            moved=moved[i],
            charged=max(step, 0),
            discharged=max(-step, 0),
            b_after=int(made.battery[i]),
            c_after=int(made.curtail[i]),
            s_after=int(made.shed[i]),
            n_after=int(afterwards[i]),
            **node,
        )


@FEW
@given(worlds())
def test_fair_shares_add_up_to_no_more_than_the_limit(bounds):
    network = bounds.situation.community.network
    for limits in (network.import_limit_kw, network.export_limit_kw):
        shares = physics.fair_share_kw(network, limits)
        for line in np.flatnonzero(np.isfinite(limits)):
            members, total = below(network, int(line)), Fraction(0)
            for k, i in enumerate(members):
                share = Fraction(float(shares[i]))
                assert_tied("fair-shares", limit=float(limits[line]), N=len(members), k=k, total=total, share=share)
                total += share


def finite(kw: float) -> Fraction:
    return Fraction(float(kw)) if np.isfinite(kw) else Fraction(50)


@FEW
@given(worlds(), st.data())
def test_dead_stop_holds_whatever_is_generated_or_used_within_the_caps(bounds, data):
    situation = bounds.situation
    verdict = dead_stop(situation, ())
    assert not verdict.set_points.battery_kw.any()
    flow = exports = imports = Fraction(0)
    for i in range(bounds.size):
        cap = {name: finite(getattr(verdict, f"{name}_kw")[i]) for name in ("generation_cap", "load_cap")}
        generation, load = (data.draw(SHARES) * value for value in cap.values())
        n, limit = generation - load, max(finite(situation.connection_limit_kw[i]), 0)
        sums = {"flow": flow, "exports": exports, "imports": imports}
        assert_tied("dead-stop", generation=generation, load=load, b=0, n=n, K=limit, **cap, **sums)
        flow, exports, imports = flow + n, exports + cap["generation_cap"], imports + cap["load_cap"]
    network = situation.community.network
    for caps_kw, limits in (
        (verdict.generation_cap_kw, network.export_limit_kw),
        (verdict.load_cap_kw, network.import_limit_kw),
    ):
        for line in np.flatnonzero(np.isfinite(limits)):
            assert sum(Fraction(float(caps_kw[i])) for i in below(network, int(line))) <= Fraction(float(limits[line]))


@FEW
@given(worlds(), st.data())
def test_caps_of_a_decision_hold_the_lines(bounds, data):
    plan = safe_plan(data.draw, bounds)
    assume(not check(bounds, plan))
    situation, points = bounds.situation, to_kw(bounds, plan)
    left = situation.pv_kw - points.curtail_kw, situation.demand_kw - points.shed_kw
    given_caps = caps(bounds, ledger_of(bounds, plan), *left)
    done, network = executed(bounds, plan), situation.community.network
    # Plans as they are executed, exactly; the shares less a billionth, for the floats they are worked out in.
    shares = [
        [max((Fraction(float(cap)) - Fraction(float(kw))) * PER_KW * Fraction(999_999_999, 10**9), Fraction(0))
         if np.isfinite(cap) else Fraction(0) for cap, kw in zip(*pair, strict=True)]
        for pair in zip(given_caps, left, strict=True)
    ]  # fmt: skip
    for line in range(network.n_lines):
        members = below(network, line)
        limits = [limit_mw(values[line]) for values in (network.export_limit_kw, network.import_limit_kw)]
        whole = sum(int(net_export_of(bounds, plan)[i]) for i in members)
        planned, out, into = Fraction(0), Fraction(0), Fraction(0)
        flow = drawn = Fraction(0)
        for k, i in enumerate(members):
            b = int(plan.battery[i])
            g, d = done[i].generation, done[i].load
            rise, fall, more, gain = (data.draw(SHARES) for _ in range(4))
            generation, load = g * fall + (g + shares[0][i] - g * fall) * rise, d + more
            high, low = d * fall + (d + shares[1][i] - d * fall) * rise, g + gain
            n, n_in = generation - load - b, low - high - b
            if k == len(members) - 1:
                assert_tied(
                    "caps-of-a-decision",
                    below=len(members),
                    whole=whole,
                    exports=int(bounds.export_limit[line]),
                    imports=int(bounds.import_limit[line]),
                    planned=planned,
                    flow=flow,
                    drawn=drawn,
                    shares_out=out,
                    shares_in=into,
                    generation_plan=g,
                    load_plan=d,
                    b=b,
                    share_out=shares[0][i],
                    share_in=shares[1][i],
                    generation_cap=g + shares[0][i],
                    load_cap=d + shares[1][i],
                    generation=generation,
                    load=load,
                    generation_low=low,
                    load_high=high,
                    planned_after=planned + done[i].n,
                    Lexp=limits[0],
                    Limp=limits[1],
                )
            planned, flow, drawn = planned + done[i].n, flow + n, drawn + n_in
            out, into = out + shares[0][i], into + shares[1][i]


@FEW
@given(worlds(), st.data())
def test_isolated_share_is_taken_off_every_line(bounds, data):
    situation = bounds.situation
    network, capacity = situation.community.network, situation.capacity
    isolated = np.array([data.draw(st.booleans()) for _ in range(bounds.size)])
    kept = reserve(network, capacity, isolated)
    for name, share_kw in (("import_limit_kw", capacity.fair_import_kw), ("export_limit_kw", capacity.fair_export_kw)):
        limits, left = getattr(capacity, name), getattr(kept, name)
        for line in np.flatnonzero(np.isfinite(limits)):
            taken = sum((Fraction(float(share_kw[i])) for i in below(network, int(line)) if isolated[i]), Fraction(0))
            limit = Fraction(float(limits[line]))
            exact = max(limit - taken, Fraction(0))
            assert float(left[line]) == pytest.approx(float(exact), abs=1e-12)
            assert_tied("isolated-share", limit=limit, taken=taken, left=exact, others=exact, isolated=taken)


@FEW
@given(st.lists(st.integers(-40, 40), min_size=3, max_size=6), st.lists(st.integers(1, 3), min_size=3, max_size=3))
def test_line_losses_stay_below_the_worst_case_that_limits_are_tightened_by(net, scale):
    # One feeder and two lines below it; 40·k/1024 ohm at 200 V are k/1024 per kW, so that every float here is exact.
    network = Network(
        parent=[-1, 0, 0],
        bus_of_prosumer=[k % 3 for k in range(len(net))],
        import_limit_kw=[8.0, 4.0, 4.0],
        export_limit_kw=[6.0, 4.0, 2.0],
        resistance_ohm=[40 * k / 1024 for k in scale],
        nominal_voltage_v=200.0,
    )
    exported = np.array(net) / 16
    flows, sums, worst = (
        physics.lossy_flows(network, exported),
        network.incidence @ exported,
        network.worst_case_loss_kw,
    )
    tightened = network.import_limit_kw - worst
    assume(np.all((-tightened <= sums) & (sums <= network.export_limit_kw)))
    for line in range(3):
        inner = Fraction(float(sum(worst[k] for k in network.lines_of_line[line])))
        limits = [Fraction(float(x[line])) for x in (network.import_limit_kw, network.export_limit_kw)]
        assert_tied(
            "line-losses",
            sum=float(sums[line]),
            below=inner,
            f=float(flows.downstream_kw[line]),
            r=float(network.loss_coefficient_per_kw[line]),
            Limp=limits[0],
            Lexp=limits[1],
            largest=max(limits),
            w=float(worst[line]),
            loss=float(flows.loss_kw[line]),
        )


def test_every_lemma_is_held_against_the_code():
    tied = set()
    for line in Path(__file__).read_text(encoding="utf-8").splitlines():
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
