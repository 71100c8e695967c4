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

from autonomy.solvers.barrier.pairs import FORCE, PUSH, THETA, compiled, spot

TREE = C, A, B, D, DP_DP, DP_DPHI, DPHI_DP, DPHI_DPHI, OWN, LOAD, DP, DPHI = range(12)
"""Columns of a group: c; A, B, D; how dp and dφ answer dp and dφ around the group; a, d; dp and dφ."""
SUMS = EASE, IN_B, IN_D, DRIFT, IN_LOAD = range(5)
"""Columns of what is being gathered for a group: S, then A; B; D; K, then a; d."""


@compiled()
def factorise(parent, pairs, spans, tree, sums):
    """Take in S and K, innermost groups first, and leave the sums at 0; `spans` is where sums and potentials begin."""
    for k in range(parent.size - 1, -1, -1):
        theta, psi = pairs[THETA + spot(spans[0], k)], pairs[THETA + spot(spans[1], k)]
        c, a, b, d = tree[k, C], sums[k, EASE], sums[k, IN_B], sums[k, IN_D] - psi
        own, load = sums[k, DRIFT], sums[k, IN_LOAD]
        sums[k, EASE] = sums[k, IN_B] = sums[k, IN_D] = sums[k, DRIFT] = sums[k, IN_LOAD] = 0.0
        m = 1.0 - c * b
        pivot = 1.0 / (m * m + a * (theta - c * c * d))
        tree[k, A], tree[k, B], tree[k, D] = a, b, d
        tree[k, DP_DP], tree[k, DP_DPHI] = m * pivot, (c * d - theta * b) * pivot
        tree[k, DPHI_DP], tree[k, DPHI_DPHI] = c * a * pivot, (m + theta * a) * pivot
        around = parent[k]
        if around >= 0:
            sums[around, EASE] += a * pivot
            sums[around, IN_B] += (a * c * d + b * m) * pivot
            sums[around, IN_D] += (d + theta * (a * d - b * b)) * pivot
        _pass_on(parent, pairs, spans, tree, (sums, own, load, 0.0), k)


@compiled()
def gather(parent, pairs, spans, tree, sums, target):
    """Take in another K for the same factors, and leave the sums at 0."""
    for k in range(parent.size - 1, -1, -1):
        own, load = sums[k, DRIFT], sums[k, IN_LOAD]
        sums[k, DRIFT] = sums[k, IN_LOAD] = 0.0
        _pass_on(parent, pairs, spans, tree, (sums, own, load, target), k)


@compiled()
def descend(parent, pairs, spans, tree, row):
    """Fill dp and dφ of every group; write dT and dφ into a row of the groups' pairs."""
    for k in range(parent.size):
        dp, dphi, around = tree[k, DP], tree[k, DPHI], parent[k]
        if around >= 0:
            outer_dp, outer_dphi = tree[around, DP], tree[around, DPHI]
            dp += tree[k, DP_DP] * outer_dp + tree[k, DP_DPHI] * outer_dphi
            dphi += tree[k, DPHI_DP] * outer_dp + tree[k, DPHI_DPHI] * outer_dphi
            tree[k, DP], tree[k, DPHI] = dp, dphi
        pairs[row + spot(spans[0], k)] = tree[k, A] * dp + tree[k, B] * dphi + tree[k, OWN]
        pairs[row + spot(spans[1], k)] = dphi


@compiled()
def _pass_on(parent, pairs, spans, tree, gathered, k):
    """Find dp and dφ of group k if they were 0 around it, and pass on what is seen of its a and d there."""
    (sums, own, load, target), i, j = gathered, spot(spans[0], k), spot(spans[1], k)
    load += pairs[FORCE + j] + target * pairs[PUSH + j]
    c, around = tree[k, C], parent[k]
    first = pairs[FORCE + i] + target * pairs[PUSH + i] - pairs[THETA + i] * own + c * load
    second = c * own
    dp = tree[k, DP_DP] * first + tree[k, DP_DPHI] * second
    dphi = tree[k, DPHI_DP] * first + tree[k, DPHI_DPHI] * second
    tree[k, OWN], tree[k, DP], tree[k, DPHI] = own, dp, dphi
    if around >= 0:
        sums[around, DRIFT] += tree[k, A] * dp + tree[k, B] * dphi + own
        sums[around, IN_LOAD] += tree[k, B] * dp + tree[k, D] * dphi + load
