"""Arrays on loan: the same numbers, given back as they were."""

import sys

import numpy as np
import pytest
from numba import float64, njit
from numba.core.errors import TypingError

from autonomy.solvers.kernel.borrow import borrow


@njit
def total_of(row):
    total = 0.0
    for value in row:
        total += value
    return total


@njit(float64(float64[:, ::1]))
def count_up(table):
    on_loan = borrow(table)
    total = 0.0
    for k in range(on_loan.shape[0]):
        row = on_loan[k]
        row[0] += 1.0
        total += total_of(row)
    return total


def test_what_is_borrowed_is_the_array_itself_and_is_given_back():
    table = np.arange(12.0).reshape(3, 4)
    before = sys.getrefcount(table)
    assert count_up(table) == 66.0 + 3.0
    assert np.array_equal(table[:, 0], [1.0, 5.0, 9.0])
    assert sys.getrefcount(table) == before


def test_only_arrays_can_be_borrowed():
    @njit
    def wrong():
        return borrow(1.0)

    with pytest.raises(TypingError, match="only an array can be borrowed"):
        wrong()
