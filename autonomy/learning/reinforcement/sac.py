"""SAC [Haarnoja2018] by Stable-Baselines3 [Raffin2021], on a street of communities.

    every prosumer plays a step ─▶ replay buffer ─▶ `updates` steps of actor, critics and temperature

The end of an episode is a truncation: what was learned of its last observation comes after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from stable_baselines3 import SAC
from stable_baselines3.common.buffers import NStepReplayBuffer

from autonomy.layers.errors import ModelError
from autonomy.learning.reinforcement.chapters import Algorithm
from autonomy.learning.reinforcement.policies import OffPolicy
from autonomy.learning.reinforcement.recipe import Recipe
from autonomy.learning.reinforcement.street import Street

FIRST_SHARE = 0.1
"""By what the last layers' random weights are multiplied, so that a new policy starts where its biases are."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SacRecipe(Recipe):
    """The knobs of SAC, beside those of `Recipe`.

    Attributes:
        buffer: Prosumer-steps that are remembered; each takes 1.6 kB at a horizon of 24.
        minibatch: Prosumer-steps of an update.
        updates: Updates each time that every prosumer has played a step.
        first: Prosumer-steps that are played at random before all others.
        lookahead: Steps whose rewards are added up before a critic says what comes after them.
        temperature: Weight of the entropy; 0 to have it learned.
        first_temperature: Where a learned one begins.
        entropy: Entropy that a learned temperature aims at.
        noise: Standard deviation of a new policy's actions before they are squashed, as its logarithm.
        follow: Share by which the target critics follow in an update.
    """

    buffer: int = 150_000
    minibatch: int = 512
    updates: int = 4
    first: int = 10_000
    lookahead: int = 3
    temperature: float = 0.0
    first_temperature: float = 0.002
    entropy: float = -3.0
    noise: float = -1.0
    follow: float = 0.005

    def __post_init__(self) -> None:
        Recipe.__post_init__(self)
        for name in ("buffer", "minibatch", "updates", "lookahead"):
            if getattr(self, name) < 1:
                raise ModelError(name, getattr(self, name), "a whole number >= 1")
        if not 0.0 < self.first_temperature < float("inf"):
            raise ModelError("first_temperature", self.first_temperature, "a finite number > 0")
        if not 0.0 < self.follow <= 1.0:
            raise ModelError("follow", self.follow, "a number in 0..1")


class Learner(SAC):
    """SAC whose own play stays in the learner's terms; what is saved is a plain SAC model."""

    policy: OffPolicy

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> tuple[NDArray[Any], Any]:
        """Return what is wanted, before it is translated: the street does that."""
        del episode_start
        return self.policy.raw(observation, deterministic=deterministic), state


def new_sac(recipe: SacRecipe, street: Street) -> Learner:
    """Return a model that has learned nothing: nearly self-consumption."""
    model = Learner(
        OffPolicy,
        street,
        learning_rate=recipe.learning_rate,
        buffer_size=recipe.buffer,
        learning_starts=recipe.first,
        batch_size=recipe.minibatch,
        tau=recipe.follow,
        gamma=recipe.discount,
        train_freq=1,
        gradient_steps=recipe.updates,
        replay_buffer_class=NStepReplayBuffer,
        replay_buffer_kwargs={"n_steps": recipe.lookahead, "gamma": recipe.discount},
        ent_coef=recipe.temperature or f"auto_{recipe.first_temperature}",
        target_entropy=recipe.entropy,
        policy_kwargs={"meaning": recipe.meaning, "net_arch": [recipe.hidden] * 2},
        seed=recipe.seed,
        device="cpu",
    )
    last: tuple[tuple[Any, float], ...] = ((model.actor.mu, 0.0), (model.actor.log_std, recipe.noise))
    with torch.no_grad():
        for head, size in last:
            head.weight.mul_(FIRST_SHARE)
            head.bias.fill_(size)
    return model


def load_sac(path: Path, street: Street) -> Learner:
    """Return a model from a file, with its optimisers, on a street; without what it remembered."""
    return Learner.load(path, env=street, device="cpu")


def read_sac(path: Path) -> SAC:
    """Return a model from a file, to be asked; it has no room to remember anything."""
    return SAC.load(path, device="cpu", buffer_size=1)


SAC_ALGORITHM = Algorithm("sac", new_sac, load_sac, read_sac)
