"""What the wanted power of a step is computed from, and the step without news that it is compared with.

The baseline: every feature at its mean in training, every home alike, every battery half full, and limits that are the
mean of training too. From there to the step all numbers move along one straight line, and what each of them contributes
on the way is its attribution, see `autonomy.learning.explanation.path`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from autonomy.allowance import allowance_of
from autonomy.layers.arrays import ArrayLike, Vector
from autonomy.layers.community import Community
from autonomy.layers.observation import Observation
from autonomy.learning.features import LEAST_CAPACITY_KWH, community_features, own_features, stored_share
from autonomy.learning.gates import Battery, reach_of
from autonomy.learning.network import CLIP, Network
from autonomy.learning.policy import LearnedPolicy, networks_of
from autonomy.learning.views import BOUNDLESS_KW, battery_of, view_of

LOAD, RETAIL, FEED_IN, CARBON, IMPORT, EXPORT, CHARGE, DISCHARGE = range(8)
"""Places of the present in `community_features`."""
LEVEL, OWN_LOAD, PART = range(3)
"""Places in `own_features`."""
BASELINE = (
    "all features at their mean in training, homes that are all alike, half-full batteries, and the mean limits of "
    "training"
)
HALF = 0.5
LEAST_LIMIT_KW = 1e-9


class Inputs(NamedTuple):
    """What the wanted power is a function of; the leading axes *P are points between a baseline and a step, or none.

    Attributes:
        features: (*P, F), `community_features`.
        stored: (*P,) stored share of the usable capacity.
        own: (*P, N, OWN), `own_features`.
        surplus_kw: (*P,) kW, generation less demand of the community.
        import_kw: (*P,) kW that the feeder brings.
        export_kw: (*P,) kW that it takes.
        charge_limit_kw: (*P, N) kW.
        discharge_limit_kw: (*P, N) kW.
        room_kw: (*P, N) kW that would fill the battery in a step, whatever its rate.
        store_kw: (*P, N) kW that would empty it.
    """

    features: Vector
    stored: Vector
    own: Vector
    surplus_kw: Vector
    import_kw: Vector
    export_kw: Vector
    charge_limit_kw: Vector
    discharge_limit_kw: Vector
    room_kw: Vector
    store_kw: Vector


class Ends(NamedTuple):
    """The two ends of a straight line.

    Attributes:
        baseline: Where nothing is attributed yet.
        step: What is explained.
        capacity_kwh: kWh that features are shares of.
    """

    baseline: Inputs
    step: Inputs
    capacity_kwh: float

    def at(self, share: Vector) -> Inputs:
        """Return the points at (P,) shares of the way, 0 at the baseline."""
        return Inputs(
            *(
                start + np.multiply.outer(share, end - start)
                for start, end in zip(self.baseline, self.step, strict=True)
            )
        )


def ends_of(policy: LearnedPolicy, community: Community, observation: Observation) -> Ends | None:
    """Return what the networks are asked with in a step, and its baseline; None where they are not asked.

    Raises:
        OutlookError: the forecast is missing, or makes no sense.
    """
    networks, limits = networks_of(policy), observation.limits
    battery = battery_of(community, None if limits is None else allowance_of(community, limits))
    capacity = battery.most_kwh - battery.least_kwh
    if not (networks and capacity.sum() > LEAST_CAPACITY_KWH):
        return None
    energy = np.where(capacity > 0, observation.soc * community.battery_capacity_kwh, 0.0)
    stored = np.maximum(energy - battery.least_kwh, 0.0)
    load = observation.demand_kw - observation.pv_kw
    view, reach = view_of(community, observation, policy.economics, battery), reach_of(np, energy, battery)
    need = float(load.sum())
    step = Inputs(
        features=_seen(networks, community_features(view)),
        stored=np.minimum(stored_share(stored, capacity), 1.0),
        own=own_features(stored, load, capacity),
        surplus_kw=np.asarray(-need),
        import_kw=_used(view.import_kw, reach.room_kw, need),
        export_kw=_used(view.export_kw, reach.store_kw, -need),
        charge_limit_kw=battery.charge_limit_kw,
        discharge_limit_kw=battery.discharge_limit_kw,
        room_kw=reach.room_kw,
        store_kw=reach.store_kw,
    )
    return Ends(_baseline(networks, battery, step), step, float(capacity.sum()))


def _baseline(networks: Sequence[Network], battery: Battery, step: Inputs) -> Inputs:
    mean = np.mean([network.mean for network in networks], axis=0)
    capacity = float((battery.most_kwh - battery.least_kwh).sum())
    own = np.zeros(step.own.shape)
    own[:, PART] = step.own[:, PART]
    half = reach_of(np, battery.least_kwh + HALF * (battery.most_kwh - battery.least_kwh), battery)

    def scaled(limit_kw: Vector, place: int) -> Vector:
        return limit_kw * (float(mean[place]) * capacity / max(float(limit_kw.sum()), LEAST_LIMIT_KW))

    return Inputs(
        features=mean,
        stored=np.asarray(HALF),
        own=own,
        surplus_kw=np.asarray(-mean[LOAD] * capacity),
        import_kw=np.asarray(mean[IMPORT] * capacity),
        export_kw=np.asarray(mean[EXPORT] * capacity),
        charge_limit_kw=scaled(battery.charge_limit_kw, CHARGE),
        discharge_limit_kw=scaled(battery.discharge_limit_kw, DISCHARGE),
        room_kw=half.room_kw,
        store_kw=half.store_kw,
    )


def _seen(networks: Sequence[Network], features: Vector) -> Vector:
    """Return the features as far as any network sees them: all of them cut off what is beyond."""
    least = np.min([network.mean - CLIP * network.scale for network in networks], axis=0)
    most = np.max([network.mean + CLIP * network.scale for network in networks], axis=0)
    seen: Vector = np.clip(features, least, most)
    return seen


def _used(limit_kw: ArrayLike, could_kw: Vector, need_kw: float) -> Vector:
    """Return a limit of the feeder; instead of none, all that batteries and homes could use of it."""
    limit = np.asarray(limit_kw, dtype=np.float64)
    return limit if limit < BOUNDLESS_KW else could_kw.sum() + np.maximum(need_kw, 0.0)
