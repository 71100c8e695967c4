"""How far set-points move when meters are off by what their class allows: a bound at each recorded step.

Demand and generation are read with an error of up to ε = error·(value) + resolution each, the state of charge with up
to its resolution, all at once and each either way; forecast and prices are as they are. What the network is told then
lies in a box around what it was told,

    net load of all / C ± Σ ε/C        stored share ± Σ w_i·δ_i        own numbers ± their own and 1/N of the others'

δ the error of a battery's stored share, w its part of the usable capacity. Gates over the box by linear bounds, anchors
in intervals, and b̂ at the corners of both: so |b̂ as read − b̂ as it is| is at most what `Moved` says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from autonomy.controller import Controller
from autonomy.layers.arrays import Vector
from autonomy.layers.supervision.monitors.accuracy import Accuracy
from autonomy.learning.explanation.inputs import LEVEL, LOAD, OWN_LOAD
from autonomy.learning.features import FEATURES, LEAST_CAPACITY_KWH, own_features, stored_share
from autonomy.learning.gates import EMPTY, FILL, MATCH, intent_kw, reach_of
from autonomy.learning.policy import LearnedPolicy
from autonomy.learning.views import battery_of, feeder_kw
from autonomy.policyproof.anchors import anchors_of, set_points
from autonomy.policyproof.crown import Box
from autonomy.policyproof.ensemble import INPUTS, STORED, Ensemble
from autonomy.policyproof.interval import Interval
from autonomy.policyproof.region import Region
from autonomy.scenario import Scenario
from autonomy.simulator import Simulator

GATES = (MATCH, FILL, EMPTY)
AT_ONCE = 256


class Readings(NamedTuple):
    """What meters said at T steps.

    Attributes:
        features: (T, F) of the community, with the net load of these readings.
        demand_kw: (T, N).
        pv_kw: (T, N).
        energy_kwh: (T, N) stored.
    """

    features: Vector
    demand_kw: Vector
    pv_kw: Vector
    energy_kwh: Vector


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Moved:
    """How far set-points move at T steps.

    Attributes:
        bound_kw: (T, N) kW, at most.
        sampled_kw: (T, N) kW, the most that was met.
        total_bound_kw: (T,) kW, of the sum over the community, at most.
        total_sampled_kw: (T,) kW, the most of it that was met.
    """

    bound_kw: Vector
    sampled_kw: Vector
    total_bound_kw: Vector
    total_sampled_kw: Vector


def recorded(region: Region, windows: Sequence[Scenario]) -> Readings:
    """Return the readings of windows of the region's scenario, played with its policy in charge."""
    rows: list[tuple[Vector, Vector, Vector, Vector]] = []
    capacity = region.community.battery_capacity_kwh
    for window in windows:
        simulator = Simulator(region.community, window, economics=region.economics)
        controller = Controller(region.community, policy=LearnedPolicy(region.networks, region.economics))
        while not simulator.is_done:
            seen = simulator.observe()
            rows.append(
                (region.features[window.start + simulator.step_number], seen.demand_kw, seen.pv_kw, seen.soc * capacity)
            )
            simulator.execute(controller.step(seen))
    return Readings(*(np.array(column) for column in zip(*rows, strict=True)))


def moved(region: Region, readings: Readings, accuracy: Accuracy, *, samples: int = 64, seed: int = 0) -> Moved:
    """Return how far set-points move.

    Args:
        region: Community and networks.
        readings: Around which.
        accuracy: What meters may be off by.
        samples: How many corners of the errors are tried at each step.
        seed: Of the corners.
    """
    demand, pv = (_off(values, accuracy) for values in (readings.demand_kw, readings.pv_kw))
    charge = accuracy.soc_resolution * region.community.battery_capacity_kwh
    nominal, inside = wanted(region, readings), _set_points(region, readings, demand + pv, charge)
    total = inside.sum()
    most = np.maximum(inside.high - nominal, nominal - inside.low)
    whole = np.maximum(total.high - nominal.sum(axis=1), nominal.sum(axis=1) - total.low)
    random = np.random.default_rng(seed)
    met, met_whole = np.zeros_like(most), np.zeros_like(whole)
    for number in range(samples):
        signs = random.choice([-1.0, 1.0], size=(3, *nominal.shape))
        if number % 2:  # every other time all meters of a kind are off alike: the worst for sums
            signs = np.broadcast_to(random.choice([-1.0, 1.0], size=(3, len(nominal), 1)), signs.shape)
        other = _shifted(region, readings, signs[0] * demand, signs[1] * pv, signs[2] * charge)
        change = wanted(region, other) - nominal
        met, met_whole = np.maximum(met, np.abs(change)), np.maximum(met_whole, np.abs(change.sum(axis=1)))
    return Moved(bound_kw=most, sampled_kw=met, total_bound_kw=whole, total_sampled_kw=met_whole)


