"""A learned network written as plain layers: affine maps with or without a rectifier, nothing else.

    h = W·h + b, then max(h, 0) in the units that are rectified

The input of `unrolled` is one prosumer's view: the features in standard deviations (already cut off at `CLIP`), the
level 2·stored − 1, and the three own numbers, which pass the first two layers as they are. Every weight is copied bit
by bit, so the plain layers and `autonomy.learning.network` are the same function of real numbers.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from autonomy.layers.arrays import Mask, Vector
from autonomy.layers.errors import ModelError
from autonomy.learning.features import FEATURES, OWN
from autonomy.learning.gates import OUTPUTS
from autonomy.learning.network import CLIP, Network

LEVEL = FEATURES
"""Place of 2·stored − 1 in the input; the features are before it, the own numbers behind."""
INPUTS = FEATURES + 1 + OWN


class Layer(NamedTuple):
    """One layer.

    Attributes:
        weight: (m, n).
        bias: (m,).
        rectified: (m,) which units are cut off below 0.
        error: (m,) by how much W·h + b may be off what is meant, before the rectifier; None for not at all.
    """

    weight: Vector
    bias: Vector
    rectified: Mask
    error: Vector | None = None


class Layered:
    """Layers one after the other; the last is not rectified.

    Attributes:
        layers: At least one; each takes what the one before gives.

    Raises:
        ModelError: the shapes do not fit, or the last layer is rectified.
    """

    def __init__(self, layers: tuple[Layer, ...]) -> None:
        for before, layer in zip((None, *layers), layers, strict=False):
            size, given = layer.weight.shape
            if before is not None and before.bias.size != given:
                raise ModelError("weight", f"{given} columns", f"{before.bias.size}, as the layer before has units")
            if layer.bias.shape != (size,) or layer.rectified.shape != (size,):
                raise ModelError("bias", f"shape {layer.bias.shape}", f"({size},), one number a unit")
        if not layers or layers[-1].rectified.any():
            raise ModelError("layers", f"{len(layers)} layers, the last rectified", "at least one, the last not")
        self.layers = layers

    def __call__(self, inputs: Vector) -> Vector:
        """Return (*R, m) of (*R, n), in floats."""
        values = inputs
        for layer in self.layers:
            values = values @ layer.weight.T + layer.bias
            values = np.where(layer.rectified, np.maximum(values, 0.0), values)
        return values

    def rows(self, chosen: tuple[int, ...]) -> Layered:
        """Return the same layers with some of the outputs alone."""
        last = self.layers[-1]
        part = Layer(last.weight[list(chosen)], last.bias[list(chosen)], last.rectified[list(chosen)])
        return Layered((*self.layers[:-1], part))


def unrolled(network: Network) -> Layered:
    """Return a network as layers: (*R, `INPUTS`) to its (*R, `OUTPUTS`) numbers before the logistic function."""
    hidden, later, own = network.first_bias.size, network.second_bias.size, network.third_bias.size
    zeros, pass_on = np.zeros, np.eye(OWN)
    first = np.block([
        [network.first, network.stored[:, None], zeros((hidden, OWN))],
        [zeros((OWN, FEATURES + 1)), pass_on],
    ])  # fmt: skip
    second = np.block([[network.second, zeros((later, OWN))], [zeros((OWN, hidden)), pass_on]])
    none = zeros(OWN)
    return Layered((
        Layer(first, np.r_[network.first_bias, none], _first(hidden, OWN)),
        Layer(second, np.r_[network.second_bias, none], _first(later, OWN)),
        Layer(np.c_[network.third, network.own], network.third_bias, _first(own, 0)),
        Layer(network.last, network.last_bias, _first(0, OUTPUTS)),
    ))  # fmt: skip


def seen(network: Network, features: Vector) -> Vector:
    """Return (*R, F) features in standard deviations, cut off as the network does; F features."""
    cut: Vector = np.clip((features - network.mean) / network.scale, -CLIP, CLIP)
    return cut


def _first(rectified: int, plain: int) -> Mask:
    return np.arange(rectified + plain) < rectified
