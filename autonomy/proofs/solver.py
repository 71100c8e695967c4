"""Two independent solvers behind one function each: a text in SMT-LIB goes in, `sat` or `unsat` comes out.

Both get the very same text. z3 and cvc5 share no code: different parsers, different decision procedures. They are
imported here and nowhere else, and only when asked for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from types import MappingProxyType
from typing import Any

from autonomy.errors import OptionalDependencyError
from autonomy.proofs.expression import Definitions, ExpressionError, read

FEATURE, EXTRA = "proving the lemmas", "proofs"


class Verdict(StrEnum):
    """What a solver said."""

    SAT = "sat"
    UNSAT = "unsat"
    UNKNOWN = "unknown"
    """It gave up, ran out of time, or could not read the text."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a solver said about a text.

    Attributes:
        solver: Its name.
        verdict: What it said.
        seconds: How long it took, s.
        model: Values of the symbols when it is `sat` and they were asked for; empty when one is no fraction.
        text: What it printed, word for word.
    """

    solver: str
    verdict: Verdict
    seconds: float
    model: Mapping[str, Fraction]
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Solver:
    """A solver.

    Attributes:
        name: Its name.
        version: Its version.
        run: Runs a text within a time limit in s and returns what it printed; raises when it cannot read it.
    """

    name: str
    version: str
    run: Callable[[str, float], str]

    def ask(self, text: str, *, limit_s: float, symbols: tuple[str, ...] = ()) -> Answer:
        """Return the answer to a text that ends with `check-sat`.

        Args:
            text: SMT-LIB.
            limit_s: s after which it gives up.
            symbols: Whose values to return if it is `sat`.
        """
        wanted = f"(get-value ({' '.join(symbols)}))\n" if symbols else ""
        start = time.perf_counter()
        try:
            printed = self.run(f"(set-option :produce-models true)\n{text}{wanted}", limit_s).strip()
        except Exception as fault:  # noqa: BLE001 - each library has errors of its own; here they are all "unknown"
            printed = f"error: {fault}"
        seconds = time.perf_counter() - start
        first, _, rest = printed.partition("\n")
        known = first in (Verdict.SAT, Verdict.UNSAT)
        verdict = Verdict(first) if known else Verdict.UNKNOWN
        model = _model(rest) if verdict is Verdict.SAT and symbols else {}
        return Answer(solver=self.name, verdict=verdict, seconds=seconds, model=MappingProxyType(model), text=printed)


def solvers() -> tuple[Solver, ...]:
    """Return both solvers.

    Raises:
        OptionalDependencyError: one is not installed.
    """
    return z3_solver(), cvc5_solver()


def z3_solver() -> Solver:
    """Return z3 [Moura2008]."""
    try:
        import z3  # noqa: PLC0415 - an optional library
    except ImportError:
        raise OptionalDependencyError(FEATURE, EXTRA) from None

    def run(text: str, limit_s: float) -> str:
        context = z3.Context()  # has to outlive the call
        options = f"(set-option :timeout {round(limit_s * 1000)})\n"
        return str(z3.Z3_eval_smtlib2_string(context.ref(), options + text))

    return Solver(name="z3", version=z3.get_version_string(), run=run)


def cvc5_solver() -> Solver:
    """Return cvc5 [Barbosa2022]."""
    try:
        import cvc5  # noqa: PLC0415 - an optional library
    except ImportError:
        raise OptionalDependencyError(FEATURE, EXTRA) from None

    def run(text: str, limit_s: float) -> str:
        solver = cvc5.Solver(cvc5.TermManager())
        solver.setOption("tlimit-per", str(round(limit_s * 1000)))
        parser = cvc5.InputParser(solver)
        parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, text, "lemma")
        manager: Any = parser.getSymbolManager()
        printed = ""
        while not (command := parser.nextCommand()).isNull():
            printed += command.invoke(solver, manager)
        return printed

    return Solver(name="cvc5", version=cvc5.__version__, run=run)


def _model(text: str) -> dict[str, Fraction]:
    """Return the values of a `get-value` answer, ((x (- 1.0)) (y (/ 1 2))); nothing when one is irrational."""
    try:
        (pairs,) = read(text)
        return {str(pair[0]): Fraction(Definitions(()).value(pair[1], {})) for pair in pairs}
    except (ExpressionError, ValueError):
        return {}
