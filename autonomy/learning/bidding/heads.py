"""The two heads of the market as all that is learned: linear in the units below them, which stay as they are."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from autonomy.layers.arrays import Vector
from autonomy.learning.gates import PRICE, TRADE
from autonomy.learning.network import Network

HEADS = (TRADE, PRICE)
BEGIN = {TRADE: 3.0, PRICE: 0.0}
"""Outputs before anything is learned: a twentieth held back, so that the share has something to learn, at the middle
of the prices."""
LEAST_SPREAD = 1e-6
FIRST_MOMENT, SECOND_MOMENT, TINY = 0.9, 0.999, 1e-8
"""Of Adam [Kingma2015]."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Heads:
    """Rows E and ε of the market's outputs, for units less their mean by their standard deviation.

    Attributes:
        mean: (Q,) of the units in training.
        spread: (Q,) > 0, their standard deviation.
        rows: (2, Q + 1), share and price; last the bias.
    """

    mean: Vector
    spread: Vector
    rows: Vector

    @classmethod
    def begun(cls, units: Vector) -> Heads:
        """Return heads that have learned nothing, for (R, Q) units."""
        rows = np.zeros((len(HEADS), units.shape[1] + 1))
        rows[:, -1] = [BEGIN[head] for head in HEADS]
        return cls(mean=units.mean(axis=0), spread=np.maximum(units.std(axis=0), LEAST_SPREAD), rows=rows)

    def seen(self, units: Vector) -> Vector:
        """Return (…, Q + 1) what the rows are multiplied with, given (…, Q) units."""
        ones = np.ones((*units.shape[:-1], 1))
        return np.concatenate([(units - self.mean) / self.spread, ones], axis=-1)

    def outputs(self, seen: Vector) -> Vector:
        """Return (2, …) before the logistic function."""
        outputs: Vector = np.moveaxis(seen @ self.rows.T, -1, 0)
        return outputs

    def put_into(self, network: Network) -> Network:
        """Return the network with these heads, all other numbers being the same."""
        last, bias = network.last.copy(), network.last_bias.copy()
        weights = self.rows[:, :-1] / self.spread
        last[list(HEADS)], bias[list(HEADS)] = weights, self.rows[:, -1] - weights @ self.mean
        return replace(network, last=last, last_bias=bias)


class Adam:
    """Steps of Adam upwards.

    Args:
        shape: Of what is learned.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._first, self._second, self._count = np.zeros(shape), np.zeros(shape), 0

    def step(self, slope: Vector, rate: Vector) -> Vector:
        """Return by how much to move."""
        self._count += 1
        self._first += (1.0 - FIRST_MOMENT) * (slope - self._first)
        self._second += (1.0 - SECOND_MOMENT) * (slope**2 - self._second)
        first = self._first / (1.0 - FIRST_MOMENT**self._count)
        second = self._second / (1.0 - SECOND_MOMENT**self._count)
        move: Vector = rate * first / (np.sqrt(second) + TINY)
        return move
