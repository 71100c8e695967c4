"""A conformal martingale: money won by betting that days look stranger than those before.

Day t gets p_t = #{scores among calibration and all days up to t that are >= its own}/(their number). If the days are
exchangeable these are independent, and at least uniform, whatever the distribution [Vovk2005]; so a bet that pays
f(p) = ε·p^(ε−1), decreasing in p and of mean 1, wins nothing on average, and by Ville's inequality [Ville1939]

    P(the capital ever reaches 1/α) <= α                                            starting from 1, over the whole life

The bag has to grow: p-values against a fixed calibration are not independent of each other, and the inequality would
not hold. The bet need not be known: capital is spread over several ε, one of them 1 (cash, which cannot lose), and
every day the share `JUMP` of it is spread anew (the simple jumper [Vovk2005]), so that late drift is found too.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable

from autonomy.layers.arrays import Vector

BETS = (1.0, 0.7, 0.4, 0.2)
"""ε of the bets; 1 is cash."""
JUMP = 0.01


class Martingale:
    """The capital of one sequence of days.

    Args:
        scores: Scores of the calibration days.
    """

    def __init__(self, scores: Iterable[float]) -> None:
        self._calibration = sorted(scores)
        self.restart()

    def restart(self) -> None:
        """Begin a new life: capital 1, and no day known but those of the calibration."""
        self._bag = list(self._calibration)
        self._stakes = [1 / len(BETS)] * len(BETS)
        self.capital = 1.0
        self.p_value = 1.0
        self.days = 0

    def add(self, score: float) -> float:
        """Take the score of a day and return the capital after it."""
        at_least = len(self._bag) - bisect_left(self._bag, score)
        insort(self._bag, score)
        self.p_value = p = (1 + at_least) / len(self._bag)
        won = [stake * bet * p ** (bet - 1) for stake, bet in zip(self._stakes, BETS, strict=True)]
        self.capital = sum(won)
        self._stakes = [(1 - JUMP) * stake + JUMP * self.capital / len(BETS) for stake in won]
        self.days += 1
        return self.capital


def capitals(calibration: Vector, days: Vector) -> list[float]:
    """Return the capital after each of a sequence of days."""
    martingale = Martingale(calibration.tolist())
    return [martingale.add(score) for score in days.tolist()]
