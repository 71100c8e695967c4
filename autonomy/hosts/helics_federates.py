"""HELICS: a community behind its feeder and a policy elsewhere, two federates. Run with helics 3.6.1, broker and all.

A value that is published at one granted time is read at the next, so what the policy decided arrives a step late, and
the community projects it with the data of the step that applies it; see `autonomy.hosts.late`. `federate` runs both and
the broker in this process, the policy in a thread. `run_community` and `run_policy` are the same two sides in processes
of their own, given the address of a broker (`helics_broker -f 2 -t zmq`); the policy's is also a command:

    python -m autonomy.hosts.helics_federates COMMUNITY.toml --policy NAME --steps N [--core zmq] [--broker ADDRESS]
"""

from __future__ import annotations

import argparse
import threading
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import numpy as np

from autonomy.errors import AutonomyError, OptionalDependencyError
from autonomy.hosts.late import CUTS, MEASURED_EACH, CommunitySide, Measured, Remote
from autonomy.layers.community import Community
from autonomy.policies import load_policy

MEASURED, SET_POINTS = "community/measured", "policy/set_points"
PATIENCE_S = 60.0
"""Seconds that the other federate may take to join, and to end."""


class FederationError(AutonomyError):
    """A federate failed, or did not come."""


def federate(side: CommunitySide, remote: Remote, *, steps: int, core: str = "inproc", with_cuts: bool = False) -> None:
    """Run both federates and their broker in this process.

    Args:
        side: The community's; a `Feeder`, for one.
        remote: The policy's.
        steps: How many steps.
        core: HELICS's core type.
        with_cuts: Whether the policy also decides what is cut (a `Controller` does).

    Raises:
        FederationError: a federate failed.
        OptionalDependencyError: helics is not installed.
    """
    helics = _helics()
    # A name of its own: else the cores of a second federation find the broker of the first.
    name = f"broker-{uuid4().hex}"
    broker = helics.helicsCreateBroker(core, name, "-f 2")
    if not helics.helicsBrokerIsConnected(broker):
        raise FederationError("the HELICS broker is not connected")
    faults: list[BaseException] = []

    def kept(work: Any, *parts: Any) -> None:
        try:
            work(*parts, steps=steps, with_cuts=with_cuts)
        except Exception as fault:  # noqa: BLE001 - it is raised again when both sides have ended
            faults.append(fault)  # the other side ends too: there is nobody left to wait for

    # Both join in this thread: cores that connect at once have been seen to wait for ever.
    here, there = _community(side, core, name), _policy(remote, core, name)
    elsewhere = threading.Thread(target=kept, args=(_be_policy, there, remote), daemon=True)
    elsewhere.start()
    # The host stays in the thread that made it: OpenDSS has been seen to crash in another.
    kept(_be_community, here, side)
    elsewhere.join()
    helics.helicsBrokerWaitForDisconnect(broker, int(1e3 * PATIENCE_S))
    helics.helicsBrokerFree(broker)
    if faults:
        raise FederationError(f"a federate failed: {faults[0]!r}") from faults[0]


def run_community(side: CommunitySide, *, steps: int, core: str, with_cuts: bool = False, broker: str = "") -> None:
    """Be the community's federate: publish what is measured, execute what arrived.

    Args:
        side: The community's.
        steps: How many steps.
        core: HELICS's core type.
        with_cuts: Whether set-points carry what is to be cut.
        broker: Name or address of the broker; empty for the core type's default.
    """
    _be_community(_community(side, core, broker), side, steps=steps, with_cuts=with_cuts)


def run_policy(remote: Remote, *, steps: int, core: str, broker: str = "") -> None:
    """Be the policy's federate: decide with what was measured; the arguments are those of `run_community`."""
    _be_policy(_policy(remote, core, broker), remote, steps=steps)


def _community(side: CommunitySide, core: str, broker: str) -> _Federate:
    step_s = 3600.0 * side.community.timestep_h
    return _Federate("community", MEASURED, SET_POINTS, step_s=step_s, core=core, broker=broker)


def _policy(remote: Remote, core: str, broker: str) -> _Federate:
    step_s = 3600.0 * remote.community.timestep_h
    # Half a step behind: a step's measurements are there, and the set-points arrive before the next step.
    return _Federate("policy", SET_POINTS, MEASURED, step_s=step_s, core=core, broker=broker, offset_s=step_s / 2)


