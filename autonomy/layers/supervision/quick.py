"""The gate's fast lane: the common step in one call of machine code.

It takes the proposal of a clean step without ramp limits, when the host can cut everything. Whatever is different, or
does not pass, is left to `gate.supervise`, which begins again from the start.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from autonomy.layers.arrays import Matrix, Vector, frozen
from autonomy.layers.community import Community
from autonomy.layers.network import Network
from autonomy.layers.situation import Capacity, SetPoints, Situation
from autonomy.layers.supervision.caps import kept_limits
from autonomy.layers.supervision.milliwatt import Milliwatts, fixed_rows


class Passed(NamedTuple):
    """A proposal that broke no limit.

    Attributes:
        block: (8, N) kW: battery, two rows left free, curtailment, shedding, net export, generation and load caps.
        is_cut: Whether anything is curtailed or shed.
    """

    block: Matrix
    is_cut: bool


class Carried(NamedTuple):
    """What connections and lines carry, as `settle` reads it; kept for as long as the capacity is the same object.

    Attributes:
        capacity: What it was made of.
        bounds: (2, N + M) mW, the least and the most of every net export and flow.
        limits: (N + 3M,) kW, what caps are worked out from; see `settle`.
    """

    capacity: Capacity
    bounds: Milliwatts
    limits: Vector


def carried_of(capacity: Capacity, network: Network) -> Carried:
    """Return what `settle` is to be given for a capacity."""
    fixed = np.array(fixed_rows(capacity, network))[:, 3 * network.n_prosumers :]
    limits = np.concatenate((*kept_limits(capacity, network), network.sharers))
    return Carried(capacity, frozen(fixed, np.int64), frozen(limits))


def places_of(network: Network) -> Milliwatts:
    """Return the tree as `settle` takes it."""
    order, first, end = network.slices
    outermost_first = network.leaves_first[::-1]
    tree = (network.bus_of_prosumer, order, network.parent, outermost_first, first, end)
    return frozen(np.concatenate(tree), np.int64)


class QuickGate:
    """Rounds a proposal to milliwatts, checks it and caps what was not measured, for one community.

    What it proves is what CHECK proves: `settle` (`autonomy.solvers.kernel.grid`) makes the ledger in integers and
    compares every entry of it, battery, curtailment, shedding, net export and flow, with the same integer bounds.

    Args:
        community: Whose proposals.
        settle: The machine code.
    """

    def __init__(self, community: Community, settle: Callable[..., tuple[bool, bool]]) -> None:
        network = community.network
        self._settle, self._network = settle, network
        self._shape = (community.n_prosumers,)
        self._has_ramps = community.has_ramp_limits
        self._tree = places_of(network)
        self._carried: Carried | None = None

    def __call__(self, situation: Situation, points: SetPoints) -> Passed | None:
        """Return the proposal as it will be executed, or None when somebody has to look with care."""
        if self._has_ramps or not situation.is_clean:
            return None
        if situation.curtailable_kw is not situation.pv_kw or situation.sheddable_kw is not situation.demand_kw:
            return None
        for row in points:
            if type(row) is not np.ndarray or row.shape != self._shape:
                return None
        carried, block = self._carried, np.empty((8, self._shape[0]))
        if carried is None or carried.capacity is not situation.capacity:
            carried = self._carried = carried_of(situation.capacity, self._network)
        try:
            fits, is_cut = self._settle(
                *points,
                situation.measured_kw,
                situation.reach_kw,
                carried.bounds,
                carried.limits,
                self._tree,
                block,
            )
        except TypeError:  # strided, or not float64: the machine code takes plain arrays only
            return None
        return Passed(block, is_cut) if fits else None
