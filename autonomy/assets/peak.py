"""The capacity tariff: what a kW of the month's highest import costs, paid when the peak rises."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from autonomy.layers.arrays import ArrayLike, Vector


class Peak(NamedTuple):
    """The running peak of the month.

    Attributes:
        highest_kw: (...) kW, highest import of the month so far, this step included.
        rise_kw: (...) kW by which this step raised it. The rises of a month sum to its peak.
    """

    highest_kw: Vector
    rise_kw: Vector


def raise_peak(highest_kw: ArrayLike, feeder_kw: ArrayLike, is_new_month: ArrayLike) -> Peak:
    """Return the peak after a step; a new month begins at 0, and so does a window.

    Args:
        highest_kw: (...) kW, highest import of the month before this step.
        feeder_kw: (...) kW, net export of the community at the grid, + = export.
        is_new_month: (...) whether the step is the first of its month.
    """
    before = np.where(is_new_month, 0.0, highest_kw)
    after: Vector = np.maximum(before, -np.asarray(feeder_kw))
    return Peak(highest_kw=after, rise_kw=after - before)
