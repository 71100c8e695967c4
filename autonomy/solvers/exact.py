"""Programs checked in exact rational arithmetic: bounds that any multipliers prove, and points against every row.

Every float is a whole number times a power of two, so sums and products of floats are exact in whole numbers of a
common power of two; nothing is rounded here and no solver is asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from autonomy.solvers.linear import Index, LinearProgram, Vector

DIGITS = 53
"""Binary digits of a float."""


class Whole(NamedTuple):
    """Numbers that are exactly `number`·2^-digits.

    Attributes:
        number: Whole numbers of any size.
        digits: Binary digits behind the point.
    """

    number: NDArray[Any]
    digits: int

    def with_digits(self, digits: int) -> NDArray[Any]:
        """Return the whole numbers for at least as many digits."""
        return self.number * (1 << (digits - self.digits))


class ExactPoint(NamedTuple):
    """What a point is worth, and how far it is from feasible.

    Attributes:
        objective: cᵀx.
        residual: The largest amount by which it breaks a bound, a row or, by the smaller of the two, a pair; >= 0.
    """

    objective: Fraction
    residual: Fraction


def whole(values: Vector) -> Whole:
    """Return finite floats as whole numbers of a common power of two, exactly."""
    share, exponent = np.frexp(values)
    number = (share * 2.0**DIGITS).astype(np.int64)
    power = np.where(number == 0, 0, exponent.astype(np.int64) - DIGITS)
    least = min(int(power.min(initial=0)), 0)
    scaled = number.astype(object) << (power - least).astype(object) if number.size else number.astype(object)
    return Whole(scaled, -least)


class ExactProgram:
    """A linear program in whole numbers, made once for many bounds."""

    def __init__(self, program: LinearProgram) -> None:
        self._program = program
        self._value, self._cost = whole(program.value), whole(program.cost)

    def bound(self, dual: Vector, *, upper: Vector | None = None, is_free: bool = False) -> Fraction | None:
        """Return the lower bound on cᵀx that row multipliers y prove, exactly; None where they prove none.

            yᵀA·x + zᵀx with z = c − Aᵀy, each product at its smallest over its row or column bounds [Neumaier2004]

        Any y gives a bound. One that would need an infinite row bound counts as 0; a reduced cost z that needs an
        infinite column bound proves nothing. Integrality and pairs are ignored: what bounds the relaxation bounds the
        rest.

        Args:
            dual: (m,) y.
            upper: (n,) upper bounds of the columns, in place of the program's.
            is_free: Take c as 0. A bound above 0 then proves that there is no point (Farkas' lemma).
        """
        program, value = self._program, self._value
        usable = np.isfinite(dual) & np.isfinite(np.where(dual > 0, program.row_lower, program.row_upper))
        multiplier = whole(np.where(usable, dual, 0.0))
        used = np.flatnonzero((multiplier.number != 0)[program.row])
        moved = Whole(
            _summed(program.column[used], value.number[used] * multiplier.number[program.row[used]], program.cost.size),
            value.digits + multiplier.digits,
        )
        cost = Whole(self._cost.number * 0, 0) if is_free else self._cost
        digits = max(cost.digits, moved.digits)
        reduced = Whole(cost.with_digits(digits) - moved.with_digits(digits), digits)
        rows = _smallest(multiplier, program.row_lower, program.row_upper)
        columns = _smallest(reduced, program.lower, program.upper if upper is None else upper)
        return None if rows is None or columns is None else rows + columns


def exact_bound(program: LinearProgram, dual: Vector) -> Fraction | None:
    """Return the lower bound that multipliers prove, see `ExactProgram.bound`."""
    return ExactProgram(program).bound(dual)


def exact_point(program: LinearProgram, x: Vector, first: Index, second: Index) -> ExactPoint:
    """Return a finite point's objective and its largest residual, exactly; x_first and x_second exclude each other."""
    point, value, cost = whole(x), whole(program.value), whole(program.cost)
    objective = Fraction(_total(cost.number * point.number), 1 << (cost.digits + point.digits))
    activity = Whole(
        _summed(program.row, value.number * point.number[program.column], program.row_lower.size),
        value.digits + point.digits,
    )
    worst = [Fraction(0), *_excesses(point, program.lower, program.upper)]
    worst += _excesses(activity, program.row_lower, program.row_upper)
    whole_columns = x[program.integer]
    worst += [Fraction(float(off)) for off in np.abs(whole_columns - np.round(whole_columns))]
    overlap = np.minimum(x[first], x[second])
    worst.append(Fraction(float(overlap.max(initial=0.0))))
    return ExactPoint(objective=objective, residual=max(worst))


def _smallest(weight: Whole, lower: Vector, upper: Vector) -> Fraction | None:
    """Return Σ of the smallest weight·v over lower <= v <= upper; None where it has no lower end."""
    there = np.flatnonzero(weight.number != 0)
    number = weight.number[there]
    end = np.where(number > 0, lower[there], upper[there])
    if not np.isfinite(end).all():
        return None
    ends = whole(end)
    return Fraction(_total(number * ends.number), 1 << (weight.digits + ends.digits))


def _excesses(values: Whole, lower: Vector, upper: Vector) -> Iterator[Fraction]:
    """Yield the largest amount by which values are below their lower, and above their upper bounds."""
    for bound, sign in ((lower, -1), (upper, 1)):
        finite = np.isfinite(bound)
        ends = whole(bound[finite])
        digits = max(values.digits, ends.digits)
        number = Whole(values.number[finite], values.digits).with_digits(digits)
        over = sign * (number - ends.with_digits(digits))
        if over.size:
            yield Fraction(max(over.tolist()), 1 << digits)


def _summed(place: Index, values: NDArray[Any], size: int) -> NDArray[Any]:
    """Return (size,) whole numbers added up at their places."""
    total = np.zeros(size, dtype=object)
    np.add.at(total, place, values)
    return total


def _total(values: NDArray[Any]) -> int:
    return sum(values.tolist())
