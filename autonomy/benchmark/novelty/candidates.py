"""The scores that were compared: each is fitted to the training weeks, and scores every step of every prosumer.

All but the naive one see the same figures, as signed distances from the hour's median in units of its spread, and are
put on one scale over the prosumers in the same way: 0 the median, 1 the maximum over training days, of the logarithm.
So they differ in nothing but how they join eight figures into one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from autonomy.layers.arrays import Index, Mask, Matrix, Vector
from autonomy.layers.supervision.novelty.yardstick import Yardstick, by_day

NEIGHBOURS = 5
SHRINKAGE = 0.1
TREES, SAMPLE = 100, 256
LEAST = 1e-6


class Data(NamedTuple):
    """What a score sees.

    Attributes:
        figures: (T, 8, N), see `Features`.
        raw: (T, 2, N) kW, PV and demand, for the naive score.
        slot: (T,) step of the day.
        day: (T,) number of the day.
    """

    figures: Matrix
    raw: Matrix
    slot: Index
    day: Index


Score: TypeAlias = Callable[[Data, Mask], Matrix]
"""From data, and the steps that are wanted, to (T', N) scores of those steps."""
KEPT = "conditional quantiles"
NAIVE = "z-score"


def candidates(data: Data, taught: Mask) -> dict[str, Score]:
    """Return every score but the one that is kept, fitted to the steps that teach."""
    yardstick = Yardstick.fit(data.figures[taught], data.slot[taught], data.day[taught])
    raw = Yardstick(
        middle=yardstick.middle,
        up=yardstick.up,
        down=yardstick.down,
        offset=np.zeros_like(yardstick.offset),
        slope=np.ones_like(yardstick.slope),
    )
    known = _residuals(raw, data, taught)
    slots = data.slot[taught]

    def joined(make: Callable[[Matrix, Index], Callable[..., Vector]]) -> Score:
        fitted = [make(known[:, :, i], slots) for i in range(known.shape[2])]

        def plain(seen: Data, wanted: Mask, *, is_own: bool = False) -> Matrix:
            residuals, slot = _residuals(raw, seen, wanted), seen.slot[wanted]
            columns = [score(residuals[:, :, i], slot, is_own) for i, score in enumerate(fitted)]
            return np.log(np.maximum(np.stack(columns, axis=1), LEAST))

        daily = by_day(plain(data, taught, is_own=True), data.day[taught], np.ones(slots.size, dtype=bool))
        middle, top = np.median(daily, axis=0), daily.max(axis=0)
        return lambda seen, wanted: (plain(seen, wanted) - middle) / np.maximum(top - middle, 0.1)

    mean, deviation = data.raw[taught].mean(axis=0), data.raw[taught].std(axis=0)

    def naive(seen: Data, wanted: Mask) -> Matrix:
        z: Matrix = np.abs(seen.raw[wanted] - mean) / np.maximum(deviation, LEAST)
        return np.asarray(z.max(axis=1))

    return {
        "Mahalanobis": joined(mahalanobis),
        f"{NEIGHBOURS} nearest neighbours": joined(nearest),
        "isolation forest": joined(forest),
        NAIVE: naive,
    }


def _residuals(raw: Yardstick, data: Data, wanted: Mask) -> Matrix:
    """Return (T', 8, N) signed distances; 0 where there is nothing to say."""
    slot = data.slot[wanted]
    away = data.figures[wanted] - raw.middle[slot]
    return np.nan_to_num(np.where(away > 0, away * raw.up[slot], -away * raw.down[slot]))


def mahalanobis(known: Matrix, _slot: Index) -> Callable[..., Vector]:
    """Return the Mahalanobis distance with the covariance shrunk towards a multiple of the identity."""
    covariance = np.cov(known.T)
    size = covariance.shape[0]
    shrunk = (1 - SHRINKAGE) * covariance + SHRINKAGE * np.trace(covariance) / size * np.eye(size)
    inverse = np.linalg.inv(shrunk)
    return lambda x, _slot, _own: np.sqrt(np.einsum("tf,fg,tg->t", x, inverse, x))


def nearest(known: Matrix, slots: Index) -> Callable[..., Vector]:
    """Return the distance from the k-th nearest training step of the same or a neighbouring time of day."""
    count = int(slots.max()) + 1

    def score(x: Matrix, slot: Index, is_own: bool) -> Vector:
        distance = np.empty(slot.size)
        for k in range(count):
            rows = np.flatnonzero(slot == k)
            near = known[(slots == k) | (slots == (k + 1) % count) | (slots == (k - 1) % count)]
            squares = (x[rows] ** 2).sum(axis=1)[:, None] + (near**2).sum(axis=1) - 2 * x[rows] @ near.T
            place = NEIGHBOURS - 1 + is_own  # a training step is its own nearest neighbour
            distance[rows] = np.sqrt(np.maximum(np.partition(squares, place, axis=1)[:, place], 0.0))
        return distance

    return score


def forest(known: Matrix, _slot: Index) -> Callable[..., Vector]:
    """Return the isolation forest's score [Liu2008]: 2^(−mean depth / c), near 1 for what is isolated early."""
    rng = np.random.default_rng(0)
    size = min(SAMPLE, known.shape[0])
    trees = [_tree(known[rng.choice(known.shape[0], size, replace=False)], rng) for _ in range(TREES)]
    usual = _usual_depth(size)

    def score(x: Matrix, _slot: Index, _own: bool) -> Vector:
        depth = np.mean([_depth(tree, x) for tree in trees], axis=0)
        result: Vector = 2.0 ** (-depth / usual)
        return result

    return score


def _tree(points: Matrix, rng: np.random.Generator) -> tuple[Any, ...]:
    """Return arrays (feature, cut, left child, depth at a leaf) of one tree; the right child is left + 1."""
    limit = int(np.ceil(np.log2(points.shape[0])))
    feature, cut, left, leaf = [0], [0.0], [0], [0.0]
    todo = [(0, np.arange(points.shape[0]), 0)]
    while todo:
        node, rows, depth = todo.pop()
        spans = np.ptp(points[rows], axis=0)
        choices = np.flatnonzero(spans > 0)
        if rows.size <= 1 or depth == limit or choices.size == 0:
            leaf[node] = depth + _usual_depth(rows.size)
            continue
        feature[node] = int(rng.choice(choices))
        values = points[rows, feature[node]]
        cut[node] = float(rng.uniform(values.min(), values.max()))
        left[node] = len(feature)
        for part in (rows[values < cut[node]], rows[values >= cut[node]]):
            todo.append((len(feature), part, depth + 1))
            feature.append(0)
            cut.append(0.0)
            left.append(0)
            leaf.append(0.0)
    return np.array(feature), np.array(cut), np.array(left), np.array(leaf)


def _depth(tree: tuple[Any, ...], x: Matrix) -> Vector:
    feature, cut, left, leaf = tree
    node = np.zeros(x.shape[0], dtype=np.int64)
    rows = np.arange(x.shape[0])
    while left[node].any():
        child = left[node] + (x[rows, feature[node]] >= cut[node])
        node = np.where(left[node] > 0, child, node)
    result: Vector = leaf[node]
    return result


def _usual_depth(size: int) -> float:
    """Return the mean depth of an unsuccessful search in a binary tree of so many points."""
    if size <= 2:
        return float(size == 2)
    return 2.0 * (float(np.log(size - 1)) + float(np.euler_gamma)) - 2.0 * (size - 1) / size
