"""Policies for Stable-Baselines3 whose features and whose action's meaning are in the saved model.

What is learned is an action as `autonomy.learning.reinforcement.action` reads it; `predict` returns the action of
`make_vec` that it means. So a `model.zip` is a policy wherever one of `make_vec` is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.sac.policies import SACPolicy

from autonomy.learning.reinforcement.action import translated
from autonomy.learning.reinforcement.features import FeatureMap


class _Meaning:
    """What both policies add to Stable-Baselines3's."""

    meaning: str

    def raw(self, observation: Any, *, deterministic: bool) -> NDArray[np.float32]:
        """Return (R, 3) what is wanted, before it is translated, given (R, D) of any step that divides a day."""
        policy: Any = self
        policy.set_training_mode(False)
        with torch.no_grad():
            action = policy._predict(torch.as_tensor(observation), deterministic=deterministic)
        wanted: NDArray[np.float32] = np.clip(action.numpy(), -1.0, 1.0)
        return wanted

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> tuple[NDArray[Any], Any]:
        """Return (R, 3) actions of `make_vec`, given (R, D) observations; or one for one."""
        del episode_start
        rows = np.atleast_2d(observation)
        action = translated(rows, self.raw(rows, deterministic=deterministic), self.meaning)
        return (action if np.ndim(observation) > 1 else action[0]), state


class OnPolicy(_Meaning, ActorCriticPolicy):
    """For PPO: actor and critic on the same features, with layers of their own."""

    def __init__(self, *args: Any, meaning: str = "levels", **kwargs: Any) -> None:
        self.meaning = meaning
        super().__init__(*args, **{**kwargs, "features_extractor_class": FeatureMap})


class OffPolicy(_Meaning, SACPolicy):
    """For SAC."""

    def __init__(self, *args: Any, meaning: str = "levels", **kwargs: Any) -> None:
        self.meaning = meaning
        super().__init__(*args, **{**kwargs, "features_extractor_class": FeatureMap})
