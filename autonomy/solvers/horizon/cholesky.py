"""The Cholesky factor of the matrix of prices."""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

from autonomy.solvers.horizon.lanes import sum_of_products, take
from autonomy.solvers.horizon.layout import compiled


@compiled()
def cholesky(matrix):
    """Replace the upper half of a positive definite matrix by the factor R of RᵀR."""
    n = matrix.shape[0]
    for k in range(0, n - 1, 2):
        one, two = matrix[k], matrix[k + 1]
        _scale(one[k:])
        take(two[k + 1 :], one[k + 1 :], one[k + 1])
        _scale(two[k + 1 :])
        for i in range(k + 2, n):
            _take_both(matrix[i, i:], one[i:], two[i:], one[i], two[i])
    if n % 2 == 1:
        matrix[n - 1, n - 1] = matrix[n - 1, n - 1] ** 0.5


@compiled()
def _scale(values):
    """Divide by the root of the first number."""
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
