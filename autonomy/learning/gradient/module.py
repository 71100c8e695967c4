"""The network of `autonomy.learning.network` as a torch module."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from autonomy.layers.arrays import Vector
from autonomy.learning.features import FEATURES, OWN
from autonomy.learning.gates import EMPTY, FILL, MATCH, OUTPUTS, PRICE, TRADE
from autonomy.learning.network import CLIP, Network

HIDDEN, OWN_HIDDEN = 64, 32
START = {MATCH: 3.0, FILL: -2.5, EMPTY: -5.0, TRADE: 20.0, PRICE: 0.0}
"""Outputs before anything is learned: nearly self-consumption. Trade and price are alike for all prosumers, so that
everything that is left is matched at home, at the middle of the prices; they learn in the auction, not here."""
FIRST_SHARE = 0.1
"""By what the last layer's random weights are multiplied, so that a new network starts near `START`."""


class Module(nn.Module):
    """Weights as parameters, in float64.

    Args:
        generator: Draws the first weights.
        hidden: Units of the two layers of a community.
        own_hidden: Units of the layer of a prosumer.
    """

    def __init__(self, generator: torch.Generator, *, hidden: int = HIDDEN, own_hidden: int = OWN_HIDDEN) -> None:
        super().__init__()

        def drawn(rows: int, columns: int, fan_in: int) -> nn.Parameter:
            bound = fan_in**-0.5
            numbers = torch.rand((rows, columns), generator=generator, dtype=torch.float64)
            return nn.Parameter((2.0 * numbers - 1.0) * bound)

        def zeros(size: int) -> nn.Parameter:
            return nn.Parameter(torch.zeros(size, dtype=torch.float64))

        self.mean = nn.Buffer(torch.zeros(FEATURES, dtype=torch.float64))
        self.scale = nn.Buffer(torch.ones(FEATURES, dtype=torch.float64))
        self.first, self.first_bias = drawn(hidden, FEATURES, FEATURES), zeros(hidden)
        self.stored = nn.Parameter(drawn(1, hidden, 1)[0].detach())
        self.second, self.second_bias = drawn(hidden, hidden, hidden), zeros(hidden)
        self.third, self.third_bias = drawn(own_hidden, hidden, hidden), zeros(own_hidden)
        self.own = drawn(own_hidden, OWN, OWN)
        last = FIRST_SHARE * drawn(OUTPUTS, own_hidden, own_hidden).detach()
        last[TRADE:] = 0.0
        self.last = nn.Parameter(last)
        self.last_bias = nn.Parameter(torch.tensor([START[k] for k in range(OUTPUTS)], dtype=torch.float64))

    @classmethod
    def of(cls, network: Network) -> Module:
        """Return a module with the weights of a network."""
        module = cls(torch.Generator(), hidden=network.first_bias.size, own_hidden=network.third_bias.size)
        with torch.no_grad():
            for name, values in module.state_dict().items():
                values.copy_(torch.from_numpy(np.array(getattr(network, name))))
        return module

    def scale_to(self, features: Vector) -> None:
        """Take mean and standard deviation of (R, F) features; what does not vary is left as it is."""
        spread = features.std(axis=0)
        with torch.no_grad():
            self.mean.copy_(torch.from_numpy(features.mean(axis=0)))
            self.scale.copy_(torch.from_numpy(np.where(spread > 1e-6, spread, 1.0)))

    def network(self) -> Network:
        """Return the weights for NumPy."""
        return Network(**{name: values.numpy().copy() for name, values in self.state_dict().items()})

    def of_community(self, features: Tensor) -> Tensor:
        """Return (*R, K) what the first layer makes of (*R, F) features: all that does not depend on what is stored."""
        seen = torch.clip((features - self.mean) / self.scale, -CLIP, CLIP)
        return seen @ self.first.T + self.first_bias

    def forward(self, of_community: Tensor, stored: Tensor, own: Tensor) -> Tensor:
        """Return (*R, N, 5) outputs, as `Network.outputs`, given what `of_community` returned."""
        first = torch.relu(of_community + (2.0 * stored[..., None] - 1.0) * self.stored)
        second = torch.relu(first @ self.second.T + self.second_bias)
        common = second @ self.third.T + self.third_bias
        third = torch.relu(common[..., None, :] + own @ self.own.T)
        return third @ self.last.T + self.last_bias
