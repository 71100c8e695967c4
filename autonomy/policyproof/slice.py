"""A network seen along a few numbers that many features depend on: a price moves them all, through their mean.

    inputs = origin + directions·θ,  then (x − mean)/scale, cut off at ±5, and the network, for N prosumers at once

`sliced` writes it as layers of θ. The cut is two rectifiers, clip(x) = max(x + 5, 0) − max(x − 5, 0) − 5. Features that
do not move are part of the biases; what that rounds stands in `Layer.error`.
"""

from __future__ import annotations

import numpy as np

from autonomy.layers.arrays import Vector
from autonomy.learning.features import FEATURES
from autonomy.learning.network import CLIP, Network
from autonomy.policyproof.layered import Layer, Layered
from autonomy.policyproof.rounding import slack

ROUNDING = 16 * 2.0**-52
"""Relative error of a standardised feature, its few operations together."""


def sliced(network: Network, origin: Vector, directions: Vector, own: Vector, gates: tuple[int, ...]) -> Layered:
    """Return layers of θ that give (N·G) outputs before the logistic function, prosumer by prosumer.

    Args:
        network: The network.
        origin: (F + 1,) features and stored share at θ = 0.
        directions: (F + 1, n) how they move along θ, each in −1e3..1e3 or so.
        own: (N, OWN) of each prosumer; they do not move.
        gates: Which of the `OUTPUTS`.
    """
    mean, scale = network.mean, network.scale
    moves = np.flatnonzero((directions[:FEATURES] != 0.0).any(axis=1))
    still = np.setdiff1d(np.arange(FEATURES), moves)
    along = directions[moves] / scale[moves, None]
    start = (origin[moves] - mean[moves]) / scale[moves]
    size = (np.abs(origin[moves]) + np.abs(mean[moves])) / scale[moves] + np.abs(along).sum(axis=1) + CLIP
    level, cut = 2.0 * directions[FEATURES:], np.full(moves.size, CLIP)
    first = Layer(
        np.r_[along, along, level],
        np.r_[start + cut, start - cut, 2.0 * origin[FEATURES] - 1.0],
        np.arange(2 * moves.size + 1) < 2 * moves.size,
        ROUNDING * np.r_[size, size, 4.0],
    )
    fixed = np.clip((origin[still] - mean[still]) / scale[still], -CLIP, CLIP)
    of, kept = network.first[:, moves], network.first[:, still]
    bias = network.first_bias + kept @ fixed - CLIP * of.sum(axis=1)
    rounded = ROUNDING * (np.abs(kept) @ ((np.abs(origin[still]) + np.abs(mean[still])) / scale[still] + np.abs(fixed)))
    rounded += slack(FEATURES + 2) * (np.abs(network.first_bias) + CLIP * np.abs(network.first).sum(axis=1))
    second = Layer(np.c_[of, -of, network.stored], bias, np.ones(bias.size, dtype=bool), rounded)
    third = Layer(network.second, network.second_bias, np.ones(network.second_bias.size, dtype=bool))
    count, units = len(own), network.third_bias.size
    shifted = (network.third_bias + own @ network.own.T).reshape(-1)
    noise = slack(5) * (np.abs(network.third_bias) + np.abs(own) @ np.abs(network.own).T).reshape(-1)
    fourth = Layer(np.tile(network.third, (count, 1)), shifted, np.ones(count * units, dtype=bool), noise)
    chosen = list(gates)
    last = np.asarray(np.kron(np.eye(count), network.last[chosen]), dtype=np.float64)
    ends = np.tile(network.last_bias[chosen], count)
    return Layered((first, second, third, fourth, Layer(last, ends, np.zeros(ends.size, dtype=bool))))
