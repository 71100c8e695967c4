"""Branch and bound over boxes of inputs: what is proved, what is violated, what stays unknown, and where the worst is.

A box is split in two along the column that matters most to its bound, until its bound is good enough. The best box
first. Every point of the box that was asked about lies in a box that is proved, violated or open at the end; their
shares of the volume add up to one (columns without width do not count).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from autonomy.layers.arrays import Index, Mask, Vector
from autonomy.policyproof.crown import Box

BATCH = 128
"""Boxes that are looked at together."""


class Found(NamedTuple):
    """What is known of a quantity over B boxes.

    Attributes:
        least: (B,) lower bound of the quantity in the box; −inf where nobody asked.
        most: (B,) upper bound.
        point: (B, n) a point of the box where it may be large.
        value: (B,) the quantity there, as the deployed code computes it.
        score: (B, n) how much of the bound's looseness each column makes; >= 0.
    """

    least: Vector
    most: Vector
    point: Vector
    value: Vector
    score: Vector


Objective = Callable[[Box], Found]


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Searched:
    """What a search found.

    Attributes:
        bound: Upper bound of the quantity over everything that was asked about.
        value: Largest value that was met.
        point: (n,) where.
        proved: Share of the volume where the quantity is at most what was asked.
        violated: Share where it is more everywhere.
        unknown: The rest.
        boxes: How many were looked at.
        open_boxes: How many are left open.
        seconds: s.
    """

    bound: float
    value: float
    point: Vector
    proved: float
    violated: float
    unknown: float
    boxes: int
    open_boxes: int
    seconds: float

    @property
    def is_proved(self) -> bool:
        """Whether nothing is violated and nothing is left."""
        return self.open_boxes == 0 and self.violated == 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Effort:
    """When a search ends, and where it looks first.

    Attributes:
        seconds: s after which no more boxes are split.
        boxes: Likewise, how many were looked at.
        by_volume: Whether the largest box comes first, which maps a region, rather than the one with the worst bound.
        to_first: Whether to stop as soon as a value above what is to be proved is met.
    """

    seconds: float = 60.0
    boxes: int = 200_000
    by_volume: bool = False
    to_first: bool = False


class _Open(NamedTuple):
    """Boxes that are neither proved nor violated."""

    box: Box
    share: Vector
    bound: Vector
    score: Vector

    def rows(self, chosen: Index | Mask) -> _Open:
        return _Open(self.box.rows(chosen), self.share[chosen], self.bound[chosen], self.score[chosen])


class _Search:
    """What is known so far."""

    def __init__(self, objective: Objective, most: float | None, gap: float, columns: int) -> None:
        self.objective, self.most, self.gap = objective, most, gap
        self.proved, self.violated, self.boxes, self.closed = 0.0, 0.0, 0, -np.inf
        self.best, self.place = -np.inf, np.zeros(columns)
        none = np.zeros((0, columns))
        self.open = _Open(Box(none, none), np.zeros(0), np.zeros(0), none)

    def look(self, box: Box, share: Vector, ceiling: Vector) -> None:
        """Bound boxes, a batch at a time, none above the bound of what it is a part of; keep what is not settled."""
        kept = [self.open]
        for first in range(0, len(share), BATCH):
            part = np.arange(first, min(first + BATCH, len(share)))
            here = box.rows(part)
            found = self.objective(here)
            self.boxes += len(part)
            top = int(np.argmax(found.value))
            if found.value[top] > self.best:
                self.best, self.place = float(found.value[top]), np.array(found.point[top])
            most = np.minimum(found.most, ceiling[part])
            kept.append(self._settled(_Open(here, share[part], most, found.score), found.least))
        boxes = Box(*(np.concatenate([one.box[side] for one in kept]) for side in (0, 1)))
        self.open = _Open(boxes, *(np.concatenate([one[k] for one in kept]) for k in (1, 2, 3)))
        if self.most is None:  # the best value may have risen since they were looked at
            self.open = self._settled(self.open, np.full(len(self.open.share), -np.inf))

    def _settled(self, boxes: _Open, least: Vector) -> _Open:
        goal = self.best + self.gap if self.most is None else self.most
        done = boxes.bound <= goal
        bad = ~done & (least > goal) & (self.most is not None)
        self.proved += float(boxes.share[done].sum())
        self.violated += float(boxes.share[bad].sum())
        self.closed = max(self.closed, float(boxes.bound[done | bad].max(initial=-np.inf)))
        return boxes.rows(~(done | bad))

    def split(self, *, by_volume: bool) -> tuple[Box, Vector, Vector]:
        """Take a batch of open boxes out, and return their halves, with the bounds of the whole."""
        order = np.argsort(-self.open.share if by_volume else -self.open.bound, kind="stable")
        now, self.open = self.open.rows(order[:BATCH]), self.open.rows(order[BATCH:])
        return halves(now.box, now.score), np.repeat(0.5 * now.share, 2), np.repeat(now.bound, 2)


def search(
    objective: Objective,
    box: Box,
    *,
    most: float | None = None,
    gap: float = 0.0,
    effort: Effort | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Searched:
    """Return how large a quantity can be over boxes, and where it is at most `most`.

    Args:
        objective: Bounds of the quantity over boxes.
        box: (B, n) boxes; each counts alike, whatever its size.
        most: What is to be proved; None to find the largest value as closely as `gap`.
        gap: Bounds that exceed the largest value met by no more are good enough; for most = None.
        effort: When to stop.
        clock: s, of anything that runs on.
    """
    effort, start = effort or Effort(), clock()
    state = _Search(objective, most, gap, box.lower.shape[1])
    count = len(box.lower)
    todo = box, np.full(count, 1.0 / max(count, 1)), np.full(count, np.inf)
    while len(todo[1]):
        state.look(*todo)
        is_met = effort.to_first and most is not None and state.best > most
        if is_met or clock() - start > effort.seconds or state.boxes >= effort.boxes:
            break
        todo = state.split(by_volume=effort.by_volume)
    return Searched(
        bound=max(state.closed, float(state.open.bound.max(initial=-np.inf))),
        value=state.best,
        point=state.place,
        proved=state.proved,
        violated=state.violated,
        unknown=float(state.open.share.sum()),
        boxes=state.boxes,
        open_boxes=len(state.open.share),
        seconds=clock() - start,
    )


def halves(box: Box, score: Vector) -> Box:
    """Return (2B, n): both halves of each box, along its column with the highest score that has a width."""
    width = box.upper - box.lower
    column = np.argmax(np.where(width > 0.0, score + 1e-12 * width, -1.0), axis=1)
    rows = np.arange(len(column))
    middle = 0.5 * (box.lower[rows, column] + box.upper[rows, column])
    lower, upper = np.repeat(box.lower, 2, axis=0), np.repeat(box.upper, 2, axis=0)
    upper[2 * rows, column] = middle
    lower[2 * rows + 1, column] = middle
    return Box(lower, upper)
