"""The radial network: lines, who sits below which, and their limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np

from autonomy.layers.arrays import ArrayLike, Index, Vector, frozen, frozen_vector, require
from autonomy.layers.errors import ModelError


class Slices(NamedTuple):
    """The prosumers in depth-first order, in which everybody below a line stands together.

    Attributes:
        order: (N,) prosumers in that order.
        first: (M,) place of the first prosumer below each line.
        end: (M,) place after the last one.
    """

    order: Index
    first: Index
    end: Index


@dataclass(frozen=True, kw_only=True, eq=False)
class Network:
    """A radial network of M lines that feeds N prosumers.

    Line k feeds bus k. `parent[k]` is the bus upstream of line k, -1 being the grid; exactly one line, the feeder,
    hangs on the grid. The flow of a line is the sum of the net exports (+ = export) of all prosumers below it.

    Attributes:
        parent: (M,) upstream bus of each line, -1 for the feeder.
        bus_of_prosumer: (N,) the bus each prosumer is connected to.
        import_limit_kw: (M,) kW >= 0, largest flow towards the prosumers; inf for no limit.
        export_limit_kw: (M,) kW >= 0, largest flow towards the grid; inf for no limit.
        resistance_ohm: (M,) ohm >= 0; 0 for a lossless line. A line with resistance needs finite limits.
        nominal_voltage_v: V > 0, line to line; losses are r·f²·1000/V² kW for a flow f in kW (three-phase, unity
            power factor).

    Raises:
        ModelError: a field is out of range, the lines do not form one tree, or the worst-case losses leave no
            import capacity on a line.
    """

    parent: Index
    bus_of_prosumer: Index
    import_limit_kw: Vector = field(default_factory=lambda: np.array(np.inf))
    export_limit_kw: Vector = field(default_factory=lambda: np.array(np.inf))
    resistance_ohm: Vector = field(default_factory=lambda: np.array(0.0))
    nominal_voltage_v: float = 400.0

    def __post_init__(self) -> None:
        parent = _frozen_index("parent", self.parent)
        lines = parent.size
        bus = _frozen_index("bus_of_prosumer", self.bus_of_prosumer)
        require("parent", parent, (parent >= -1) & (parent < lines), f"a bus in 0..{lines - 1}, or -1 for the grid")
        require("bus_of_prosumer", bus, (bus >= 0) & (bus < lines), f"a bus in 0..{lines - 1}")
        if bus.size == 0:
            raise ModelError("bus_of_prosumer", [], "at least one prosumer")
        if np.count_nonzero(parent == -1) != 1:
            raise ModelError("parent", parent.tolist(), "exactly one line on the grid (-1), the feeder")
        object.__setattr__(self, "parent", parent)
        object.__setattr__(self, "bus_of_prosumer", bus)
        for name in ("import_limit_kw", "export_limit_kw", "resistance_ohm"):
            values = frozen_vector(name, getattr(self, name), lines)
            require(name, values, values >= 0, "a number >= 0")
            object.__setattr__(self, name, values)
        if not 0 < self.nominal_voltage_v < np.inf:
            raise ModelError("nominal_voltage_v", self.nominal_voltage_v, "a voltage > 0 V")
        if np.any(self.depth < 0):
            raise ModelError("parent", parent.tolist(), "a tree: some lines form a loop")
        self._check_losses()

    def _check_losses(self) -> None:
        lossy = self.resistance_ohm > 0
        limited = np.isfinite(self.import_limit_kw) & np.isfinite(self.export_limit_kw)
        require("resistance_ohm", self.resistance_ohm, ~lossy | limited, "0 on a line without finite limits")
        require(
            "resistance_ohm",
            self.resistance_ohm,
            self.worst_case_loss_kw <= self.import_limit_kw,
            "worst-case losses below the line no larger than its import limit",
        )

    @classmethod
    def single_feeder(
        cls,
        *,
        n_prosumers: int,
        import_limit_kw: float = np.inf,
        export_limit_kw: float = np.inf,
        resistance_ohm: float = 0.0,
    ) -> Network:
        """Return the network of one line that feeds all prosumers."""
        if n_prosumers < 1:
            raise ModelError("n_prosumers", n_prosumers, "at least 1")
        return cls(
            parent=np.array([-1]),
            bus_of_prosumer=np.zeros(n_prosumers, dtype=np.int64),
            import_limit_kw=np.array([import_limit_kw], dtype=np.float64),
            export_limit_kw=np.array([export_limit_kw], dtype=np.float64),
            resistance_ohm=np.array([resistance_ohm], dtype=np.float64),
        )

    @cached_property
    def n_lines(self) -> int:
        """Number of lines M."""
        return int(self.parent.size)

    @cached_property
    def n_prosumers(self) -> int:
        """Number of prosumers N."""
        return int(self.bus_of_prosumer.size)

    @cached_property
    def depth(self) -> Index:
        """(M,) number of lines between each line and the feeder; -1 for a line that never reaches the grid."""
        depth = np.where(self.parent == -1, 0, -1)
        for level in range(self.n_lines):
            below = (self.parent >= 0) & (depth[self.parent] == level)
            if not below.any():
                break
            depth[below] = level + 1
        return frozen(depth, np.int64)

    @cached_property
    def leaves_first(self) -> tuple[int, ...]:
        """Every line after all lines below it; the feeder comes last."""
        return tuple(int(line) for line in np.argsort(-self.depth, kind="stable"))

    @cached_property
    def inwards(self) -> tuple[tuple[int, int], ...]:
        """(line, line above it) for every line but the feeder, leaves first."""
        return tuple((line, int(self.parent[line])) for line in self.leaves_first[:-1])

    @cached_property
    def nodes_of_line(self) -> tuple[tuple[int, ...], ...]:
        """For each line, the prosumers on the bus it feeds."""
        return _grouped(self.bus_of_prosumer.tolist(), self.n_lines)

    @cached_property
    def lines_of_line(self) -> tuple[tuple[int, ...], ...]:
        """For each line, the lines that hang on the bus it feeds."""
        return _grouped(self.parent.tolist(), self.n_lines)

    @cached_property
    def lines_above(self) -> tuple[tuple[int, ...], ...]:
        """For each prosumer, the lines from its bus up to the feeder."""
        paths: dict[int, tuple[int, ...]] = {-1: ()}
        for line in reversed(self.leaves_first):
            paths[line] = (line, *paths[int(self.parent[line])])
        return tuple(paths[int(bus)] for bus in self.bus_of_prosumer)

    @cached_property
    def incidence(self) -> Vector:
        """(M, N) 1 where the prosumer is below the line, else 0."""
        below = np.zeros((self.n_lines, self.n_prosumers))
        for prosumer, path in enumerate(self.lines_above):
            below[list(path), prosumer] = 1.0
        return frozen(below)

    @cached_property
    def prosumers_below(self) -> Vector:
        """(M,) number of prosumers below each line."""
        return frozen(self.slices.end - self.slices.first)

    @cached_property
    def sharers(self) -> Vector:
        """(M,) into how many parts a line's capacity is divided: one a prosumer below it, but at least one."""
        return frozen(np.maximum(self.prosumers_below, 1.0))

    @cached_property
    def slices(self) -> Slices:
        """Where the prosumers below each line stand in depth-first order."""
        buses_below = np.ones(self.n_lines, dtype=np.int64)
        for line in self.leaves_first[:-1]:
            buses_below[self.parent[line]] += buses_below[line]
        # A line is followed by all below it; `following` is the next free place below each line.
        place = np.zeros(self.n_lines, dtype=np.int64)
        following = np.ones(self.n_lines, dtype=np.int64)
        for line in reversed(self.leaves_first[:-1]):
            above = self.parent[line]
            place[line] = place[above] + following[above]
            following[above] += buses_below[line]
        place_of_prosumer = place[self.bus_of_prosumer]
        order = np.argsort(place_of_prosumer, kind="stable")
        ahead = np.concatenate([[0], np.cumsum(np.bincount(place_of_prosumer, minlength=self.n_lines))])
        return Slices(*(frozen(part, np.int64) for part in (order, ahead[place], ahead[place + buses_below])))

    @cached_property
    def leaps(self) -> tuple[Index, ...]:
        """(M,) for each line the line 1, 2, 4, 8, ... lines further up, the feeder where there is none."""
        feeder = self.leaves_first[-1]
        above = np.where(self.parent == -1, feeder, self.parent)
        found, deepest = [], int(self.depth.max())
        while deepest > 0:
            found.append(frozen(above, np.int64))
            above, deepest = above[above], deepest // 2
        return tuple(found)

    @cached_property
    def loss_coefficient_per_kw(self) -> Vector:
        """(M,) losses are coefficient·f² kW for a flow f in kW."""
        return frozen(self.resistance_ohm * 1000.0 / self.nominal_voltage_v**2)

    @cached_property
    def worst_case_loss_kw(self) -> Vector:
        """(M,) kW, the losses of a line and of all lines below it with every line at its larger limit."""
        limit = np.maximum(self.import_limit_kw, self.export_limit_kw)
        total = self.loss_coefficient_per_kw * np.where(self.resistance_ohm > 0, limit, 0.0) ** 2
        for line in self.leaves_first:
            if self.parent[line] >= 0:
                total[self.parent[line]] += total[line]
        return frozen(total)

    @cached_property
    def is_lossless(self) -> bool:
        """Whether no line has resistance."""
        return not bool(np.any(self.resistance_ohm > 0))


def _grouped(group_of: list[int], groups: int) -> tuple[tuple[int, ...], ...]:
    members: list[list[int]] = [[] for _ in range(groups)]
    for member, group in enumerate(group_of):
        if group >= 0:
            members[group].append(member)
    return tuple(map(tuple, members))


def _frozen_index(name: str, values: ArrayLike) -> Index:
    array = np.atleast_1d(np.asarray(values))
    if array.ndim != 1 or (array.size and not np.all(np.equal(np.mod(array, 1), 0))):
        raise ModelError(name, values, "a list of whole numbers")
    return frozen(array, np.int64)
