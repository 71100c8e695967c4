"""What all stores and cells answer to all prices: the matrix G of `normal.py`."""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

from autonomy.solvers.horizon.lanes import shrink, take
from autonomy.solvers.horizon.layout import (
    BACK,
    FORE,
    IH,
    IHU,
    IHV,
    INV,
    IW,
    KAPPA,
    ONE,
    RATIO,
    THREE,
    TWO,
    C,
    compiled,
)

NEGLIGIBLE = 1e-30
"""Entries of an inverse below this are left out: what they couple is apart, and denormal numbers would be slow."""


@compiled()
def respond(step, cell, row, place, matrix):
    """Add to the matrix of prices what every store and cell answers."""
    n, stores = step.shape[1], step.shape[2]
    right, entry, ratio = row[ONE], row[TWO], row[THREE]
    for j in range(stores):
        kappa = cell[KAPPA, place[j]]
        for k in range(n):
            scale = step[C, k, j] * (kappa if k == 0 else 1.0)
            right[k] = scale * step[BACK, k, j]
            ratio[k] = step[RATIO, k, j]
            before = step[INV, k, j] * (step[FORE, k - 1, j] if k > 0 else 1.0)
            after = step[INV, k - 1, j] * step[BACK, k, j] if k > 0 else 0.0
            own = step[IH, k, j] * (kappa * kappa if k == 0 else 1.0)
            matrix[k, k] += own + scale * scale * (before + after)
        last = n - 1
        for k in range(n - 2, -1, -1):
            shrink(entry[k + 2 : last + 1], ratio[k])
            entry[k + 1] = step[INV, k, j] * right[k + 1]
            left = step[C, k, j] * (step[FORE, k - 1, j] if k > 0 else kappa)
            take(matrix[k, k + 1 : last + 1], entry[k + 1 : last + 1], left)
            while (last > k + 1) & (entry[last] < NEGLIGIBLE):
                last -= 1
    for i in range(cell.shape[1]):
        matrix[0, 0] += (cell[IHU, i] + cell[IHV, i]) * cell[KAPPA, i]
    for k in range(n):
        if row[IW, k] == 0.0:
            for m in range(n):
                matrix[min(k, m), max(k, m)] = 1.0 if k == m else 0.0
