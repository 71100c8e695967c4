"""Vector operations that most of the machine code shares."""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

from autonomy.solvers.horizon.layout import compiled

LANES = {"reassoc", "nnan", "ninf", "nsz"}
"""Liberties that sums and largest values take; their arguments are finite, or else the result is not believed."""


@compiled()
def sum_of(target, one, other):
    """Fill `target` with one + other."""
    for e in range(target.size):
        target[e] = one[e] + other[e]


@compiled()
def take(target, source, scale):
    """Take scale·source from `target`."""
    for m in range(target.size):
        target[m] -= scale * source[m]


@compiled(fastmath=LANES)
def sum_of_products(one, other):
    """Return Σ one·other."""
    total = 0.0
    for e in range(one.size):
        total += one[e] * other[e]
    return total


@compiled()
def pull(target, kept, sign, below, above, fill, filling, drain, draining):  # noqa: PLR0913, PLR0917
    """Fill `target` with kept ± (below − above − fill·filling − drain·draining)."""
    for e in range(target.size):
        target[e] = kept[e] + sign * (below[e] - above[e] - fill[e] * filling[e] - drain[e] * draining[e])


@compiled()
def push(target, kept, sign, below, above, path, stores):  # noqa: PLR0917
    """Fill `target` with kept ± (below − above − path + the path of the next step)."""
    for e in range(target.size):
        target[e] = kept[e] + sign * (below[e] - above[e] - path[e])
    here, ahead = target[: target.size - stores], path[stores:]
    for e in range(here.size):
        here[e] += sign * ahead[e]


@compiled()
def copy(target, values, sign):
    """Fill `target` with sign·values."""
    for e in range(target.size):
        target[e] = sign * values[e]
