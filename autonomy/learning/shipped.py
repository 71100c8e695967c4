"""The weights that come with the package, by name."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from autonomy.learning.policy import LearnedPolicy
from autonomy.learning.weights import Weights, read_weights

FOLDER = Path(__file__).resolve().parent.parent / "data" / "weights"
SEEDS = ("learned-0", "learned-1", "learned-2")
"""The same recipe with three seeds."""
SHIPPED: dict[str, tuple[str, ...]] = {
    "learned": SEEDS,
    **{name: (name,) for name in SEEDS},
    "learned-green": ("learned-green",),
    "learned-flat": ("learned-flat",),
}
"""From the name of a policy to its files: `learned` is the mean of three, `green` saves CO2 and `flat` peaks first."""


def shipped(name: str) -> LearnedPolicy:
    """Return a policy of `SHIPPED`, a new one each time."""
    weights = [_weights(file) for file in SHIPPED[name]]
    networks = [network for one in weights for network in one.networks]
    return LearnedPolicy(networks, card=replace(weights[0].card, title=name))


@lru_cache(maxsize=8)
def _weights(file: str) -> Weights:
    return read_weights(FOLDER / f"{file}.npz")
