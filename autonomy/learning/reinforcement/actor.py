"""What a Stable-Baselines3 model does without noise, in NumPy: taken out of the model once, asked without torch.

    x = the observation, or its features     x ← f(W·x + β), layer by layer     action = the space's part of x

A decision is a few small products. torch gives them to its threads, and where others use the processor each product
waits for a thread that does not run: what takes 0.3 ms alone takes 40 ms and more. `Alone` asks whatever is not known
here on one thread.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.distributions import DiagGaussianDistribution
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import FlattenExtractor
from stable_baselines3.sac.policies import SACPolicy
from stable_baselines3.td3.policies import TD3Policy
from torch import nn

from autonomy.layers.arrays import frozen
from autonomy.learning.reinforcement.action import translated
from autonomy.learning.reinforcement.features import FeatureMap, features_of
from autonomy.learning.reinforcement.policies import OffPolicy, OnPolicy
from autonomy.observing import Flat

Step: TypeAlias = Callable[[Flat], Flat]


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Actor:
    """The formula of the module; it never changes, whatever becomes of the model.

    Attributes:
        seen: From (R, D) observations to what the first layer is told.
        steps: Layers and what comes between them, in their order.
        ending: From (R, D) observations and the last layer's answer to (R, A) actions.
        size: D; 0 where every size that `autonomy.observing` has is seen.
    """

    seen: Step
    steps: tuple[Step, ...]
    ending: Callable[[Flat, Flat], NDArray[Any]]
    size: int

    def predict(self, observation: NDArray[Any], *, deterministic: bool = True) -> tuple[NDArray[Any], None]:
        """Return (R, A) actions, given (R, D) observations; or one for one. Nothing is remembered.

        Raises:
            ValueError: noise is asked for, or an observation has another size.
        """
        if not deterministic:
            raise ValueError("an Actor has no noise: deterministic=True is expected")
        rows = np.atleast_2d(np.asarray(observation, dtype=np.float32))
        if self.size and rows.shape[1] != self.size:
            raise ValueError(f"an observation has {rows.shape[1]} numbers, {self.size} are expected by the model")
        with np.errstate(over="ignore", invalid="ignore"):
            values = self.seen(rows)
            for step in self.steps:
                values = step(values)
            action = self.ending(rows, values)
        return (action if np.ndim(observation) > 1 else action[0]), None


class Alone:
    """A model that is asked on one thread; what torch was told before holds again afterwards."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def predict(self, observation: NDArray[Any], *, deterministic: bool = True) -> tuple[NDArray[Any], Any]:
        """Return what the model predicts."""
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            action, state = self.model.predict(observation, deterministic=deterministic)
        finally:
            torch.set_num_threads(threads)
        return action, state


def actor_of(model: Any) -> Actor | None:
    """Return the actor of a model; None where a part of it is not known here.

    Known are the policies for plain vectors of PPO and A2C, SAC, TD3 and DDPG, and those of
    `autonomy.learning.reinforcement.policies`, without state-dependent exploration. A class made of one of them may do
    anything, and is not known.
    """
    found = _parts(model.policy)
    if found is None:
        return None
    extractor, modules, is_squashed = found
    space = model.observation_space
    if type(extractor) not in (FlattenExtractor, FeatureMap) or type(space) is not spaces.Box or len(space.shape) != 1:
        return None
    steps = [_step(module) for module in modules]
    known = tuple(step for step in steps if step is not None)
    if len(known) < len(steps):
        return None
    is_mapped = type(extractor) is FeatureMap
    return Actor(
        seen=partial(features_of, np) if is_mapped else _same,
        steps=known,
        ending=_ending(model, is_squashed=is_squashed),
        size=0 if is_mapped else int(space.shape[0]),
    )


def _parts(policy: Any) -> tuple[Any, list[nn.Module], bool] | None:
    """Return what extracts features, the modules after it, and whether their answer is in −1..1."""
    kind = type(policy)
    if kind in (ActorCriticPolicy, OnPolicy):
        if type(policy.action_dist) is not DiagGaussianDistribution:
            return None
        return policy.pi_features_extractor, [*policy.mlp_extractor.policy_net, policy.action_net], False
    if kind in (SACPolicy, OffPolicy):
        actor = policy.actor
        return None if actor.use_sde else (actor.features_extractor, [*actor.latent_pi, actor.mu, nn.Tanh()], True)
    if kind is TD3Policy:
        return policy.actor.features_extractor, list(policy.actor.mu), True
    return None


def _ending(model: Any, *, is_squashed: bool) -> Callable[[Flat, Flat], NDArray[Any]]:
    meaning = getattr(model.policy, "meaning", None)
    if meaning is not None:
        return lambda rows, values: translated(rows, np.clip(values, -1.0, 1.0), meaning)
    low, high = (frozen(end, np.float32) for end in (model.action_space.low, model.action_space.high))
    shape = (-1, *model.action_space.shape)
    if is_squashed:
        return lambda _, values: low + 0.5 * (values.reshape(shape) + 1.0) * (high - low)
    return lambda _, values: np.clip(values.reshape(shape), low, high)


def _step(module: nn.Module) -> Step | None:
    """Return what a module does; None where it is not known here."""
    if type(module) is nn.Linear and module.bias is not None:
        weight, bias = (_numbers(values) for values in (module.weight, module.bias))
        return partial(_affine, weight=weight.T, bias=bias)
    return ACTIVATIONS.get(type(module))


def _numbers(values: Any) -> Flat:
    return frozen(values.detach().cpu().numpy(), np.float32)


def _affine(values: Flat, *, weight: Flat, bias: Flat) -> Flat:
    return values @ weight + bias


def _same(values: Flat) -> Flat:
    return values


def _relu(values: Flat) -> Flat:
    return np.maximum(values, np.float32(0.0))


ACTIVATIONS: dict[type[nn.Module], Step] = {nn.Tanh: np.tanh, nn.ReLU: _relu, nn.Identity: _same}
"""What comes between layers, by its class."""
