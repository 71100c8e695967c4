"""Put any policy in charge of the batteries of an energy community, and prove that it cannot break anything.

    from autonomy import Community, Controller, Observation

    controller = Controller(Community.demo(), policy="self-consumption")
    decision = controller.step(observation)      # safe, whatever the policy says

`autonomy.layers` holds the model and the three layers, `autonomy.solvers` the mathematics; `docs/` explains both.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from autonomy.controller import Controller
from autonomy.economics import Economics
from autonomy.layers.community import Community
from autonomy.layers.decision import Cause, Certificate, Decision, Intent, Mode, Reason
from autonomy.layers.network import Network
from autonomy.layers.observation import Forecast, Limits, Observation
from autonomy.scenario import Scenario
from autonomy.simulator import Simulator
from autonomy.supervisor import Supervisor

if TYPE_CHECKING:
    from autonomy.environments import CommunityEnv, make_vec, parallel_env

try:
    __version__ = version("autonomy-stack")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+source"

__all__ = [
    "Cause",
    "Certificate",
    "Community",
    "CommunityEnv",
    "Controller",
    "Decision",
    "Economics",
    "Forecast",
    "Intent",
    "Limits",
    "Mode",
    "Network",
    "Observation",
    "Reason",
    "Scenario",
    "Simulator",
    "Supervisor",
    "__version__",
    "make_vec",
    "parallel_env",
]


_LEARNING = {"CommunityEnv": "hosts", "parallel_env": "hosts", "make_vec": "train"}
"""Learning interface -> the extra that brings the library it needs."""


def __getattr__(name: str) -> Any:
    """Load the learning interfaces on first use: they need Gymnasium, PettingZoo or Stable-Baselines3."""
    if name not in _LEARNING:
        raise AttributeError(f"module 'autonomy' has no attribute {name!r}")
    try:
        from autonomy import environments  # noqa: PLC0415 - lazily, see above

        return getattr(environments, name)
    except ModuleNotFoundError as fault:
        if (fault.name or "").partition(".")[0] not in ("gymnasium", "pettingzoo", "stable_baselines3", "torch"):
            raise
        from autonomy.errors import OptionalDependencyError  # noqa: PLC0415 - only in this case

        raise OptionalDependencyError(name, _LEARNING[name]) from None
