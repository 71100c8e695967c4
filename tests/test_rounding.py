"""Sums, quotients and battery boxes are rounded to the safe side, against exact fractions."""

from __future__ import annotations

from fractions import Fraction
from math import inf, nextafter

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from autonomy.layers import physics, rounding
from autonomy.layers.storage import Storage

FINITE = st.floats(-1e300, 1e300)
POSITIVE = st.floats(0.0, 1e300)


def one(value: float) -> np.ndarray:
    return np.array([value])


@given(st.one_of(FINITE, st.sampled_from([0.1, 0.3, -0.1])), st.one_of(FINITE, st.sampled_from([0.2, 0.7, 5e-324])))
def test_a_sum_is_the_largest_float_that_is_not_above_it(x: float, y: float) -> None:
    total, exact = float(rounding.added(one(x), one(y))[0]), Fraction(x) + Fraction(y)
    assert Fraction(total) <= exact
    assert Fraction(nextafter(total, inf)) > exact


@pytest.mark.parametrize(("x", "y", "total"), [(inf, 1.0, inf), (-inf, 1.0, -inf), (1.0, inf, inf)])
def test_a_sum_without_an_end_has_none(x: float, y: float, total: float) -> None:
    assert rounding.added(one(x), one(y))[0] == total


@given(st.one_of(POSITIVE, st.floats(0.0, 100.0)), st.integers(1, 2**26 - 1))
def test_a_quotient_is_the_largest_float_whose_parts_fit(value: float, parts: int) -> None:
    assume(value == 0.0 or value / parts > 1e-300)
    quotient = float(rounding.divided(one(value), one(float(parts)))[0])
    assert Fraction(quotient) * parts <= Fraction(value)
    assert Fraction(nextafter(quotient, inf)) * parts > Fraction(value)


def test_a_fifth_taken_five_times_is_not_more_than_the_whole() -> None:
    # 0.2 as a float is above a fifth.
    assert Fraction(0.2) * 5 > 1
    assert rounding.divided(one(1.0), one(5.0))[0] == nextafter(0.2, 0.0)
    assert rounding.divided(one(inf), one(5.0))[0] == inf


SHARE = st.one_of(st.sampled_from([0.1, 0.3, 0.9, 0.95, 1.0]), st.floats(0.0, 1.0))
EFFICIENCY = st.one_of(st.sampled_from([0.95, 0.9, 1.0]), st.floats(1e-6, 1.0))


@given(st.floats(1e-9, 1e9), st.tuples(SHARE, SHARE, SHARE), EFFICIENCY, EFFICIENCY, st.floats(1e-6, 1e4))
def test_no_float_of_a_box_lets_the_energy_out_of_its_band(
    capacity: float, shares: tuple[float, float, float], ec: float, ed: float, hours: float
) -> None:
    low, soc, high = sorted(shares)
    storage = Storage.of(
        energy_min_kwh=one(low) * capacity,
        energy_max_kwh=one(high) * capacity,
        charge_limit_kw=one(1e300),
        discharge_limit_kw=one(1e300),
        charge_efficiency=one(ec),
        discharge_efficiency=one(ed),
        timestep_h=hours,
    )
    charge, discharge = (Fraction(float(x)) for x in physics.reach_kw(storage, one(soc) * capacity)[:, 0])
    size, energy = Fraction(capacity), Fraction(soc) * Fraction(capacity)
    assert energy + Fraction(hours) * Fraction(ec) * charge <= Fraction(high) * size
    assert energy - Fraction(hours) * discharge / Fraction(ed) >= Fraction(low) * size
    # And hardly anything is given away.
    room = float((Fraction(high) - Fraction(soc)) * size / (Fraction(hours) * Fraction(ec)))
    assert float(charge) >= room * (1 - 1e-14) - 1e-14 * capacity / (hours * ec)
