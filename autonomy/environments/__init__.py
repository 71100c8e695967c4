"""The learning interfaces: one community for one agent, its prosumers for many, many communities for a shared policy.

    CommunityEnv     Gymnasium: one agent decides for all prosumers
    parallel_env     PettingZoo: every prosumer is an agent
    make_vec         Stable-Baselines3: many communities at once, every prosumer a sub-environment of one policy
    shared_policy    what was trained by make_vec, as the policy of a Controller
    SafetyWrapper    Layers 2 and 3 around somebody else's environment; ParallelSafetyWrapper for PettingZoo's

The first three are faces of `autonomy.simulation.BatchSimulator`. Importing this package registers the ids of
`autonomy.environments.registry`, so that

    gymnasium.make("autonomy.environments:autonomy/Fontana-v0")

works without another import. PettingZoo and Stable-Baselines3 are loaded when they are asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from autonomy.environments.community import CommunityEnv
from autonomy.environments.registry import IDS, register_all
from autonomy.environments.safety import SafetyWrapper, ScaledPower
from autonomy.environments.shared import shared_policy

if TYPE_CHECKING:
    from autonomy.environments.parallel import parallel_env
    from autonomy.environments.safety_parallel import ParallelSafetyWrapper
    from autonomy.environments.vector import make_vec

__all__ = [
    "IDS",
    "CommunityEnv",
    "ParallelSafetyWrapper",
    "SafetyWrapper",
    "ScaledPower",
    "make_vec",
    "parallel_env",
    "shared_policy",
]

_ON_DEMAND = {
    "ParallelSafetyWrapper": "autonomy.environments.safety_parallel",
    "make_vec": "autonomy.environments.vector",
    "parallel_env": "autonomy.environments.parallel",
}

register_all()


def __getattr__(name: str) -> Any:
    """Load what needs PettingZoo or Stable-Baselines3 on first use."""
    if name not in _ON_DEMAND:
        raise AttributeError(f"module 'autonomy.environments' has no attribute {name!r}")
    return getattr(import_module(_ON_DEMAND[name]), name)
