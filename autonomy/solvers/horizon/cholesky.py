"""The Cholesky factor of the matrix of prices."""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import numpy as np

from autonomy.solvers.horizon.lanes import sum_of_products, take
from autonomy.solvers.horizon.layout import compiled

DEPENDENT = 1e-14
"""Part of a diagonal entry below which what elimination leaves of it is rounding: the row then follows from others."""
NO_STEP = 1e100
"""The pivot of such a row: its price does not move."""


@compiled()
def cholesky(matrix):
    """Replace the upper half of a positive semidefinite matrix by the factor R of RᵀR.

    Prices may depend on each other, exactly where several steps share what one store has left. One of them then stays
    as it is, which is one of the solutions of the singular system.
    """
    n = matrix.shape[0]
    least = np.empty(n)
    for k in range(n):
        least[k] = DEPENDENT * matrix[k, k]
    for k in range(0, n - 1, 2):
        one, two = matrix[k], matrix[k + 1]
        _scale(one[k:], least[k])
        take(two[k + 1 :], one[k + 1 :], one[k + 1])
        _scale(two[k + 1 :], least[k + 1])
        for i in range(k + 2, n):
            _take_both(matrix[i, i:], one[i:], two[i:], one[i], two[i])
    if n % 2 == 1:
        _scale(matrix[n - 1, n - 1 :], least[n - 1])


@compiled()
def _scale(values, least):
    """Divide by the root of the first number; where that is not above `least`, all others are nothing."""
    if not values[0] > least:
        values[:] = 0.0
        values[0] = NO_STEP
        return
    inverse = 1.0 / values[0] ** 0.5
    for m in range(values.size):
        values[m] *= inverse


@compiled()
def _take_both(target, one, two, first, second):
    """Take first·one + second·two from `target`."""
    for m in range(target.size):
        target[m] -= first * one[m] + second * two[m]


@compiled()
def solve_prices(matrix, b):
    """Solve RᵀR b = b in place."""
    n = b.size
    for k in range(n):
        b[k] /= matrix[k, k]
        take(b[k + 1 :], matrix[k, k + 1 :], b[k])
    for k in range(n - 1, -1, -1):
        b[k] = (b[k] - sum_of_products(matrix[k, k + 1 :], b[k + 1 :])) / matrix[k, k]
