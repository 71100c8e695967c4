"""How strongly something is known, from the strongest to the weakest; and what is known to be false."""

from __future__ import annotations

from enum import StrEnum


class Verdict(StrEnum):
    """What is known of a claim, strongest first."""

    PROVED_EXACT = "PROVED-EXACT"
    """A certificate in rational numbers shows it; the checker repeats that without a solver."""
    PROVED_SMT = "PROVED-SMT"
    """Two solvers that share no code say that there is no counterexample."""
    PROVED_FLOAT = "PROVED-FLOAT"
    """A sound method in floating-point numbers shows it, its rounding bounded but not certified."""
    BOUNDED = "BOUNDED"
    """A bound is proved, and it is not known whether it is attained."""
    TESTED = "TESTED"
    """It was tried so many times; a Clopper-Pearson bound says what that is worth."""
    ASSUMED = "ASSUMED"
    """Nothing here shows it; what is claimed elsewhere rests on it."""
    REFUTED = "REFUTED"
    """It is false, and a witness shows it."""

    @property
    def rank(self) -> int:
        """0 for the strongest."""
        return list(Verdict).index(self)

    @property
    def meaning(self) -> str:
        """One sentence for people who see the word for the first time."""
        return MEANINGS[self]


MEANINGS = {
    Verdict.PROVED_EXACT: "shown by exact arithmetic that the checker repeats, without a solver",
    Verdict.PROVED_SMT: "shown by two independent theorem provers; needs them to be repeated",
    Verdict.PROVED_FLOAT: "shown by a sound method in ordinary floating-point numbers",
    Verdict.BOUNDED: "no worse than a proved bound, which may be too cautious",
    Verdict.TESTED: "tried so many times, with the failure rate that this leaves possible (95 % confidence)",
    Verdict.ASSUMED: "taken for granted; you have to see to it",
    Verdict.REFUTED: "false, with an example that can be replayed",
}
