"""What all stores and cells answer to all prices: the matrix G of `normal.py`.

Right of the diagonal an entry is a product of ratios between its two steps, so one row follows from the next by one
multiplication an entry. Few stores are taken in pairs, each with its row of entries; many stores are taken together,
each pair of steps with one sum over all of them, so that the inner loop is long either way.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

from autonomy.solvers.horizon.lanes import LANES, sum_of_products
from autonomy.solvers.horizon.layout import (
    BACK,
    ENTRY,
    FORE,
    IH,
    IHU,
    IHV,
    INV,
    IW,
    KAPPA,
    ONE,
    PX,
    RATIO,
    TWO,
    C,
    compiled,
)

NEGLIGIBLE = 1e-30
"""Entries of an inverse below this are left out: what they couple is apart, and denormal numbers would be slow."""
MANY = 32
"""Stores from which they are taken together."""


@compiled()
def respond(step, cell, row, place, matrix):
    """Add to the upper half of the matrix of prices what every store and cell answers."""
    kappa, n = step[ENTRY, 0], step.shape[1]
    for j in range(kappa.size):
        kappa[j] = cell[KAPPA, place[j]]
    _respond_at_once(step, kappa, matrix)
    left, right = step[PX], step[ENTRY]
    for k in range(n - 1):
        before = step[FORE, k - 1] if k > 0 else kappa
        _sides(left[k], right[k + 1], step[C, k], before, step[INV, k], step[C, k + 1], step[BACK, k + 1])
    if kappa.size >= MANY:
        _respond_together(step, matrix)
    else:
        _respond_in_pairs(step, row, matrix)
    for i in range(cell.shape[1]):
        matrix[0, 0] += (cell[IHU, i] + cell[IHV, i]) * cell[KAPPA, i]
    for k in range(n):
        if row[IW, k] == 0.0:
            for m in range(n):
                matrix[min(k, m), max(k, m)] = 1.0 if k == m else 0.0


@compiled()
def _respond_at_once(step, kappa, matrix):
    """Add the diagonal: what the stores answer in the step that is priced."""
    c, fore, back, inverse, ih = step[C], step[FORE], step[BACK], step[INV], step[IH]
    for j in range(kappa.size):
        matrix[0, 0] += kappa[j] * kappa[j] * (ih[0, j] + c[0, j] * c[0, j] * inverse[0, j])
    for k in range(1, matrix.shape[0]):
        matrix[k, k] += _own(ih[k], c[k], inverse[k], fore[k - 1], inverse[k - 1], back[k])


@compiled(fastmath=LANES)
def _own(ih, c, inverse, fore, inverse_before, back):
    """Return Σ 1/h + c²·(inv_k·(1 − r_{k−1}) + inv_{k−1}·(1 − r'_k))."""
    total = 0.0
    for j in range(ih.size):
        total += ih[j] + c[j] * c[j] * (inverse[j] * fore[j] + inverse_before[j] * back[j])
    return total


@compiled()
def _sides(left, right, c, before, inverse, c_next, back_next):  # noqa: PLR0917
    """Fill what the entries of a step are multiplied by on their left, and the entry beside the diagonal."""
    for j in range(left.size):
        left[j] = c[j] * before[j]
        right[j] = inverse[j] * c_next[j] * back_next[j]


@compiled()
def _respond_in_pairs(step, row, matrix):
    """Add what is right of the diagonal, two stores at a time."""
    n, stores = step.shape[1], step.shape[2]
    one, two, left, right, ratio = row[ONE], row[TWO], step[PX], step[ENTRY], step[RATIO]
    for j in range(0, stores, 2):
        other, last = min(j + 1, stores - 1), n - 1
        counts = 1.0 if other > j else 0.0
        for k in range(n - 2, -1, -1):
            side, side_other = left[k, j], counts * left[k, other]
            one[k + 1], two[k + 1] = right[k + 1, j], right[k + 1, other]
            matrix[k, k + 1] -= side * one[k + 1] + side_other * two[k + 1]
            first, end = k + 2, last + 1
            _fade(matrix[k, first:end], one[first:end], two[first:end], ratio[k, j], ratio[k, other], side, side_other)
            while (last > k + 1) & (one[last] + two[last] == 0.0):
                last -= 1


@compiled()
def _fade(target, one, two, ratio, ratio_other, left, left_other):  # noqa: PLR0917
    """Multiply the entries of two stores by their ratios, and take them from `target`."""
    for m in range(target.size):
        first, second = one[m] * ratio, two[m] * ratio_other
        first, second = first if first > NEGLIGIBLE else 0.0, second if second > NEGLIGIBLE else 0.0
        one[m], two[m] = first, second
        target[m] -= left * first + left_other * second


@compiled()
def _respond_together(step, matrix):
    """Add what is right of the diagonal, all stores at once."""
    n, left, entry, ratio = matrix.shape[0], step[PX], step[ENTRY], step[RATIO]
    last = n - 1
    for k in range(n - 2, -1, -1):
        matrix[k, k + 1] -= sum_of_products(left[k], entry[k + 1])
        for m in range(k + 2, last + 1):
            matrix[k, m] -= _faded(entry[m], ratio[k], left[k])
        while last > k + 1 and not entry[last].any():
            last -= 1


@compiled(fastmath=LANES)
def _faded(entry, ratio, left):
    """Multiply every store's entry by its ratio, and return Σ left·entry."""
    total = 0.0
    for j in range(entry.size):
        product = entry[j] * ratio[j]
        product = product if product > NEGLIGIBLE else 0.0
        entry[j] = product
        total += left[j] * product
    return total
