"""mosaik 3: a community behind its feeder, and a policy elsewhere. Run with mosaik 3.6.0 and mosaik-api-v3 3.0.16.

    mosaik.World({"Community": {"python": "autonomy.hosts.mosaik_sim:CommunitySim"},
                  "Policy": {"python": "autonomy.hosts.mosaik_sim:PolicySim"}})

The policy needs what the community measures, and the community what the policy wants: a cycle, which mosaik resolves by
a time-shifted connection. So a set-point arrives one step late, and the community projects it with the data of the step
that applies it; see `autonomy.hosts.late`. In mosaik's own process both are given Python objects:
`world.start("Community", feeder=Feeder(…))` and `world.start("Policy", remote=Remote(…))`. The policy may also be a
process of its own, which then is told a file and a name:

    mosaik.World({…, "Policy": {"cmd": "%(python)s -m autonomy.hosts.mosaik_sim %(addr)s"}})
    world.start("Policy", community="community.toml", policy="self-consumption")

`cosimulate` does all of it for one community and one policy.
"""

from __future__ import annotations

import asyncio
import sys
from functools import cache
from typing import Any

from autonomy.errors import OptionalDependencyError
from autonomy.hosts.late import CUTS, MEASURED_EACH, CommunitySide, Remote
from autonomy.layers.community import Community
from autonomy.policies import load_policy

MEASURED = (*MEASURED_EACH, "second")
SET_POINTS = ("battery_kw", *CUTS)
SIMULATORS = {name: {"python": f"autonomy.hosts.mosaik_sim:{name}Sim"} for name in ("Community", "Policy")}


def cosimulate(side: CommunitySide, remote: Remote, *, steps: int, with_cuts: bool = False) -> None:
    """Play both sides in a mosaik world of their own, in this process.

    Args:
        side: The community's; a `Feeder`, for one.
        remote: The policy's.
        steps: How many steps.
        with_cuts: Whether the policy also decides what is cut (a `Controller` does).

    Raises:
        OptionalDependencyError: mosaik is not installed.
    """
    try:
        import mosaik  # noqa: PLC0415 - optional, and `import autonomy` must stay light
    except ImportError:
        raise OptionalDependencyError("mosaik", "cosim") from None
    with mosaik.World(SIMULATORS, skip_greetings=True) as world:
        community = world.start("Community", feeder=side).Community()
        policy = world.start("Policy", remote=remote).Policy()
        step_s = round(3600.0 * side.community.timestep_h)
        try:
            connect(world, community, policy, step_s=step_s, steps=steps, with_cuts=with_cuts)
        finally:
            # Where a simulator raised, mosaik leaves the other's task pending, and asyncio complains of it later.
            left = asyncio.all_tasks(world.loop)
            for task in left:
                task.cancel()
            world.loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))


def connect(world: Any, community: Any, policy: Any, *, step_s: int, steps: int, with_cuts: bool = False) -> None:
    """Connect the two entities and run `steps` steps.

    Args:
        world: A `mosaik.World`.
        community: Entity of `CommunitySim`.
        policy: Entity of `PolicySim`.
        step_s: Seconds of a step, mosaik's time unit being the second.
        steps: How many.
        with_cuts: Whether the policy also decides what is cut (a `Controller` does).
    """
    sent = SET_POINTS if with_cuts else SET_POINTS[:1]
    world.connect(community, policy, *MEASURED)
    world.connect(policy, community, *sent, time_shifted=True, initial_data={name: [] for name in sent})
    world.run(until=step_s * steps, print_progress=False)


@cache
def _classes() -> dict[str, Any]:
    """Return the simulators; mosaik's own base class is loaded when they are asked for."""
    try:
        import mosaik_api_v3  # noqa: PLC0415 - optional, and `import autonomy` must stay light
    except ImportError:
        raise OptionalDependencyError("mosaik", "cosim") from None

    class Stepped(mosaik_api_v3.Simulator):  # type: ignore[misc]  # mosaik ships no types to us
        """What both have in common: one entity, one step length."""

        model, attributes = "", ()

        def __init__(self) -> None:
            models = {self.model: {"public": True, "params": [], "attrs": [*MEASURED, *SET_POINTS]}}
            super().__init__({"type": "time-based", "models": models})
            self.step_s, self.entity = 1, ""
            self.told: dict[str, Any] = {}

        def create(self, num: int, model: str) -> list[dict[str, str]]:
            """Create the entity; there is one."""
            if num != 1 or self.entity:
                raise ValueError(f"{model}: {num} entities; expected one a simulator")
            self.entity = f"{self.model.lower()}-0"
            return [{"eid": self.entity, "type": model}]

        def get_data(self, outputs: dict[str, list[str]]) -> dict[str, dict[str, Any]]:
            """Return what was measured, or decided, in the step."""
            return {entity: {name: self.told[name] for name in names} for entity, names in outputs.items()}

    class CommunitySim(Stepped):
        """A host that stands behind its shield; measures before it executes."""

        model = "Community"

        def init(self, sid: str, time_resolution: float = 1.0, *, feeder: CommunitySide) -> Any:  # noqa: ARG002 - mosaik's form
            """Take the feeder."""
            self.feeder = feeder
            self.step_s = round(3600.0 * feeder.community.timestep_h / time_resolution)
            return self.meta

        def step(self, time: int, inputs: dict[str, Any], max_advance: int) -> int:  # noqa: ARG002 - likewise
            """Execute what was decided in the step before."""
            asked = _received(inputs.get(self.entity, {}))
            self.told = self.feeder.measure()
            self.feeder.apply(asked or None)
            return time + self.step_s

    class PolicySim(Stepped):
        """A policy, or a controller, that only knows what it is sent."""

        model = "Policy"

        def init(
            self,
            sid: str,  # noqa: ARG002 - mosaik's form
            time_resolution: float = 1.0,
            *,
            remote: Remote | None = None,
            community: str = "",
            policy: str = "self-consumption",
        ) -> Any:
            """Take the policy; or a community's file and the policy's name, in a process that is sent no objects."""
            self.remote = remote or Remote(Community.from_toml(community), load_policy(policy))
            self.step_s = round(3600.0 * self.remote.community.timestep_h / time_resolution)
            return self.meta

        def step(self, time: int, inputs: dict[str, Any], max_advance: int) -> int:  # noqa: ARG002 - likewise
            """Decide with what was measured in this step; it arrives in the next."""
            self.told = self.remote.decide(_received(inputs[self.entity]))
            return time + self.step_s

    return {"CommunitySim": CommunitySim, "PolicySim": PolicySim}


def _received(inputs: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the one value of every attribute; what has not been sent yet is an empty list, and left out."""
    values = {name: next(iter(sources.values())) for name, sources in inputs.items()}
    return {name: value for name, value in values.items() if value}


def __getattr__(name: str) -> Any:
    """Make the simulators on first use."""
    if name not in ("CommunitySim", "PolicySim"):
        raise AttributeError(f"module 'autonomy.hosts.mosaik_sim' has no attribute {name!r}")
    return _classes()[name]


def _serve() -> None:
    """Be the policy's process, for the world whose address is on the command line."""
    import mosaik_api_v3  # noqa: PLC0415 - as above

    sys.exit(mosaik_api_v3.start_simulation(_classes()["PolicySim"](), "A policy that is told what is measured"))


if __name__ == "__main__":
    _serve()
