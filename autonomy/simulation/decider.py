"""Layers 2 and 3 for many situations of one community at once: every row what a `Controller` decides, bit for bit.

The common step is one call of machine code for all rows. A row that it declines (a reading out of its band, a number
that is none, ramp limits that cannot be kept, a proposal that CHECK rejects) is decided by a controller of its own,
which takes the recovery ladder where it has to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from autonomy.controller import Controller
from autonomy.layers import rounding
from autonomy.layers.arrays import Vector
from autonomy.layers.community import Community
from autonomy.layers.decision import Decision
from autonomy.layers.observation import Limits, Observation
from autonomy.layers.projection.program import BATTERY_WEIGHT, ProjectionProgram
from autonomy.layers.supervision.inbox import Inbox
from autonomy.layers.supervision.quick import carried_of, places_of
from autonomy.layers.supervision.rating import FIELDS, Rating, Ratings
from autonomy.solvers.machine import load_machine

Stack = NDArray[np.float64]
"""(B, N), or (B, rows, N)."""
PV, DEMAND, SOC, RETAIL, FEED_IN = range(len(FIELDS))
"""Rows of what was measured."""
BATTERY, TRADE, PRICE, CURTAIL, SHED, NET, GENERATION_CAP, LOAD_CAP = range(8)
"""Rows of a decision."""


class Decided(NamedTuple):
    """The decisions of B rows.

    Attributes:
        block: (B, 8, N) kW and currency/kWh, the rows named above, signs as in `Decision`.
        line_multipliers: (B, M) as in `Certificate`.
        gap: (B,) certified gap of the projection; 0 where none was used.
        intervention_kw: (B,) kW, as in `Decision`.
        is_fallback: (B,) whether the recovery ladder decided.
        one_by_one: The decisions of the rows that a controller made on its own, by row.
    """

    block: Stack
    line_multipliers: Stack
    gap: Vector
    intervention_kw: Vector
    is_fallback: NDArray[np.bool_]
    one_by_one: dict[int, Decision]


class Asked(NamedTuple):
    """What B rows are decided from; see `BatchDecider.decide`."""

    seen: Stack
    wishes: Stack
    which: NDArray[np.int64]
    previous_kw: Stack
    floor_kw: Stack | None


class BatchDecider:
    """Decides for many copies of one community, each in a situation of its own; serves one thread at a time.

    Args:
        community: What is controlled.
        limits: The limits that a step may have, by number; (None,) for the community's own.
        backend: Projection backend of the controller that looks with care.
    """

    def __init__(
        self, community: Community, limits: Sequence[Limits | None] = (None,), *, backend: str = "exact"
    ) -> None:
        self.community, self._limits = community, tuple(limits)
        self._wish: NDArray[Any] = np.zeros((community.n_prosumers, 3))
        self._controller = Controller(community, policy=lambda *_: self._wish, backend=backend, monitors=())
        self._machine = _machine(community, self._limits) if backend == "exact" else None

    def decide(
        self,
        seen: Stack,
        wishes: Stack,
        which: NDArray[np.int64],
        previous_kw: Stack,
        *,
        floor_kw: Stack | None = None,
        explained: bool = False,
    ) -> Decided:
        """Return the decisions of B rows.

        Args:
            seen: (B, 5, N) available generation kW, demand kW, SoC, retail and feed-in price in currency/kWh.
            wishes: (B, 3, N) intents: battery kW, trade kW, price bid; anything.
            which: (B,) number of the limits that hold.
            previous_kw: (B, N) kW, what the batteries last did, for ramp limits.
            floor_kw: (B, N) kW, what batteries are to be charged with at least, -inf for none; None for nowhere.
            explained: Let the controller decide every row, so that each has its mode and reasons.
        """
        count, size = seen.shape[0], self.community.n_prosumers
        lines = self.community.network.n_lines
        block, multipliers, notes = np.zeros((count, 8, size)), np.zeros((count, lines)), np.zeros((count, 3))
        declined = np.arange(count)
        if self._machine is not None and not explained:
            declined = self._machine(Asked(seen, wishes, which, previous_kw, floor_kw), (block, multipliers, notes))
        gap = _gap(notes[:, 1], notes[:, 2])
        intervention, is_fallback = np.sqrt(notes[:, 0]), np.zeros(count, dtype=bool)
        decisions = {}
        for row in declined.tolist():
            floor = None if floor_kw is None else floor_kw[row]
            decision = self._one(seen[row], wishes[row], self._told(int(which[row]), floor), previous_kw[row])
            decisions[row] = decision
            block[row] = _block(decision)
            multipliers[row], gap[row] = decision.certificate.line_multipliers, decision.certificate.gap
            intervention[row], is_fallback[row] = decision.intervention_kw, decision.mode.is_fallback
        return Decided(block, multipliers, gap, intervention, is_fallback, decisions)

    def _told(self, which: int, floor_kw: Vector | None) -> Limits | None:
        """Return the limits that the controller of a row is told."""
        limits = self._limits[which]
        if floor_kw is None or not (floor_kw > -np.inf).any():
            return limits
        return Limits(charge_floor_kw=floor_kw) if limits is None else replace(limits, charge_floor_kw=floor_kw)

    def _one(self, seen: Stack, wish: Stack, limits: Limits | None, previous_kw: Vector) -> Decision:
        self._wish = wish.T
        self._controller.restore(step=0, battery_kw=previous_kw)
        pv, demand, soc, retail, feed_in = seen
        return self._controller.step(
            Observation(demand_kw=demand, pv_kw=pv, soc=soc, retail_price=retail, feed_in_price=feed_in, limits=limits)
        )


def _gap(computed: Vector, rounding: Vector) -> Vector:
    """Return (B,) what `autonomy.solvers.certificate.gap_from` returns."""
    return np.where(np.isfinite(computed), np.maximum(computed, 0.0) + rounding, np.abs(computed))


def _block(decision: Decision) -> Stack:
    return np.array((
        decision.battery_kw, decision.trade_kw, decision.price_bid, decision.curtail_kw, decision.shed_kw,
        decision.net_export_kw, decision.generation_cap_kw, decision.load_cap_kw,
    ))  # fmt: skip


class _Machine:
    """The common step: one call for all rows; returns the rows it declined."""

    def __init__(self, community: Community, ratings: Sequence[Rating]) -> None:
        from autonomy.solvers.compiled import workspace_of  # noqa: PLC0415 - loads Numba
        from autonomy.solvers.kernel.around import room_of  # noqa: PLC0415 - likewise
        from autonomy.solvers.kernel.crowd import SCRATCH, decide_many  # noqa: PLC0415 - likewise

        self._decide_many = decide_many
        network, size = community.network, community.n_prosumers
        program = ProjectionProgram(community)
        tables = [program.ratings(rating) for rating in ratings]
        carried = [carried_of(rating.capacity, network) for rating in ratings]
        connected = any(table.reach_kw.size for table in tables)
        nothing = np.full((2, size), np.inf) * [[-1.0], [1.0]]
        own = [
            (table.reach_kw if table.reach_kw.size else nothing) if connected else table.reach_kw for table in tables
        ]
        stores = np.stack([rating.stores for rating in ratings])
        for k, rating in enumerate(ratings):
            if rating.can_curtail is not None or rating.can_shed is not None:
                stores[k, 0] = np.inf  # what cannot be cut is looked at with care
        self._ramp_limit_kw = community.ramp_limit_kw if community.has_ramp_limits else None
        self._no_window = np.empty((0, 2, size))
        hierarchy = program.hierarchy
        tree = (hierarchy.parent, hierarchy.group_of, hierarchy.outermost_first)
        self._fixed = (
            stores,
            np.array([(rating.charge_limit_kw, rating.discharge_limit_kw) for rating in ratings], dtype=np.float64),
            np.stack([table.line_bounds_kw for table in tables]),
            np.stack(own),
            np.stack([item.bounds for item in carried]),
            np.stack([item.limits for item in carried]),
            BATTERY_WEIGHT,
            np.array([table.relief.prices for table in tables]),
            np.concatenate(tree).astype(np.int64),
            places_of(network),
            room_of(hierarchy.n_cells, hierarchy.n_groups),
            workspace_of(hierarchy),
            np.empty((SCRATCH, size)),
        )

    def __call__(self, asked: Asked, out: tuple[Stack, Stack, Stack]) -> NDArray[np.int64]:
        seen, wishes, which, previous_kw, floor_kw = asked
        block, _, notes = out
        codes = np.empty(seen.shape[0], dtype=np.int64)
        wanted = wishes if floor_kw is None else self._raised(wishes, which, floor_kw)
        self._decide_many(seen, wanted, self._windows(previous_kw), which, *self._fixed, *out, codes)
        if floor_kw is not None:
            # An answer that keeps a floor without being told to is the nearest one that does; any other is not.
            short = (block[:, BATTERY] < floor_kw).any(axis=1)
            codes[short] = 1
            moved = block[:, BATTERY] - self._clipped(wishes[:, 0], which)
            notes[:, 0] = (moved * moved).sum(axis=1)
        return codes.nonzero()[0]

    def _windows(self, previous_kw: Stack) -> Stack:
        """Return (B, 2, N) kW how far ramp limits let the batteries go up and down."""
        ramp = self._ramp_limit_kw
        if ramp is None:
            if self._no_window.shape[0] != previous_kw.shape[0]:
                self._no_window = np.full((previous_kw.shape[0], 2, previous_kw.shape[1]), np.inf)
            return self._no_window
        return np.stack((rounding.added(previous_kw, ramp), rounding.added(ramp, -previous_kw)), axis=1)

    def _clipped(self, battery_kw: Stack, which: NDArray[np.int64]) -> Stack:
        most: Stack = self._fixed[1][which]
        return np.minimum(np.maximum(battery_kw, -most[:, 1]), most[:, 0])

    def _raised(self, wishes: Stack, which: NDArray[np.int64], floor_kw: Stack) -> Stack:
        wanted = wishes.copy()
        wanted[:, 0] = np.maximum(self._clipped(wishes[:, 0], which), floor_kw)
        return wanted


def _machine(community: Community, limits: Sequence[Limits | None]) -> _Machine | None:
    """Return the machine code for these limits, or None where there is none."""
    if load_machine() is None:
        return None
    ratings = Ratings(community)
    return _Machine(community, [ratings.of_step(item, Inbox({}, community.n_prosumers)) for item in limits])
