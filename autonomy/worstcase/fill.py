"""The worst point of a domain for a given labelling, exactly and without a solver.

With labels fixed, a labelling is worth Σ π_i·(w_i − z_i) up to a constant. Sums below the lines of a tree are nested,
and over ranges with nested sums it is best to raise one entry after the other, as far as every sum allows: first what
the lower bounds of sums ask for, inner lines first, by prosumers with the better label where there are some; then the
entries with label 1. The sun is best at one of its ends, because all that it allows grows with it in proportion.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

from autonomy.layers.network import Network
from autonomy.worstcase.cut import LeastCut, Point, least_cut
from autonomy.worstcase.polytope import Amounts, Polytope, Sum
from autonomy.worstcase.side import Side

ZERO = Fraction(0)
MOST_TURNS = 20


def climb(side: Side, domain: Polytope, labels: Sequence[int]) -> LeastCut:
    """Return the least cut at which it ends to take, by turns, the worst point and the labels that are best there."""
    best = least_cut(side, worst_point(side, domain, labels))
    for _ in range(MOST_TURNS):
        found = least_cut(side, worst_point(side, domain, best.labels))
        if found.value <= best.value:
            break
        best = found
    return best


def worst_point(side: Side, domain: Polytope, labels: Sequence[int]) -> Point:
    """Return a point of the domain at which the labelling is worth most; `labels` is (N,) 0 or 1."""
    ones_first = sorted(range(side.size), key=lambda i: -labels[i])
    sun = domain.sun
    wanted_low, wanted_high = domain.wanted_low, domain.wanted_high
    eased_low, eased_high = domain.eased_low, domain.eased_high
    sums = list(domain.sums)
    if sun is not None:
        end = sun.worst
        feeder, total = side.network.leaves_first[-1], end * sun.mean
        sums.append(Sum(of_wanted=sun.of_wanted, line=feeder, lower=total, upper=total))
        low, high = tuple(end * x for x in sun.low), tuple(end * x for x in sun.high)
        if sun.of_wanted:
            wanted_low, wanted_high = low, tuple(map(min, high, wanted_high))
        else:
            eased_low, eased_high = low, tuple(map(min, high, eased_high))
    wanted = _Filling(side.network, wanted_low, wanted_high, [s for s in sums if s.of_wanted])
    wanted.meet_lower_bounds(ones_first)
    wanted.raise_all(i for i in ones_first if labels[i])
    eased = _Filling(side.network, eased_low, eased_high, [s for s in sums if not s.of_wanted])
    eased.meet_lower_bounds(ones_first[::-1])
    return Point(wanted=tuple(wanted.values), eased=tuple(eased.values))


def is_inside(side: Side, domain: Polytope, point: Point) -> bool:
    """Return whether a point keeps every range and sum, and the sun at the end at which `worst_point` takes it."""
    rows = (
        (point.wanted, domain.wanted_low, domain.wanted_high),
        (point.eased, domain.eased_low, domain.eased_high),
    )
    ranges = all(low <= x <= high for row in rows for x, low, high in zip(*row, strict=True))
    sun = domain.sun
    if sun is not None:
        end, roofs = sun.worst, point.wanted if sun.of_wanted else point.eased
        ranges &= all(end * low <= x <= end * high for x, low, high in zip(roofs, sun.low, sun.high, strict=True))
        ranges &= sum(roofs, ZERO) == end * sun.mean
    return ranges and all(
        (bound.lower is None or bound.lower <= total) and (bound.upper is None or total <= bound.upper)
        for bound in domain.sums
        for total in [
            sum(((point.wanted if bound.of_wanted else point.eased)[i] for i in below(side.network, bound.line)), ZERO)
        ]
    )


def below(network: Network, line: int) -> list[int]:
    """Return the prosumers below a line."""
    return [i for i, path in enumerate(network.lines_above) if line in path]


class _Filling:
    """Entries that are raised from their lowest; knows the total of every sum."""

    def __init__(self, network: Network, low: Amounts, high: Amounts, sums: Sequence[Sum]) -> None:
        depth = network.depth.tolist()
        self.values, self._high = list(low), high
        self._sums = sorted(sums, key=lambda bound: -depth[bound.line])
        self._members = [below(network, bound.line) for bound in self._sums]
        self._totals = [sum((low[i] for i in inside), ZERO) for inside in self._members]
        self._above: list[list[int]] = [[] for _ in low]
        for k, inside in enumerate(self._members):
            for i in inside:
                self._above[i].append(k)

    def meet_lower_bounds(self, order: Sequence[int]) -> None:
        """Raise entries, the first in order first, until every sum has what it needs or nothing more can be raised."""
        rank = {i: place for place, i in enumerate(order)}
        for k, bound in enumerate(self._sums):
            for i in sorted(self._members[k], key=rank.__getitem__):
                missing = (bound.lower or ZERO) - self._totals[k]
                if missing <= 0:
                    break
                self._raise(i, missing)

    def raise_all(self, entries: Iterable[int]) -> None:
        """Raise each entry as far as everything allows."""
        for i in entries:
            self._raise(i, self._high[i])

    def _raise(self, i: int, most: Fraction) -> None:
        more = min(most, self._high[i] - self.values[i])
        for k in self._above[i]:
            upper = self._sums[k].upper
            if upper is not None:
                more = min(more, upper - self._totals[k])
        if more > 0:
            self.values[i] += more
            for k in self._above[i]:
                self._totals[k] += more
