"""The power that networks want of a whole community, and its gradient by hand.

    P = Σ_i (1 − c)(1 − d)·u·match + c(1 − d)·fill + d(1 − c)·empty

with gates u, c, d = mean over the networks of logistic(outputs), see `autonomy.learning.gates`. The gradient goes back
the way the numbers came: sum, anchors, gates, layers. Where a minimum or a rectifier bends, either side's slope is one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from autonomy.layers.arrays import Vector
from autonomy.learning.explanation.inputs import Inputs
from autonomy.learning.gates import EMPTY, FILL, MATCH, TINY_KWH, Reach, intent_kw
from autonomy.learning.network import CLIP, Network, logistic

GATES = (MATCH, FILL, EMPTY)


class Layers(NamedTuple):
    """What one network makes of (P,) points: values before each rectifier, and the gates.

    Attributes:
        seen: (P, F) features in standard deviations.
        first: (P, K).
        second: (P, L).
        third: (P, N, Q).
        gates: (P, N, 3).
    """

    seen: Vector
    first: Vector
    second: Vector
    third: Vector
    gates: Vector


class Shared(NamedTuple):
    """A total shared among batteries, y_i = min(max(total, 0)·part_i/Σ part, most_i), and slopes of Σ weight_i·y_i.

    Attributes:
        given_kw: (P, N) y.
        total: (P,) slope along the total.
        part: (P, N) along each part.
        most: (P, N) along each most.
    """

    given_kw: Vector
    total: Vector
    part: Vector
    most: Vector


def wanted_kw(networks: Sequence[Network], inputs: Inputs) -> Vector:
    """Return (P,) kW wanted of all batteries, + = charge."""
    gates = np.mean([layers_of(network, inputs).gates for network in networks], axis=0)
    reach = Reach(*_most(inputs), inputs.room_kw, inputs.store_kw)
    feeder = inputs.surplus_kw[:, None], inputs.import_kw[:, None], inputs.export_kw[:, None]
    total: Vector = intent_kw(np, gates, reach, *feeder).sum(axis=-1)
    return total


def slope(networks: Sequence[Network], inputs: Inputs) -> Inputs:
    """Return the gradient of `wanted_kw` at each of (P,) points."""
    layers = [layers_of(network, inputs) for network in networks]
    of_gates, of_anchors = _anchors(np.mean([one.gates for one in layers], axis=0), inputs)
    share = of_gates / len(networks)
    back = [_back(network, one, share) for network, one in zip(networks, layers, strict=True)]
    features, stored, own = (np.sum(parts, axis=0) for parts in zip(*back, strict=True))
    return of_anchors._replace(features=features, stored=stored, own=own)


def layers_of(network: Network, inputs: Inputs) -> Layers:
    """Return the layers of `Network.outputs`."""
    seen = (inputs.features - network.mean) / network.scale
    level = (2.0 * inputs.stored[:, None] - 1.0) * network.stored
    first = np.clip(seen, -CLIP, CLIP) @ network.first.T + network.first_bias + level
    second = np.maximum(first, 0.0) @ network.second.T + network.second_bias
    common = np.maximum(second, 0.0) @ network.third.T + network.third_bias
    third = common[:, None, :] + inputs.own @ network.own.T
    outputs = np.maximum(third, 0.0) @ network.last[GATES, :].T + network.last_bias[list(GATES)]
    return Layers(seen, first, second, third, logistic(outputs))


def _back(network: Network, layers: Layers, of_gates: Vector) -> tuple[Vector, Vector, Vector]:
    """Return the slopes along features, stored share and own features, given those along the gates."""
    outputs = of_gates * layers.gates * (1.0 - layers.gates)
    third = (outputs @ network.last[GATES, :]) * (layers.third > 0.0)
    second = (third.sum(axis=1) @ network.third) * (layers.second > 0.0)
    first = (second @ network.second) * (layers.first > 0.0)
    features = (first @ network.first) / network.scale * (np.abs(layers.seen) < CLIP)
    return features, 2.0 * first @ network.stored, third @ network.own


def _anchors(gates: Vector, z: Inputs) -> tuple[Vector, Inputs]:
    """Return the slopes along the gates, and along all that the anchors are made of; the features' are left empty."""
    u, c, d = gates[..., 0], gates[..., 1], gates[..., 2]
    charge, discharge = _most(z)
    matching, filling, emptying = (1.0 - c) * (1.0 - d) * u, c * (1.0 - d), d * (1.0 - c)
    stored = _shared(z.surplus_kw, z.room_kw, charge, matching)
    given = _shared(-z.surplus_kw, z.store_kw, discharge, -matching)
    filled = _shared(z.surplus_kw + z.import_kw, z.room_kw, charge, filling)
    emptied = _shared(z.export_kw - z.surplus_kw, z.store_kw, discharge, -emptying)
    match, fill, empty = stored.given_kw - given.given_kw, filled.given_kw, -emptied.given_kw
    of_gates = np.stack(
        [
            (1.0 - c) * (1.0 - d) * match,
            (1.0 - d) * (fill - u * match) - d * empty,
            (1.0 - c) * (empty - u * match) - c * fill,
        ],
        axis=-1,
    )
    by_rate, by_draw = z.charge_limit_kw < z.room_kw, z.discharge_limit_kw < z.store_kw
    most_in, most_out = stored.most + filled.most, given.most + emptied.most
    nothing = np.zeros(0)
    return of_gates, Inputs(
        features=nothing,
        stored=nothing,
        own=nothing,
        surplus_kw=stored.total - given.total + filled.total - emptied.total,
        import_kw=filled.total,
        export_kw=emptied.total,
        charge_limit_kw=most_in * by_rate,
        discharge_limit_kw=most_out * by_draw,
        room_kw=stored.part + filled.part + most_in * ~by_rate,
        store_kw=given.part + emptied.part + most_out * ~by_draw,
    )


def _shared(total_kw: Vector, part_kw: Vector, most_kw: Vector, weight: Vector) -> Shared:
    whole = part_kw.sum(axis=-1, keepdims=True) + TINY_KWH
    share, total = part_kw / whole, np.maximum(total_kw, 0.0)[:, None]
    asked, is_asked = total * share, total > 0.0
    free = weight * (is_asked & (asked < most_kw))
    along_total = (free * share).sum(axis=-1)
    return Shared(
        given_kw=np.minimum(asked, most_kw),
        total=along_total,
        part=total / whole * (free - along_total[:, None]),
        most=weight * (is_asked & (asked >= most_kw)),
    )


def _most(z: Inputs) -> tuple[Vector, Vector]:
    return np.minimum(z.charge_limit_kw, z.room_kw), np.minimum(z.discharge_limit_kw, z.store_kw)
