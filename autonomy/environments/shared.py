"""A policy that was trained for one prosumer, as the policy of a whole community: what `make_vec` is trained for."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from autonomy.layers.community import Community
from autonomy.layers.intent import Policy
from autonomy.layers.observation import Observation
from autonomy.observing import encode_each, physical_action


class Model(Protocol):
    """What a Stable-Baselines3 model offers."""

    def predict(self, observation: NDArray[np.float32], *, deterministic: bool) -> tuple[NDArray[Any], Any]:
        """Return (N, 3) actions in [−1, 1] for (N, D) observations, and what a recurrent policy remembers."""


def shared_policy(model: Model) -> Policy:
    """Return a policy that asks the model once a step for all prosumers, without noise.

        Controller(community, policy=shared_policy(PPO.load("model.zip")))

    The community may be another, of another size, than the one the model was trained on; the horizon of the forecast
    must be the same.
    """

    def act(community: Community, observation: Observation) -> Any:
        action, _ = model.predict(encode_each(community, observation), deterministic=True)
        return physical_action(community, observation, action)

    return act
