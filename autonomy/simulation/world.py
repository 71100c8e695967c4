"""What a timeline does to the rows of a batch: limits by number, floors, drives, departures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from autonomy.assets import step
from autonomy.assets.timeline import Timeline
from autonomy.layers.arrays import Index, Matrix
from autonomy.layers.community import Community
from autonomy.layers.observation import Limits

LIMITING = (
    "charge_limit_kw", "discharge_limit_kw", "soc_min", "soc_max", "active", "grid_import_limit_kw",
    "grid_export_limit_kw",
)  # fmt: skip


class World:
    """A timeline over a whole series, asked for many rows at once.

    Args:
        community: Whose.
        timeline: What changes; None for nothing.

    Attributes:
        limits: Every set of limits that some step has, but for floors; the first is the community's own.
    """

    def __init__(self, community: Community, timeline: Timeline | None) -> None:
        self.community = community
        self.timeline = None if timeline is None or timeline.is_empty else timeline
        self.limits: tuple[Limits | None, ...] = (None,)
        self._which: Index | None = None
        if self.timeline is not None and self.timeline.limited.any():
            self.limits, self._which = _numbered(self.timeline, community)
        self._communities = {0: community}

    def which(self, rows: Index) -> Index:
        """Return (B,) the number of the limits that hold in each row."""
        return np.zeros(rows.size, dtype=np.int64) if self._which is None else self._which[rows]

    def floor_kw(self, rows: Index, energy_kwh: Matrix) -> Matrix | None:
        """Return (B, N) what batteries are to be charged with at least, -inf for none; None where none is anywhere."""
        return None if self.timeline is None else step.floor_kw(self.timeline, rows, self.community, energy_kwh)

    def arrived_kwh(self, rows: Index, energy_kwh: Matrix) -> Matrix:
        """Return (B, N) kWh stored at the start of a step, after what cars that come back have driven."""
        if self.timeline is None:
            return energy_kwh
        return step.energy_at_arrival_kwh(self.timeline, rows, self.community, energy_kwh)

    def missing_kwh(self, rows: Index, energy_kwh: Matrix) -> Matrix | None:
        """Return (B, N) kWh that cars which leave at the end of a step lack; None where none ever leaves."""
        if self.timeline is None or self.timeline.departing is None:
            return None
        return step.missing_kwh(self.timeline, rows, energy_kwh)

    def community_at(self, row: int) -> Community:
        """Return the community with the limits of a row; the same one for rows whose limits have the same number."""
        number = 0 if self._which is None else int(self._which[row])
        if number not in self._communities and self.timeline is not None:
            self._communities[number] = step.community_at(self.timeline, row, self.community)
        return self._communities[number]


def _numbered(timeline: Timeline, community: Community) -> tuple[tuple[Limits | None, ...], Index]:
    """Return the different limits, and the number of each row's."""
    tables = [table for name in LIMITING if (table := getattr(timeline, name)) is not None]
    columns = [np.asarray(table, dtype=np.float64).reshape(timeline.n_steps, -1) for table in tables]
    states = np.column_stack([timeline.limited, *columns])
    _, first, number = np.unique(states, axis=0, return_index=True, return_inverse=True)
    nothing_stored = np.zeros(community.n_prosumers)
    found: list[Limits | None] = [None]
    for row in first.tolist():
        told = step.limits_at(timeline, row, community, nothing_stored)
        found.append(None if told is None else replace(told, charge_floor_kw=None))
    return tuple(found), number.reshape(-1).astype(np.int64) + 1
