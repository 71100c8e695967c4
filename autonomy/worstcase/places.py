"""Communities of any size to show worst cases on: the demo's homes behind one feeder, and on a tree of lines."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from autonomy.layers.community import Community
from autonomy.layers.network import Network
from autonomy.series import Series
from autonomy.variation import Variation, varied

HOMES_PER_LINE = 4
IMPORT_QUANTILE, EXPORT_QUANTILE = 0.99, 0.975
"""Shares of the year's steps that each line of the tree carries without help, as the demo's feeder does."""
LEAST_LIMIT_KW = 0.1


def behind_feeder(homes: int) -> tuple[Community, Series]:
    """Return that many homes of the demo behind one feeder whose limits grow with them, and their year."""
    place = varied(Variation(homes=homes))
    return place.community, place.year.series


def on_tree(homes: int) -> tuple[Community, Series]:
    """Return the same homes on a binary tree of lines, four homes a line.

    The feeder keeps its limits; every other line carries what flowed in all but a few per cent of the year's steps
    with idle batteries.
    """
    community, series = behind_feeder(homes)
    lines = max(homes // HOMES_PER_LINE, 3)
    parent = np.array([-1, *((k - 1) // 2 for k in range(1, lines))])
    network = Network(parent=parent, bus_of_prosumer=np.arange(homes) % lines)
    flow = (series.pv_kw - series.demand_kw) @ network.incidence.T
    imports, exports = (
        np.maximum(np.round(np.quantile(sign * flow, share, axis=0), 1), LEAST_LIMIT_KW)
        for sign, share in ((-1.0, IMPORT_QUANTILE), (1.0, EXPORT_QUANTILE))
    )
    imports[0], exports[0] = community.network.import_limit_kw[0], community.network.export_limit_kw[0]
    return replace(community, network=replace(network, import_limit_kw=imports, export_limit_kw=exports)), series