def wanted(region: Region, readings: Readings) -> Vector:
    """Return (T, N) kW b̂, as the deployed policy computes it."""
    battery, (imports, exports) = battery_of(region.community), feeder_kw(region.community)
    capacity = battery.most_kwh - battery.least_kwh
    stored = np.maximum(readings.energy_kwh - battery.least_kwh, 0.0)
    load = readings.demand_kw - readings.pv_kw
    share = np.minimum(stored_share(stored, capacity), 1.0)
    own = own_features(stored, load, capacity)
    gates = np.mean([network.gates(readings.features, share, own) for network in region.networks], axis=0)
    surplus = -load.sum(axis=1, keepdims=True)
    found: Vector = intent_kw(np, gates, reach_of(np, readings.energy_kwh, battery), surplus, imports, exports)
    return found


def _set_points(region: Region, readings: Readings, error: Vector, charge: Vector) -> Interval:
    """Return the intervals of b̂, given (T, N) kW errors of net load and (N,) kWh errors of what is stored."""
    battery, (imports, exports) = battery_of(region.community), feeder_kw(region.community)
    capacity = battery.most_kwh - battery.least_kwh
    steps, size = readings.energy_kwh.shape
    total = max(float(capacity.sum()), LEAST_CAPACITY_KWH)
    stored = np.maximum(readings.energy_kwh - battery.least_kwh, 0.0)
    load = readings.demand_kw - readings.pv_kw
    part = capacity / total
    level = np.divide(charge, capacity, out=np.zeros(size), where=capacity > 0)  # error of each own share
    shift = np.zeros((steps, size, INPUTS))
    shift[..., LOAD] = error.sum(axis=1, keepdims=True) / total
    shift[..., STORED] = float(part @ level)
    own = shift[..., STORED + 1 :]
    own[..., LEVEL] = np.where(capacity > 0, level * (1.0 - part) + (part @ level - part * level), 0.0)
    own[..., OWN_LOAD] = (error * (size - 2) + error.sum(axis=1, keepdims=True)) / total
    middle = np.zeros_like(shift)
    middle[..., :FEATURES] = readings.features[:, None]
    middle[..., STORED] = np.minimum(stored_share(stored, capacity), 1.0)[:, None]
    middle[..., STORED + 1 :] = own_features(stored, load, capacity)
    boxes = Box(*((middle + sign * shift * (1.0 + 1e-9)).reshape(-1, INPUTS) for sign in (-1.0, 1.0)))
    boxes = Box(
        *(np.concatenate([s[:, :STORED], s[:, [STORED]].clip(0, 1), s[:, STORED + 1 :]], axis=1) for s in boxes)
    )
    gates = _gates(Ensemble(region.networks, GATES), boxes)
    energy = Interval(readings.energy_kwh - charge, readings.energy_kwh + charge)
    surplus = Interval(-load.sum(axis=1) - error.sum(axis=1), -load.sum(axis=1) + error.sum(axis=1))
    shaped = Interval(*(side.reshape(steps, size, len(GATES)) for side in gates))
    return set_points(shaped, anchors_of(battery, energy, surplus, imports, exports))


def _gates(ensemble: Ensemble, boxes: Box) -> Interval:
    parts = [
        ensemble.bounds(boxes.rows(np.arange(first, min(first + AT_ONCE, len(boxes.lower)))))
        for first in range(0, len(boxes.lower), AT_ONCE)
    ]
    return Interval(np.concatenate([part.least for part in parts]), np.concatenate([part.most for part in parts]))


def _shifted(region: Region, readings: Readings, demand: Vector, pv: Vector, charge: Vector) -> Readings:
    battery = battery_of(region.community)
    total = max(float((battery.most_kwh - battery.least_kwh).sum()), LEAST_CAPACITY_KWH)
    features = np.array(readings.features)
    features[:, LOAD] += (demand - pv).sum(axis=1) / total
    return Readings(features, readings.demand_kw + demand, readings.pv_kw + pv, readings.energy_kwh + charge)


def _off(values: Vector, accuracy: Accuracy) -> Vector:
    off: Vector = accuracy.power_error * np.abs(values) + accuracy.power_resolution_kw
    return off
