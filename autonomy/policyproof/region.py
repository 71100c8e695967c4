"""What the network can be told: the box of everything, and tubes around what was recorded.

| columns | in the box of everything | in a tube |
|---|---|---|
| the features of `autonomy.learning.features` | what was seen, a margin wider | as at one recorded step |
| of these the net load now | likewise | as in the box of everything |
| the stored share | 0..1 | 0..1 |
| own stored share less the community's | −1..1 | −1..1, or 0 for batteries that are all alike full |
| own net load less the mean, times N/C | what was seen, a margin wider | likewise |
| own capacity times N/C | of the community's prosumers | likewise |

A tube is one hour's forecast and published prices, with whatever the meters may say beside them: so a claim about all
tubes is one about every state at every recorded hour, and none about forecasts that were never made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from autonomy.economics import Economics
from autonomy.layers.arrays import Index, Vector
from autonomy.layers.community import Community
from autonomy.layers.errors import ModelError
from autonomy.learning.explanation.inputs import LEVEL, LOAD, OWN_LOAD, PART
from autonomy.learning.features import FEATURES, LEAST_CAPACITY_KWH
from autonomy.learning.network import Network
from autonomy.learning.views import battery_of, features_of_series
from autonomy.policyproof.crown import Box
from autonomy.policyproof.ensemble import INPUTS, STORED
from autonomy.scenario import Scenario
from autonomy.variation import Place

MARGIN = 0.1
"""Share of the range that was seen by which ranges are wider, on either side."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Region:
    """What a policy's network is told about one community.

    Attributes:
        community: Whose.
        scenario: Its data, all of it, so that steps count from its first.
        economics: Prices that are not tariffs, as the policy is told them.
        networks: The policy's.
        features: (T, F) of every step of the scenario.
        everything: (1, `INPUTS`) the box of everything.
    """

    community: Community
    scenario: Scenario
    economics: Economics
    networks: tuple[Network, ...]
    features: Vector
    everything: Box

    def tubes(self, steps: Sequence[int] | Index, *, alike: bool = False) -> Box:
        """Return the tube around each of some steps.

        Args:
            steps: Of the scenario.
            alike: Whether all batteries are equally full.
        """
        rows = self.features[np.asarray(steps, dtype=np.int64)]
        sides = [np.repeat(side, len(rows), axis=0) for side in self.everything]
        for side in sides:
            kept = side[:, LOAD].copy()
            side[:, :FEATURES] = rows
            side[:, LOAD] = kept
            if alike:
                side[:, STORED + 1 + LEVEL] = 0.0
        return Box(*sides)


def region_of(
    community: Community, scenario: Scenario, networks: Sequence[Network], economics: Economics | None = None
) -> Region:
    """Return what the networks can be told of a community and its data.

    Args:
        community: Whose.
        scenario: All of its data, with the forecasts that the policy gets.
        networks: The policy's.
        economics: Prices that are not tariffs, as the policy is told them.

    Raises:
        ModelError: the scenario is a part of its series.
    """
    if scenario.start or scenario.stop != scenario.series.n_steps:
        raise ModelError("scenario", scenario.label, "the whole of its series")
    economics = economics or Economics()
    features = features_of_series(Place(community=community, year=scenario, economics=economics))
    lower, upper = np.zeros((1, INPUTS)), np.ones((1, INPUTS))
    lower[0, :FEATURES], upper[0, :FEATURES] = _widened(features)
    battery = battery_of(community)
    capacity = np.asarray(battery.most_kwh - battery.least_kwh)
    per_home = capacity.size / max(float(capacity.sum()), LEAST_CAPACITY_KWH)
    load = scenario.demand_kw - scenario.pv_kw
    own = (load - load.mean(axis=1, keepdims=True)) * per_home
    low, high = _widened(own.reshape(-1, 1))
    place = STORED + 1
    lower[0, place + LEVEL], upper[0, place + LEVEL] = -1.0, 1.0
    lower[0, place + OWN_LOAD], upper[0, place + OWN_LOAD] = low[0], high[0]
    lower[0, place + PART], upper[0, place + PART] = (capacity * per_home).min(), (capacity * per_home).max()
    return Region(
        community=community,
        scenario=scenario,
        economics=economics,
        networks=tuple(networks),
        features=features,
        everything=Box(lower, upper),
    )


def _widened(seen: Vector) -> tuple[Vector, Vector]:
    low, high = seen.min(axis=0), seen.max(axis=0)
    more = MARGIN * (high - low)
    return low - more, high + more
