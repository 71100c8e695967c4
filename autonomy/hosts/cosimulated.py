"""A co-simulation with the face of a `Host`: its loop, which somebody else owns, turned inside out.

mosaik and HELICS call a simulator; a `Host` is called. So the co-simulation runs in a thread of its own and waits there
for what is measured, while the host behind the feeder stays with the caller and in the caller's thread:

    caller's thread    host ─▶ measured k ─┐       ┌─▶ what arrived for step k ─▶ project, execute, measure k + 1
    its own thread                         └─▶ co-simulation ─▶ policy, which is heard one step late

What arrives in a step has to be what was decided with the data of the step before, to the last bit, and what the policy
hears has to be what was measured; both are compared in every step. So `check_host` can judge the whole way round.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, Protocol

import numpy as np

from autonomy.hosts.comparison import battery_intent
from autonomy.hosts.host import Capabilities, Host
from autonomy.hosts.late import CommunitySide, Measured, Remote, SetPoints, measured_of
from autonomy.hosts.verdict import HostError
from autonomy.layers.arrays import Matrix
from autonomy.layers.community import Community
from autonomy.layers.decision import Decision
from autonomy.layers.errors import ModelError
from autonomy.layers.intent import Policy
from autonomy.layers.observation import Observation

PATIENCE_S = 60.0
"""Seconds that a co-simulation may take for a step, its start included."""


class Cosimulate(Protocol):
    """Whatever plays the two sides: `helics_federates.federate`, `mosaik_sim.cosimulate`, or a loop by hand."""

    def __call__(self, side: CommunitySide, remote: Remote, /, *, steps: int) -> None:
        """Play so many steps; the side measures before it applies."""


class Reading(NamedTuple):
    """What is known before a step.

    Attributes:
        raw: The host's own reading.
        asked: What has arrived for the step; None for nothing, as in the first one.
    """

    raw: Any
    asked: SetPoints | None


class CoSimulated:
    """A host whose policy sits elsewhere in a co-simulation, as a `Host`.

    Args:
        host: What is controlled.
        policy: Who decides elsewhere, with what is measured.
        cosimulate: What carries measurements there and set-points back.
        steps: How many steps the co-simulation plays.

    Raises:
        ModelError: `steps` is not a whole number >= 1.
    """

    def __init__(self, host: Host, policy: Policy, cosimulate: Cosimulate, *, steps: int) -> None:
        if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
            raise ModelError("steps", steps, "a whole number >= 1")
        self.host, self.steps = host, steps
        self._elsewhere, self._cosimulate = policy, cosimulate
        self._loop: _Loop | None = None
        self._asked: SetPoints | None = None
        self._step = 0
        for name in ("line_flows", "excess_kw", "predicted_energy_kwh", "rounded_kw"):
            if hasattr(host, name):  # what only some hosts can say
                setattr(self, name, getattr(host, name))

    @property
    def community(self) -> Community:
        """What is controlled."""
        return self.host.community

    @property
    def capabilities(self) -> Capabilities:
        """What the host can execute."""
        return self.host.capabilities

    def policy(self, community: Community, observation: Observation) -> Matrix:
        """Want what has arrived for this step: the policy that stands before the controller on the community's side."""
        power = np.zeros(community.n_prosumers) if self._asked is None else np.array(self._asked["battery_kw"])
        return battery_intent(power, observation)

    def reset(self, *, seed: int | None = None) -> Reading:
        """End the co-simulation that is under way, reset the host, and begin another.

        Raises:
            HostError: the co-simulation failed.
        """
        self.close()
        raw = self.host.reset(seed=seed)
        self._step = 0
        self._loop = _Loop(self.host, self._elsewhere, self._cosimulate, self.steps)
        return self._read(self._loop, raw)

    def to_observation(self, raw: Reading) -> Observation:
        """Return the host's reading."""
        return self.host.to_observation(raw.raw)

    def from_decision(self, decision: Decision) -> Any:
        """Return the host's action."""
        return self.host.from_decision(decision)

    def step(self, action: Any) -> Reading:
        """Let the host execute a step, and the co-simulation go on.

        Raises:
            HostError: the co-simulation failed, or carried something else than was decided.
            ModelError: it is over, or has not begun.
        """
        if self._loop is None or self.is_done:
            raise ModelError("step", self._step, f"a step below {self.steps} after reset()")
        raw = self.host.step(action)
        self._step += 1
        if self.is_done:
            self._asked = None
            self._loop.finish(is_whole=self._step >= self.steps)
            self._loop = None
            return Reading(raw, None)
        return self._read(self._loop, raw)

    @property
    def is_done(self) -> bool:
        """Whether the co-simulation or the host's data are over."""
        return self._step >= self.steps or self.host.is_done

    def close(self) -> None:
        """End the co-simulation that is under way, if any."""
        if self._loop is not None:
            self._loop.finish(is_whole=False)
            self._loop = None

    def _read(self, loop: _Loop, raw: Any) -> Reading:
        measured = measured_of(self.host.to_observation(raw), self.community.n_prosumers)
        self._asked = loop.exchange(self._step, measured)
        return Reading(raw, self._asked)


