"""One fault: its five words, and when and how hard it strikes."""

from __future__ import annotations

from dataclasses import dataclass

from autonomy.faults.words import Channel, Kind, Scope, Severity

SHARES = (1 / 3, 2 / 3, 1.0)
"""Share of the faulty steps that a fault which either is there or is not strikes: small, medium, large."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """A fault; the same five words always do the same.

    Attributes:
        channel: Where it sits.
        kind: What it does.
        severity: How strongly.
        scope: To whom.
        steps: Number of steps >= 1 from its onset to its end.
    """

    channel: Channel
    kind: Kind
    severity: Severity
    scope: Scope
    steps: int

    def comes_and_goes(self, k: int) -> bool:
        """Return whether an intermittent fault strikes k steps after its onset.

        small: every third step, medium: two of three, large: all; always the first one.
        """
        return (k % 3 == 0, k % 3 != 2, True)[self.severity.place]

    def holds_on(self, k: int) -> bool:
        """Return whether a fault that lasts is still there: for a third, two thirds, or all of its steps."""
        return k < max(round(SHARES[self.severity.place] * self.steps), 1)
