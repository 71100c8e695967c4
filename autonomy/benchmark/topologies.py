"""The networks that instances are drawn on: one feeder, a random tree, and a deep tree."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from autonomy.solvers.allocation import Hierarchy, Index


def feeder(n: int, random: np.random.Generator) -> Hierarchy:  # noqa: ARG001 - one signature for all topologies
    """Return N prosumers behind one line."""
    return Hierarchy(parent=np.array([-1]), group_of=np.zeros(n, dtype=np.int64))


def tree(n: int, random: np.random.Generator) -> Hierarchy:
    """Return N prosumers on N lines of a random recursive tree: each line hangs on any earlier one."""
    earlier = np.floor(random.random(n) * np.arange(n)).astype(np.int64)
    return Hierarchy(parent=_rooted(earlier), group_of=random.permutation(n))


def nested(n: int, random: np.random.Generator) -> Hierarchy:
    """Return N prosumers on N lines: a trunk of about √N lines, and from each of them a chain of about √N."""
    length = max(int(np.sqrt(n)), 1)
    lines = np.arange(n)
    upstream = np.where(lines % length == 0, lines - length, lines - 1)
    return Hierarchy(parent=_rooted(upstream), group_of=random.permutation(n))


TOPOLOGIES: dict[str, Callable[[int, np.random.Generator], Hierarchy]] = {
    "feeder": feeder,
    "tree": tree,
    "nested": nested,
}


def _rooted(parent: Index) -> Index:
    """Return `parent` with line 0 as the feeder."""
    parent[0] = -1
    return parent