class _EndedError(Exception):
    """The caller wants no more steps."""


class _Loop:
    """The co-simulation's thread, what goes into it, and what comes back.

    Args:
        host: Only its community is looked at.
        policy: Who decides elsewhere.
        cosimulate: What plays.
        steps: How many steps.
    """

    def __init__(self, host: Host, policy: Policy, cosimulate: Cosimulate, steps: int) -> None:
        self.community = host.community
        self._remote = _Overheard(host.community, policy)
        self._measured: SimpleQueue[Measured | None] = SimpleQueue()
        self._arrived: SimpleQueue[SetPoints | BaseException | None] = SimpleQueue()
        self._fault: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(cosimulate, steps), name="co-simulation", daemon=True)
        self._thread.start()

    def measure(self) -> Measured:
        """Return what was measured, in the co-simulation's thread; waits for it."""
        measured = self._measured.get()
        if measured is None:
            raise _EndedError
        return measured

    def apply(self, asked: SetPoints | None) -> None:
        """Hand over what has arrived, in the co-simulation's thread."""
        self._arrived.put(asked)

    def exchange(self, step: int, measured: Measured) -> SetPoints | None:
        """Send what is measured in a step and return what arrives for it.

        Raises:
            HostError: nothing arrives, or something else than was decided with the data of the step before.
        """
        self._measured.put(measured)
        try:
            arrived = self._arrived.get(timeout=PATIENCE_S)
        except Empty:
            raise HostError(f"the co-simulation did not play step {step} within {PATIENCE_S:g} s") from None
        if isinstance(arrived, BaseException):
            raise HostError(f"the co-simulation failed in step {step}: {arrived!r}") from arrived
        self._remote.compare(step, measured, arrived)
        return arrived

    def finish(self, *, is_whole: bool) -> None:
        """End the thread.

        Args:
            is_whole: Whether all steps have been played; if not, the co-simulation is broken off.

        Raises:
            HostError: a whole one failed at its end, or does not end.
        """
        if not is_whole:
            self._measured.put(None)
        self._thread.join(PATIENCE_S)
        if is_whole and self._thread.is_alive():
            raise HostError(f"the co-simulation did not end within {PATIENCE_S:g} s of its last step")
        if is_whole and self._fault is not None:
            raise HostError(f"the co-simulation failed at its end: {self._fault!r}") from self._fault

    def _run(self, cosimulate: Cosimulate, steps: int) -> None:
        try:
            cosimulate(self, self._remote, steps=steps)
        except BaseException as fault:  # noqa: BLE001 - raised again in the caller's thread, where there is a caller
            self._fault = fault
            self._arrived.put(fault)
        else:
            self._arrived.put(EOFError("it ended before its last step"))


class _Overheard(Remote):
    """A remote policy whose every word is kept, to be compared with what arrives."""

    def __init__(self, community: Community, policy: Policy) -> None:
        super().__init__(community, policy)
        self._told: list[Measured] = []
        self._heard: list[Mapping[str, Any]] = []
        self._decided: list[SetPoints] = []

    def decide(self, measured: Mapping[str, Any]) -> dict[str, list[float]]:
        """Decide, and keep what was heard and decided."""
        self._heard.append(measured)
        decided = super().decide(measured)
        self._decided.append(decided)
        return decided

    def compare(self, step: int, measured: Measured, arrived: SetPoints | None) -> None:
        """Compare what arrived for a step with what was decided in the one before.

        Raises:
            HostError: it is something else.
        """
        self._told.append(measured)
        if step == 0:
            if arrived is not None:
                raise HostError("something arrived for the first step, before anything was decided")
            return
        if len(self._decided) < step:
            raise HostError(f"in step {step} nothing has been decided yet with the data of step {step - 1}")
        heard, decided = self._heard[step - 1], self._decided[step - 1]
        wrong = [name for name, row in self._told[step - 1].items() if not _is_same(heard.get(name, ()), row)]
        if wrong:
            raise HostError(f"the policy heard another {', '.join(wrong)} of step {step - 1} than was measured")
        if not _is_same_word(arrived, decided):
            when = [str(k) for k, was in enumerate(self._decided) if _is_same_word(arrived, was)]
            which = f"; it is what was decided with those of step {when[-1]}" if when else ""
            text = f"what arrived for step {step} is not what was decided with the data of step {step - 1}{which}"
            raise HostError(text)


def _is_same(one: Any, other: Any) -> bool:
    return bool(np.array_equal(np.asarray(one, dtype=np.float64), np.asarray(other, dtype=np.float64), equal_nan=True))


def _is_same_word(arrived: SetPoints | None, decided: SetPoints) -> bool:
    found = arrived or {}
    return found.keys() == decided.keys() and all(_is_same(found[name], row) for name, row in decided.items())
