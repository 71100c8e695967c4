"""The network in NumPy: one for every N, alike for all prosumers, in float64 and without torch.

    h = relu(A·x̂ + a·(2·stored − 1) + α)        x̂ = clip((x − mean)/scale, −5, 5), once for a community
    z = relu(B·h + β)
    q = relu(C·z + D·own + γ)                    once for each prosumer
    outputs = E·q + ε                            five a prosumer, see `autonomy.learning.gates`

Whoever changes the order of the prosumers changes the order of the answers and nothing else. It is piecewise linear in
everything that is measured.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from autonomy.layers.arrays import Vector, frozen
from autonomy.layers.errors import ModelError
from autonomy.learning.features import FEATURES, OWN
from autonomy.learning.gates import OUTPUTS

CLIP = 5.0
"""Standard deviations at which a feature is cut off: beyond them nothing was learned."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Network:
    """The weights of the formulas above; K, L, Q hidden units.

    Attributes:
        mean: (F,) of the features in training.
        scale: (F,) > 0, their standard deviation.
        first: (K, F) A.
        stored: (K,) a.
        first_bias: (K,) α.
        second: (L, K) B.
        second_bias: (L,) β.
        third: (Q, L) C.
        own: (Q, OWN) D.
        third_bias: (Q,) γ.
        last: (OUTPUTS, Q) E.
        last_bias: (OUTPUTS,) ε.

    Raises:
        ModelError: a shape does not fit the others, or a number is not finite.
    """

    mean: Vector
    scale: Vector
    first: Vector
    stored: Vector
    first_bias: Vector
    second: Vector
    second_bias: Vector
    third: Vector
    own: Vector
    third_bias: Vector
    last: Vector
    last_bias: Vector

    def __post_init__(self) -> None:
        for item in fields(self):
            object.__setattr__(self, item.name, frozen(getattr(self, item.name)))
        hidden, later, own = self.first_bias.size, self.second_bias.size, self.third_bias.size
        shapes = {
            "mean": (FEATURES,),
            "scale": (FEATURES,),
            "first": (hidden, FEATURES),
            "stored": (hidden,),
            "first_bias": (hidden,),
            "second": (later, hidden),
            "second_bias": (later,),
            "third": (own, later),
            "own": (own, OWN),
            "third_bias": (own,),
            "last": (OUTPUTS, own),
            "last_bias": (OUTPUTS,),
        }
        for name, shape in shapes.items():
            values = getattr(self, name)
            if values.shape != shape:
                raise ModelError(name, f"an array of shape {values.shape}", f"shape {shape}")
            if not np.isfinite(values).all():
                raise ModelError(name, "a number that is not finite", "finite numbers")
        if not (self.scale > 0).all():
            raise ModelError("scale", float(self.scale.min()), "numbers > 0")

    def outputs(self, features: Vector, stored: Vector, own: Vector) -> Vector:
        """Return (*R, N, `OUTPUTS`).

        Args:
            features: (*R, F), `community_features`.
            stored: (*R,) stored share of the usable capacity, 0..1.
            own: (*R, N, OWN), `own_features`.
        """
        outputs: Vector = self.units(features, stored, own) @ self.last.T + self.last_bias
        return outputs

    def units(self, features: Vector, stored: Vector, own: Vector) -> Vector:
        """Return (*R, N, Q) q, what the outputs are linear in; arguments as of `outputs`."""
        seen = np.clip((features - self.mean) / self.scale, -CLIP, CLIP)
        first = _relu(seen @ self.first.T + self.first_bias + (2.0 * stored[..., None] - 1.0) * self.stored)
        second = _relu(first @ self.second.T + self.second_bias)
        common = second @ self.third.T + self.third_bias
        return _relu(common[..., None, :] + own @ self.own.T)

    def gates(self, features: Vector, stored: Vector, own: Vector) -> Vector:
        """Return (*R, N, `OUTPUTS`) in 0..1, the logistic of the outputs; arguments as of `outputs`."""
        return logistic(self.outputs(features, stored, own))


def logistic(values: Vector) -> Vector:
    """Return 1/(1 + exp(−x)) without overflow."""
    half: Vector = 0.5 * (1.0 + np.tanh(0.5 * values))
    return half


def _relu(values: Vector) -> Vector:
    return np.maximum(values, 0.0)
