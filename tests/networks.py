"""Networks of random weights, and what they are asked with: for tests that need no training."""

from __future__ import annotations

import numpy as np

from autonomy.learning.features import FEATURES, OWN
from autonomy.learning.gates import OUTPUTS
from autonomy.learning.network import Network

HIDDEN, OWN_HIDDEN = 24, 12


def drawn(seed: int, *, mean: float = 0.3, boldness: float = 2.0) -> Network:
    """Return a network with decisions of every kind."""
    random = np.random.default_rng(seed)

    def layer(rows: int, columns: int) -> np.ndarray:
        return random.normal(size=(rows, columns)) * boldness / np.sqrt(columns)

    return Network(
        mean=random.normal(size=FEATURES) * 0.1 + mean,
        scale=random.uniform(0.2, 1.0, FEATURES),
        first=layer(HIDDEN, FEATURES),
        stored=random.normal(size=HIDDEN),
        first_bias=random.normal(size=HIDDEN) * 0.1,
        second=layer(HIDDEN, HIDDEN),
        second_bias=random.normal(size=HIDDEN) * 0.1,
        third=layer(OWN_HIDDEN, HIDDEN),
        own=layer(OWN_HIDDEN, OWN),
        third_bias=random.normal(size=OWN_HIDDEN) * 0.1,
        last=layer(OUTPUTS, OWN_HIDDEN),
        last_bias=random.normal(size=OUTPUTS) * 0.5,
    )
