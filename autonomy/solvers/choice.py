"""Which column to split on: the one that raises the bounds of both its sides most, as far as that is known.

For each side of each column: how much the bound rose for each unit that was taken away, in the mean of the splits so
far (pseudo-costs). What was not split on often enough is tried first [Achterberg2005].
"""

from __future__ import annotations

import numpy as np

RELIABLE = 2
"""Splits on a column after which its mean is believed without a trial."""
LEAST = 1e-9
"""Gain that counts as none: a side that gains nothing must not hide what the other gains."""


class Choice:
    """What splits have gained."""

    def __init__(self, columns: int) -> None:
        self._gain, self._splits = np.zeros((2, columns)), np.zeros((2, columns), dtype=np.int64)

    def learn(self, column: int, side: int, gain: float, overlap: float) -> None:
        """Remember by how much a side raised the bound when the overlap was taken away."""
        if np.isfinite(gain):
            self._gain[side, column] += max(gain, 0.0) / overlap
            self._splits[side, column] += 1

    def is_reliable(self, column: int) -> bool:
        """Whether it was split on often enough."""
        return bool(self._splits[:, column].min() >= RELIABLE)

    def ranked(self, overlaps: dict[int, float]) -> list[tuple[float, int]]:
        """Return (expected score, column), the best first; what was never split on counts as the mean."""
        columns, overlap = np.array(list(overlaps)), np.array(list(overlaps.values()))
        everywhere = self._gain.sum(axis=1) / np.maximum(self._splits.sum(axis=1), 1)
        known = self._gain[:, columns] / np.maximum(self._splits[:, columns], 1)
        each = np.where(self._splits[:, columns] > 0, known, everywhere[:, None]) * overlap
        scores = np.maximum(each, LEAST).prod(axis=0)
        return [(float(scores[k]), int(columns[k])) for k in np.lexsort((-overlap, -scores))]


def score(gains: tuple[float, float]) -> float:
    """Return how good a split is that raises the bounds of its sides by so much."""
    return max(gains[0], LEAST) * max(gains[1], LEAST)
