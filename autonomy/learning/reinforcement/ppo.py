"""PPO [Schulman2017] by Stable-Baselines3 [Raffin2021], on a street of communities.

    play `rollout` steps with every prosumer ─▶ advantages by GAE ─▶ `epochs` passes over all, ratio clipped

The end of an episode is a truncation: its last observation's value is what comes after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecEnv

from autonomy.layers.arrays import Index, Vector
from autonomy.layers.errors import ModelError
from autonomy.learning.reinforcement.chapters import Algorithm
from autonomy.learning.reinforcement.policies import OnPolicy
from autonomy.learning.reinforcement.recipe import Recipe
from autonomy.learning.reinforcement.street import Street


@dataclass(frozen=True, kw_only=True, slots=True)
class PpoRecipe(Recipe):
    """The knobs of PPO, beside those of `Recipe`.

    Attributes:
        rollout: Steps of every prosumer between updates.
        minibatch: Prosumer-steps of an update.
        epochs: Passes over what was played.
        trace: λ of the advantages.
        clip: How far the ratio of probabilities may leave 1.
        entropy: Weight of the entropy.
        noise: Standard deviation of a new policy's actions, as its logarithm.
        crowd: 1 to compare a prosumer's advantage with that of its neighbours in the same step, 0 for not.
    """

    rollout: int = 48
    minibatch: int = 2048
    epochs: int = 6
    trace: float = 0.95
    clip: float = 0.2
    entropy: float = 0.0
    noise: float = -1.0
    crowd: int = 1

    def __post_init__(self) -> None:
        Recipe.__post_init__(self)
        for name in ("rollout", "minibatch", "epochs"):
            if getattr(self, name) < 1:
                raise ModelError(name, getattr(self, name), "a whole number >= 1")


class Learner(PPO):
    """PPO with the crowd as a baseline; what is saved is a plain PPO model.

    Neighbours in the same step have the same weather, and noise of their own. So the mean advantage of the others is a
    baseline that does not hang on the own action, as any baseline must not, and knows what the critic cannot: how the
    rest of the day turned out.
    """

    crowd: int = 1

    def collect_rollouts(self, env: VecEnv, callback: Any, rollout_buffer: Any, n_rollout_steps: int) -> bool:
        """Play, then take the neighbours' mean advantage off each prosumer's."""
        is_done = super().collect_rollouts(env, callback, rollout_buffer, n_rollout_steps)
        if self.crowd and isinstance(env, Street):
            rollout_buffer.advantages = beside_neighbours(rollout_buffer.advantages, env.communities)
        return is_done


def beside_neighbours(advantages: Vector, communities: Index) -> Vector:
    """Return (T, B·N) advantages less the mean of the others of the same community, given (B·N,) whose each is."""
    count = np.bincount(communities)
    starts = np.concatenate([[0], np.cumsum(count)[:-1]])
    total = np.add.reduceat(advantages, starts, axis=1)[:, communities]
    others = np.maximum(count - 1, 1)[communities]
    beside: Vector = advantages - (total - advantages) / others
    return beside


def new_ppo(recipe: PpoRecipe, street: Street) -> Learner:
    """Return a model that has learned nothing: nearly self-consumption."""
    model = Learner(
        OnPolicy,
        street,
        learning_rate=recipe.learning_rate,
        n_steps=recipe.rollout,
        batch_size=recipe.minibatch,
        n_epochs=recipe.epochs,
        gamma=recipe.discount,
        gae_lambda=recipe.trace,
        clip_range=recipe.clip,
        ent_coef=recipe.entropy,
        policy_kwargs={
            "meaning": recipe.meaning,
            "net_arch": {"pi": [recipe.hidden] * 2, "vf": [recipe.hidden] * 2},
            "log_std_init": recipe.noise,
        },
        seed=recipe.seed,
        device="cpu",
    )
    model.crowd = recipe.crowd
    return model


def load_ppo(path: Path, street: Street) -> Learner:
    """Return a model from a file, with its optimiser, on a street."""
    return Learner.load(path, env=street, device="cpu")


def read_ppo(path: Path) -> PPO:
    """Return a model from a file, to be asked."""
    return PPO.load(path, device="cpu")


PPO_ALGORITHM = Algorithm("ppo", new_ppo, load_ppo, read_ppo)
