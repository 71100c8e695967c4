"""Policies by name, from a Stable-Baselines3 zip, or from a function in a Python file."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from autonomy.economics import Economics
from autonomy.errors import ConfigError, ModelError, OptionalDependencyError, did_you_mean
from autonomy.layers.community import Community
from autonomy.layers.intent import POLICIES, Policy, named_policy
from autonomy.layers.observation import Observation
from autonomy.learning.policy import LearnedPolicy
from autonomy.learning.shipped import SHIPPED, shipped
from autonomy.learning.weights import read_weights
from autonomy.mpc import PLANNERS, RecedingHorizon
from autonomy.observing import ACTIONS, encode, physical_action

NAMES = (*POLICIES, *PLANNERS, *SHIPPED)
"""Every name that `load_policy` knows: rules and adversaries of Layer 1, receding-horizon controllers, weights."""


def load_policy(spec: str) -> Policy:
    """Return the policy that `spec` names.

    Args:
        spec: One of `NAMES`; `weights.npz`, as `autonomy train` leaves them; `policy.onnx`, as `autonomy export` writes
            it or with the same inputs and output; `model.zip`, a Stable-Baselines3 model; or `file.py:name`, a function
            or class of a Python file (which is executed). A model trained on `CommunityEnv` decides for the whole
            community; if its actions are all in [−1, 1], as `CommunityEnv(normalised=True)` has them, they are scaled
            by `autonomy.observing.physical_action`. A model trained on `make_vec`, whose actions are three numbers, is
            asked about every prosumer.

    Raises:
        ConfigError: nothing is found under `spec`, or what is found is not a policy.
        OptionalDependencyError: a model needs Stable-Baselines3 or onnxruntime and it is not installed.
    """
    suffix = Path(spec).suffix
    if suffix in LOADERS:
        return LOADERS[suffix](spec)
    # Split at the last colon: the first one may belong to a drive letter.
    path, attribute = (spec, "") if suffix == ".py" else spec.rpartition(":")[::2]
    return _from_python(_existing(path), attribute) if path.endswith(".py") else _named(spec)


def with_economics(policy: Policy, economics: Economics) -> Policy:
    """Return a policy that plans with these prices; one that does not plan is returned as it is."""
    if isinstance(policy, RecedingHorizon):
        return RecedingHorizon(policy.planner, economics)
    if isinstance(policy, LearnedPolicy):
        return LearnedPolicy(policy.networks, economics, policy.card)
    return policy


def _named(name: str) -> Policy:
    if name in PLANNERS:
        return PLANNERS[name](None)
    if name in SHIPPED:
        return shipped(name)
    if name not in POLICIES:
        known = ", ".join(NAMES)
        raise ConfigError("policy", "", f"no policy is called {name!r}{did_you_mean(name, NAMES)}; known: {known}")
    return named_policy(name)


def _learned(path: str) -> Policy:
    weights = read_weights(path)
    return LearnedPolicy(weights.networks, card=weights.card)


def _from_onnx(path: str) -> Policy:
    from autonomy.learning.onnx_session import read_onnx  # noqa: PLC0415 - for who has such a file

    model = read_onnx(path)
    try:
        return LearnedPolicy([model.brain], card=model.card)
    except (TypeError, ModelError) as fault:
        raise ConfigError("policy", "", f"{path}: the prices of its card: {fault}") from None


def _existing(path: str) -> Path:
    file = Path(path)
    if not file.is_file():
        raise ConfigError("policy", "", f"no file {path!r}")
    return file


def _from_python(path: Path, attribute: str) -> Policy:
    if not attribute:
        raise ConfigError("policy", "", f"{path}: name the function, as in {path}:my_policy")
    module_spec = importlib.util.spec_from_file_location(f"autonomy_policy_{path.stem}", path)
    if module_spec is None or module_spec.loader is None:
        raise ConfigError("policy", "", f"{path} cannot be loaded as a Python file")
    module = importlib.util.module_from_spec(module_spec)
    sys.modules[module_spec.name] = module  # dataclasses and pickle look their module up there
    try:
        module_spec.loader.exec_module(module)
        found: Any = getattr(module, attribute, None)
        policy = found() if isinstance(found, type) else found
    except (Exception, SystemExit) as fault:  # a script that ends itself must not end the run as if all were well
        raise ConfigError("policy", "", f"{path} raised {type(fault).__name__}: {fault}") from fault
    if not callable(policy):
        raise ConfigError("policy", "", f"{path} has no function or class {attribute!r}")
    return policy  # type: ignore[no-any-return]  # a user's callable; its answers are never trusted


def _from_stable_baselines(spec: str) -> Policy:
    path = _existing(spec)
    try:
        from stable_baselines3 import A2C, DDPG, PPO, SAC, TD3  # noqa: PLC0415 - optional, and slow to import
    except ImportError:
        raise OptionalDependencyError("a Stable-Baselines3 policy", "train") from None

    faults = []
    for algorithm in (PPO, SAC, TD3, A2C, DDPG):
        try:
            return _acting(algorithm.load(path, device="cpu"))
        except Exception as fault:  # noqa: BLE001 - the file does not say which algorithm wrote it
            faults.append(f"{algorithm.__name__}: {fault}")
    raise ConfigError("policy", "", f"{path} is no Stable-Baselines3 model ({'; '.join(faults)})")


def _acting(model: Any) -> Policy:
    """Return a model's deterministic actions as a policy; see `load_policy` for the action spaces."""
    from autonomy.learning.reinforcement.actor import Alone, actor_of  # noqa: PLC0415 - loads torch, as the model has

    asked = actor_of(model) or Alone(model)
    if model.action_space.shape == (ACTIONS,):
        from autonomy.environments import shared_policy  # noqa: PLC0415 - loads Gymnasium, as the model has

        return shared_policy(asked)
    is_normalised = bool(np.all(model.action_space.low == -1.0) and np.all(model.action_space.high == 1.0))

    def act(community: Community, observation: Observation) -> Any:
        action, _ = asked.predict(encode(community, observation), deterministic=True)
        rows = action.reshape(community.n_prosumers, ACTIONS)
        return physical_action(community, observation, rows) if is_normalised else rows

    return act


LOADERS: dict[str, Callable[[str], Policy]] = {
    ".npz": _learned,
    ".onnx": _from_onnx,
    ".zip": _from_stable_baselines,
}
"""Who reads a file, by its suffix."""
