"""What is asked of a host to see what it does: powers that differ everywhere, and grids too small now and then."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from autonomy.hosts.host import Capabilities
from autonomy.layers.community import Community
from autonomy.layers.observation import Limits, Observation

SQUEEZED_EVERY = 4
"""Steps from one squeeze to the next."""
SQUEEZED_TO = 0.5
"""Share of what wants through the feeder that a squeezed grid carries."""


class Probe:
    """A policy that asks for another power of every battery in every step, full and empty ones turned round.

    Args:
        seed: Of its random numbers.
    """

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)

    def __call__(self, community: Community, observation: Observation) -> Any:
        """Return (N, 3): a random power within the limits, nothing to trade, the retail price."""
        limits = observation.limits or Limits()
        most = community.charge_limit_kw if limits.charge_limit_kw is None else limits.charge_limit_kw
        least = community.discharge_limit_kw if limits.discharge_limit_kw is None else limits.discharge_limit_kw
        size = community.n_prosumers
        share = self._random.uniform(0.1, 1.0, size)
        charges = self._random.random(size) > observation.soc
        price = np.broadcast_to(observation.retail_price, (size,))
        return np.column_stack((np.where(charges, share * most, -share * least), np.zeros(size), price))


def squeezed(observation: Observation, capabilities: Capabilities) -> Observation:
    """Return an observation of a grid too small for what wants through it, with batteries that may not help.

    So a controller has to curtail, or to shed, by amounts that are neither nothing nor all; only what the host can.
    """
    surplus = float(np.sum(observation.pv_kw) - np.sum(observation.demand_kw))
    limits = observation.limits or Limits()
    limit: dict[str, Any]
    if surplus > 0 and capabilities.curtail:
        limit = {"grid_export_limit_kw": SQUEEZED_TO * surplus}
    elif surplus < 0 and capabilities.shed:
        limit = {"grid_import_limit_kw": -SQUEEZED_TO * surplus}
    else:
        return observation
    idle: dict[str, Any] = {"active": np.zeros(np.shape(observation.demand_kw), dtype=bool)}
    return replace(observation, limits=replace(limits, **limit, **idle))
