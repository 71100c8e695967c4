"""Has every lemma proved by every solver, and every broken lemma refuted by a counterexample that is computed again.

A lemma counts as proved when

1. every solver says of the negated claim that it is `unsat`,
2. every solver says of the premises alone that they are `sat`: they do not contradict each other, and
3. every control is `sat`, with values that do satisfy the broken script, evaluated in exact fractions and not by the
   solver: the lemma can fail, and the place that was broken matters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from autonomy.proofs.lemma import Control, Lemma, lemmas
from autonomy.proofs.solver import Answer, Solver, Verdict, solvers

LIMIT_S = 20.0
"""s after which a solver gives up on one question; the slowest takes a tenth of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Refutation:
    """What came of a broken lemma.

    Attributes:
        control: How it was broken.
        answers: One a solver; `sat`, with the counterexample.
        confirmed: For each answer, whether its values satisfy the broken script, computed exactly.
    """

    control: Control
    answers: tuple[Answer, ...]
    confirmed: tuple[bool, ...]

    @property
    def is_refuted(self) -> bool:
        """Whether every solver found a counterexample that is one."""
        return bool(self.answers) and all(self.confirmed)


@dataclass(frozen=True, kw_only=True, slots=True)
class Proof:
    """What came of a lemma.

    Attributes:
        lemma: The lemma, with the SHA-256 of its file.
        versions: Of the solvers, in the order of the answers.
        answers: To the negated claim.
        premises: To the premises alone.
        refutations: Of the controls.
    """

    lemma: Lemma
    versions: tuple[str, ...]
    answers: tuple[Answer, ...]
    premises: tuple[Answer, ...]
    refutations: tuple[Refutation, ...]

    @property
    def is_proved(self) -> bool:
        """Whether all three conditions hold."""
        return (
            bool(self.answers)
            and all(answer.verdict is Verdict.UNSAT for answer in self.answers)
            and all(answer.verdict is Verdict.SAT for answer in self.premises)
            and bool(self.refutations)
            and all(refutation.is_refuted for refutation in self.refutations)
        )


def prove_all(
    chosen: Sequence[Lemma] | None = None, *, by: Sequence[Solver] | None = None, limit_s: float = LIMIT_S
) -> tuple[Proof, ...]:
    """Return what came of every lemma.

    Args:
        chosen: Which; all that ship with the package by default.
        by: The solvers; z3 and cvc5 by default.
        limit_s: s for each question.

    Raises:
        OptionalDependencyError: a solver is not installed.
    """
    by = solvers() if by is None else by
    return tuple(prove_lemma(lemma, by=by, limit_s=limit_s) for lemma in (lemmas() if chosen is None else chosen))


def prove_lemma(lemma: Lemma, *, by: Sequence[Solver], limit_s: float = LIMIT_S) -> Proof:
    """Return what came of one lemma."""
    return Proof(
        lemma=lemma,
        versions=tuple(f"{solver.name} {solver.version}" for solver in by),
        answers=tuple(solver.ask(lemma.script.text, limit_s=limit_s) for solver in by),
        premises=tuple(solver.ask(lemma.script.without_claim, limit_s=limit_s) for solver in by),
        refutations=tuple(refute(lemma, control, by=by, limit_s=limit_s) for control in lemma.controls),
    )


def refute(lemma: Lemma, control: Control, *, by: Sequence[Solver], limit_s: float = LIMIT_S) -> Refutation:
    """Return what came of one broken lemma."""
    script = lemma.broken(control)
    answers = tuple(solver.ask(script.text, limit_s=limit_s, symbols=tuple(script.symbols)) for solver in by)
    confirmed = tuple(
        answer.verdict is Verdict.SAT and set(answer.model) == set(script.symbols) and script.refuted_by(answer.model)
        for answer in answers
    )
    return Refutation(control=control, answers=answers, confirmed=confirmed)