def _be_community(here: _Federate, side: CommunitySide, *, steps: int, with_cuts: bool) -> None:
    size = side.community.n_prosumers
    names = ("battery_kw", *CUTS) if with_cuts else ("battery_kw",)
    with here:
        for _ in range(steps):
            asked = here.received()
            here.publish(_packed(side.measure()))
            side.apply(None if asked is None else dict(zip(names, asked.reshape(-1, size).tolist(), strict=True)))
            here.go_on()


def _be_policy(here: _Federate, remote: Remote, *, steps: int, with_cuts: bool = False) -> None:  # noqa: ARG001 - as above
    size = remote.community.n_prosumers
    with here:
        for _ in range(steps):
            here.go_on()
            measured = here.received()
            if measured is None:
                raise FederationError("nothing was measured")
            told: Measured = dict(zip(MEASURED_EACH, measured[:-1].reshape(-1, size).tolist(), strict=True))
            decided = remote.decide({**told, "second": [float(measured[-1])]})
            here.publish(_packed(decided))


def _packed(measured: Measured) -> list[float]:
    return [number for row in measured.values() for number in row]


class _Federate:
    """One federate with one publication and one subscription, both vectors."""

    def __init__(
        self, name: str, published: str, heard: str, *, step_s: float, core: str, broker: str, offset_s: float = 0.0
    ) -> None:
        self._helics = helics = _helics()
        info = helics.helicsCreateFederateInfo()
        helics.helicsFederateInfoSetCoreTypeFromString(info, core)
        helics.helicsFederateInfoSetCoreInitString(info, f"--broker={broker}" if broker else "")
        helics.helicsFederateInfoSetTimeProperty(info, helics.HELICS_PROPERTY_TIME_PERIOD, step_s)
        helics.helicsFederateInfoSetTimeProperty(info, helics.HELICS_PROPERTY_TIME_OFFSET, offset_s)
        # Only at its own times, not whenever something arrives.
        helics.helicsFederateInfoSetFlagOption(info, helics.HELICS_FLAG_UNINTERRUPTIBLE, True)
        self._federate = helics.helicsCreateValueFederate(name, info)
        vector = helics.HELICS_DATA_TYPE_VECTOR
        self._out = helics.helicsFederateRegisterGlobalPublication(self._federate, published, vector, "")
        self._in = helics.helicsFederateRegisterSubscription(self._federate, heard, "")
        self._step_s, self._offset_s, self._count = step_s, offset_s, 0

    def __enter__(self) -> _Federate:
        self._helics.helicsFederateEnterExecutingMode(self._federate)
        return self

    def __exit__(self, *_: object) -> None:
        self._helics.helicsFederateDisconnect(self._federate)
        self._helics.helicsFederateFree(self._federate)

    def received(self) -> Any:
        """Return the newest vector, or None where nothing has arrived yet."""
        if not self._helics.helicsInputIsUpdated(self._in):
            return None
        return np.asarray(self._helics.helicsInputGetVector(self._in), dtype=np.float64)

    def publish(self, values: list[float]) -> None:
        """Publish a vector."""
        self._helics.helicsPublicationPublishVector(self._out, values)

    def go_on(self) -> None:
        """Wait for the next time of this federate."""
        wanted = self._count * self._step_s + self._offset_s if self._offset_s else (self._count + 1) * self._step_s
        granted = self._helics.helicsFederateRequestTime(self._federate, wanted)
        if not abs(granted - wanted) <= 1e-6:
            raise FederationError(f"asked for second {wanted:g}, granted {granted:g}: the other federate has ended")
        self._count += 1


def _helics() -> Any:
    try:
        import helics  # noqa: PLC0415 - optional, and `import autonomy` must stay light
    except ImportError:
        raise OptionalDependencyError("HELICS", "cosim") from None
    return helics


def main(arguments: Sequence[str] | None = None) -> None:
    """Be the policy's federate in a process of its own."""
    parser = argparse.ArgumentParser(prog="python -m autonomy.hosts.helics_federates", description=main.__doc__)
    parser.add_argument("community", help="TOML file")
    parser.add_argument("--policy", default="self-consumption", help="name or path")
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--core", default="zmq", help="HELICS's core type, as the broker's: zmq (default) or tcp")
    parser.add_argument("--broker", default="", help="its address; default: that of the core type on this machine")
    given = parser.parse_args(arguments)
    remote = Remote(Community.from_toml(given.community), load_policy(given.policy))
    run_policy(remote, steps=given.steps, core=given.core, broker=given.broker)


if __name__ == "__main__":
    main()
