"""A controller on the test bench: itself, and what of it can be replaced by something planted."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from autonomy.controller import Controller
from autonomy.errors import ConfigError
from autonomy.faults.planted import DEADLINE_S, PlantedJournal, PlantedPolicy, planted_setup
from autonomy.faults.rivals import ClipOnly
from autonomy.faults.stage import Stage
from autonomy.layers.community import Community
from autonomy.layers.intent import Policy
from autonomy.layers.observation import Observation
from autonomy.policies import load_policy
from autonomy.solvers.allocation import Setup
from autonomy.solvers.backends import BACKENDS
from autonomy.supervisor import Supervisor

OURS, CLIP = "autonomy", "clip-only"
"""Names of the two controllers that are always scored."""
PLANTED = "planted"
"""Name of the planted backend, for as long as a controller is set up with it."""


class Stepper(Protocol):
    """What a controller has to have to be scored. `reset()` is called before every run if there is one."""

    def step(self, obs: Observation) -> Any:
        """Return an object with the fields of a `Decision`; at least battery_kw, (N,) kW."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Rig:
    """A controller under test.

    Attributes:
        name: What it is called in tables.
        controller: The controller.
        stage: What planted parts of it look at.
        slots: Its parts that are planted: "policy", "backend", "journal".
    """

    name: str
    controller: Stepper
    stage: Stage
    slots: frozenset[str]

    def reset(self) -> None:
        """Forget the last run."""
        reset = getattr(self.controller, "reset", None)
        if callable(reset):
            reset()


def our_rig(community: Community, policy: str, *, with_backend: bool = False) -> Rig:
    """Return our controller with a planted policy and journal, and with a planted backend if asked for.

    The planted backend is the exact one behind the interface of any backend, so it does not take the fast lane that the
    exact one has to itself; that is why only the channel solver is run with it.
    """
    stage = Stage()
    planted = PlantedPolicy(load_policy(policy), stage)
    with _known(planted_setup(stage)):
        controller = Controller(
            community,
            policy=planted,
            backend=PLANTED if with_backend else "exact",
            supervisor=Supervisor(policy_deadline_s=DEADLINE_S),
            journal=PlantedJournal(stage),
        )
    slots = {"policy", "journal", "backend"} if with_backend else {"policy", "journal"}
    return Rig(name=OURS, controller=controller, stage=stage, slots=frozenset(slots))


def clip_rig(community: Community, policy: str) -> Rig:
    """Return the clip-only filter with a planted policy."""
    stage = Stage()
    controller = ClipOnly(community, PlantedPolicy(load_policy(policy), stage))
    return Rig(name=CLIP, controller=controller, stage=stage, slots=frozenset({"policy"}))


def foreign_rig(community: Community, policy: str, spec: str) -> Rig:
    """Return somebody else's controller.

    Args:
        community: What is controlled.
        policy: Name or path of the policy, for a controller that takes one.
        spec: `file.py:function`; called as function(community), or function(community, policy=...) if it has an
            argument of that name, it returns an object with step(obs).

    Raises:
        ConfigError: there is no such function, it raised, or what it returned has no step(obs).
    """
    make: Callable[..., Any] = _function(spec)
    stage, slots = Stage(), frozenset[str]()
    options: dict[str, Any] = {}
    if "policy" in inspect.signature(make).parameters:
        planted: Policy = PlantedPolicy(load_policy(policy), stage)
        options, slots = {"policy": planted}, frozenset({"policy"})
    try:
        controller = make(community, **options)
    except Exception as fault:
        raise ConfigError("--controller", "", f"{spec} raised {type(fault).__name__}: {fault}") from fault
    if not callable(getattr(controller, "step", None)):
        kind = type(controller).__name__
        raise ConfigError("--controller", "", f"{spec} returned a {kind}; expected an object with step(obs)")
    return Rig(name=spec.rpartition(":")[2], controller=controller, stage=stage, slots=slots)


def _function(spec: str) -> Callable[..., Any]:
    if not spec.rpartition(":")[0].endswith(".py"):
        raise ConfigError(
            "--controller", "", f"found {spec!r}; expected a Python file and a function, file.py:function"
        )
    try:
        return load_policy(spec)  # any function of a Python file
    except ConfigError as fault:
        raise ConfigError("--controller", "", str(fault).removeprefix("policy: ")) from None


@contextmanager
def _known(setup: Setup) -> Iterator[None]:
    """Make the planted backend known by name while a controller is set up."""
    BACKENDS[PLANTED] = setup
    try:
        yield
    finally:
        del BACKENDS[PLANTED]
