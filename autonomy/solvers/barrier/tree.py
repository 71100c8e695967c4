"""The sweeps of one step over the tree: its Newton system is factorised and solved in O(G).

Every group k holds a sum T and a potential φ, which builds up along the path from the outermost group:

    T_k = own_k + Σ T over the groups directly inside,     φ_k = φ_around + c_k·T_k,     c_k >= 0

The cells of a group answer a change of its price with d own_k = S·dp + K, the bounds of T_k with dλ = e − θ·dT, and
those of φ_k with dμ = f − ψ·dφ; S, θ and ψ are >= 0. A bound on φ_k prices every sum on its path, so

    dp_k = dp_around + dλ_k + c_k·dN_k,     N_k = Σ μ over k and all groups inside

What lies in a group answers the price and the potential there linearly and symmetrically,

    dT = A·dp + B·dφ + a,     dN = B·dp + D·dφ + d,     A >= 0 >= B, D

and eliminating the group leaves a system of two with the determinant (1 − c·B)² + A·(θ − c²·D) >= 1. Quantities of one
sign are never subtracted from each other, so that stiff bounds cost no accuracy. One sweep inwards-out factorises and
gathers, one outwards-in gives the steps.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

from autonomy.solvers.barrier.pairs import FORCE, THETA, compiled

TREE = C, A, B, D, PIVOT, OWN, LOAD, DP, DPHI = range(9)
"""Columns of a group: c; A, B, D, 1/determinant; a, d; dp and dφ."""
SUMS = EASE, DRIFT, IN_B, IN_D, IN_LOAD = range(5)
"""Columns of what is being gathered for a group: S, then A; K, then a; B; D; d."""


@compiled()
def factorise(parent, pairs, at, tree, sums):
    """Take in S and K, innermost groups first, and leave the sums at 0; the groups' pairs start at `at`."""
    groups = parent.size
    for k in range(groups - 1, -1, -1):
        theta, psi = pairs[THETA, at + k], pairs[THETA, at + groups + k]
        c, a, b, d = tree[k, C], sums[k, EASE], sums[k, IN_B], sums[k, IN_D] - psi
        sums[k, EASE] = sums[k, IN_B] = sums[k, IN_D] = 0.0
        m = 1.0 - c * b
        pivot = 1.0 / (m * m + a * (theta - c * c * d))
        tree[k, A], tree[k, B], tree[k, D], tree[k, PIVOT] = a, b, d, pivot
        around = parent[k]
        if around >= 0:
            sums[around, EASE] += a * pivot
            sums[around, IN_B] += (a * c * d + b * m) * pivot
            sums[around, IN_D] += (d + theta * (a * d - b * b)) * pivot
        _gather(parent, pairs, at, tree, sums, k)


@compiled()
def gather(parent, pairs, at, tree, sums):
    """Take in another K for the same factors, and leave the sums at 0."""
    for k in range(parent.size - 1, -1, -1):
        sums[k, EASE] = 0.0
        _gather(parent, pairs, at, tree, sums, k)


@compiled()
def descend(parent, pairs, at, row, tree):
    """Fill dp and dφ of every group; write dT and dφ into a row of the groups' pairs."""
    groups = parent.size
    for k in range(groups):
        around = parent[k]
        outer_dp = tree[around, DP] if around >= 0 else 0.0
        outer_dphi = tree[around, DPHI] if around >= 0 else 0.0
        dp, dphi = _at(tree, k, pairs[THETA, at + k], pairs[FORCE, at + k], outer_dp, outer_dphi)
        tree[k, DP], tree[k, DPHI] = dp, dphi
        pairs[row, at + k] = tree[k, A] * dp + tree[k, B] * dphi + tree[k, OWN]
        pairs[row, at + groups + k] = dphi


@compiled()
def _gather(parent, pairs, at, tree, sums, k):
    """Take in a and d of group k and pass on what the group around it sees of them."""
    own, load = sums[k, DRIFT], sums[k, IN_LOAD] + pairs[FORCE, at + parent.size + k]
    sums[k, DRIFT] = sums[k, IN_LOAD] = 0.0
    tree[k, OWN], tree[k, LOAD] = own, load
    around = parent[k]
    if around >= 0:
        dp, dphi = _at(tree, k, pairs[THETA, at + k], pairs[FORCE, at + k], 0.0, 0.0)
        sums[around, DRIFT] += tree[k, A] * dp + tree[k, B] * dphi + own
        sums[around, IN_LOAD] += tree[k, B] * dp + tree[k, D] * dphi + load


@compiled()
def _at(tree, k, theta, force, outer_dp, outer_dphi):
    """Return dp and dφ of group k from those around it."""
    a, b, d, c = tree[k, A], tree[k, B], tree[k, D], tree[k, C]
    first = outer_dp + force - theta * tree[k, OWN] + c * tree[k, LOAD]
    second = outer_dphi + c * tree[k, OWN]
    m, pivot = 1.0 - c * b, tree[k, PIVOT]
    return (m * first + (c * d - theta * b) * second) * pivot, (c * a * first + (m + theta * a) * second) * pivot
