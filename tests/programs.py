"""Instances of the projection problem, drawn without the model: for Hypothesis and for long seeded runs."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from autonomy.solvers.allocation import Allocation, Hierarchy, Relief, allocation

REGIMES = ("slack", "export", "import", "shed", "degenerate")
"""No bound binds; sums must fall, or rise, and the main variables suffice; they do not; ties and empty boxes."""
EIGHTHS = st.integers(-24, 24).map(lambda k: k / 8)


@st.composite
def hierarchies(draw: st.DrawFn, max_groups: int = 6, max_cells: int = 8) -> Hierarchy:
    """Forests in any numbering, some groups empty."""
    groups, size = draw(st.integers(1, max_groups)), draw(st.integers(1, max_cells))
    shuffled = draw(st.permutations(range(groups)))
    parent = np.full(groups, -1)
    for k in range(1, groups):
        around = draw(st.integers(-1, k - 1))
        parent[shuffled[k]] = shuffled[around] if around >= 0 else -1
    return Hierarchy(
        parent=parent, group_of=np.array(draw(st.lists(st.integers(0, groups - 1), min_size=size, max_size=size)))
    )


@st.composite
def allocations(draw: st.DrawFn, *, smoothings: tuple[float, ...] = (1e-3, 0.25)) -> Allocation:
    """Instances on a grid of eighths, so that ties are everywhere; solvable or not."""
    hierarchy = draw(hierarchies())
    size, groups = hierarchy.n_cells, hierarchy.n_groups

    def column(values: st.SearchStrategy[float], length: int) -> Any:
        return np.array(draw(st.lists(values, min_size=length, max_size=length)))

    def interval(values: st.SearchStrategy[float], length: int) -> Any:
        low, high = st.one_of(values, st.just(-np.inf)), st.one_of(values, st.just(np.inf))
        return np.sort([column(low, length), column(high, length)], axis=0)

    lower, upper = np.sort([column(EIGHTHS, size), column(EIGHTHS, size)], axis=0)
    least, most = interval(EIGHTHS, size) if draw(st.booleans()) else (None, None)
    total_lower, total_upper = interval(EIGHTHS, groups)
    return allocation(
        hierarchy,
        weight=column(st.sampled_from([1.0, 1.0, 0.25, 4.0, 2.0**-10]), size),
        centre=column(EIGHTHS, size),
        lower=lower,
        upper=upper,
        drop=column(st.sampled_from([0.0, 0.0, 0.125, 2.0]), size),
        lift=column(st.sampled_from([0.0, 0.0, 0.125, 2.0]), size),
        least=least,
        most=most,
        total_lower=total_lower,
        total_upper=total_upper,
        relief=Relief(
            drop_price=draw(st.sampled_from([0.0, 0.125])),
            lift_price=draw(st.sampled_from([0.0, 12.0])),
            smoothing=draw(st.sampled_from(smoothings)),
        ),
    )


def random_program(rng: np.random.Generator, regime: str, *, max_cells: int = 6, max_groups: int = 3) -> Allocation:
    """Return a solvable instance of a regime, as Layer 2 draws them up: some trees, some cells bounded."""
    size, groups = int(rng.integers(1, max_cells + 1)), int(rng.integers(1, max_groups + 1))
    parent = np.array([-1, *(int(rng.integers(0, k)) for k in range(1, groups))])
    hierarchy = Hierarchy(parent=parent, group_of=rng.integers(0, groups, size))
    ties = regime == "degenerate"

    def draw(low: float, high: float) -> Any:
        values = rng.uniform(low, high, size)
        return np.round(values * 2) / 2 if ties else values

    lower, upper, drop, lift = -draw(0, 5), draw(0, 5), draw(0, 4), draw(0, 4)
    if ties:
        upper = np.where(rng.random(size) < 0.3, lower, upper)
    centre = draw(-5, 5)
    free = hierarchy.totals(np.clip(centre, lower, upper))
    reach = {
        "slack": (free - 1.0, free + 1.0),
        "export": (np.full(groups, -np.inf), free - 0.6 * (free - hierarchy.totals(lower - drop))),
        "import": (free + 0.8 * (hierarchy.totals(upper) - free), np.full(groups, np.inf)),
        "shed": (hierarchy.totals(upper + 0.5 * lift), np.full(groups, np.inf)),
        "degenerate": (hierarchy.totals(lower) - 0.5, np.maximum(hierarchy.totals(lower), free - 0.5)),
    }
    total_lower, total_upper = reach[regime]
    is_bounded = rng.random() < 0.3
    return allocation(
        hierarchy,
        weight=1.0 if rng.random() < 0.5 else rng.uniform(0.2, 4.0, size),
        centre=centre,
        lower=lower,
        upper=upper,
        drop=drop,
        lift=lift,
        least=lower - drop if is_bounded else None,
        most=upper + lift if is_bounded else None,
        total_lower=total_lower,
        total_upper=total_upper,
        relief=Relief(drop_price=0.01, lift_price=12.0, smoothing=1e-3 if rng.random() < 0.8 else 0.0),
    )
