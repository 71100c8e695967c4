"""The controller as an FMI 2.0 co-simulation slave, so that any FMI master can put it into a model.

Made with pythonfmu 0.7.0, validated and stepped by fmpy 0.3.32. The FMU holds the community's file; it runs in a Python
that has this package (pythonfmu's `needsExecutionTool`). Variables, i = 1..N:

    inputs    demand_kw[i] pv_kw[i] soc[i] applied_battery_kw[i] retail_price feed_in_price feeder_kw has_feedback
    outputs   battery_kw[i] trade_kw[i] price_bid[i] curtail_kw[i] shed_kw[i] generation_cap_kw[i] load_cap_kw[i]
              net_export_kw[i] mode_number mode reasons
    fixed     policy, a name; epoch, the ISO 8601 time at which the model's clock is 0

Units and signs are those of `autonomy.hosts.host`. `has_feedback` is False in the first step, when nothing was applied
or metered yet. A communication step of another length than the community's is refused: its limits would not hold.
"""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from autonomy.controller import Controller
from autonomy.hosts.fmu_process import FmuProcess
from autonomy.hosts.fmu_slave import (
    ASKED_EACH,
    COMMUNITY,
    MEASURED_EACH,
    MEASURED_ONCE,
    attribute,
    entry,
    number,
    pack,
    script,
)
from autonomy.layers.community import Community
from autonomy.layers.decision import Decision, Mode
from autonomy.layers.observation import Observation

NAME = "AutonomyController"
DECIDED_EACH = (*ASKED_EACH, "net_export_kw")
MODES = tuple(Mode)


class SlaveState:
    """What a slave knows between two calls of its master.

    Args:
        community: What is controlled.
    """

    def __init__(self, community: Community) -> None:
        self.community = community
        size = community.n_prosumers
        self.measured: dict[str, Any] = {name: np.zeros(size) for name in MEASURED_EACH}
        self.measured |= dict.fromkeys(MEASURED_ONCE, 0.0)
        self.has_feedback = False
        self.policy, self.epoch = "self-consumption", "1970-01-01T00:00:00"
        self.decided: dict[str, Any] = {name: np.zeros(size) for name in DECIDED_EACH}
        self.mode, self.reasons = Mode.GRID_ONLY, ""
        self.controller: Controller | None = None

    def start(self) -> None:
        """Begin anew under the policy that was set."""
        self.controller = Controller(self.community, policy=self.policy)

    def step(self, second: float, step_s: float) -> bool:
        """Decide a step; False where its length is not the community's, or nothing was started."""
        if self.controller is None or not abs(step_s - 3600.0 * self.community.timestep_h) <= 1e-6:
            return False
        fed_back = self.measured if self.has_feedback else {}
        observation = Observation(
            demand_kw=self.measured["demand_kw"],
            pv_kw=self.measured["pv_kw"],
            soc=self.measured["soc"],
            retail_price=np.full(self.community.n_prosumers, self.measured["retail_price"]),
            feed_in_price=np.full(self.community.n_prosumers, self.measured["feed_in_price"]),
            feeder_kw=fed_back.get("feeder_kw"),
            applied_battery_kw=fed_back.get("applied_battery_kw"),
            time=np.datetime64(self.epoch, "ms") + np.timedelta64(round(1e3 * second), "ms"),
        )
        decision = self.controller.step(observation)
        self.decided = {name: getattr(decision, name) for name in DECIDED_EACH}
        self.mode, self.reasons = decision.mode, "; ".join(str(reason) for reason in decision.reasons)
        return True


def build_fmu(community: str | Path, target: Path) -> Path:
    """Write the controller of a community as an FMU and return its path.

    Args:
        community: TOML file of the community.
        target: A folder.

    Raises:
        ConfigError: the community's file is wrong.
        OptionalDependencyError: pythonfmu is not installed.
    """
    Community.from_toml(community)
    return pack(NAME, script(__name__, NAME), {COMMUNITY: partial(shutil.copyfile, community)}, target)


def slave_class() -> Any:
    """Return the class of the slave; called by the script inside the FMU."""
    from pythonfmu import (  # noqa: PLC0415 - only where an FMU is built or run
        Boolean,
        Fmi2Causality,
        Fmi2Initial,
        Fmi2Slave,
        Fmi2Variability,
        Integer,
        Real,
        String,
    )

    inner, outer, fixed = Fmi2Causality.input, Fmi2Causality.output, Fmi2Causality.parameter

    class AutonomyController(Fmi2Slave):  # type: ignore[misc]  # pythonfmu ships no types
        """The three layers; see `autonomy.hosts.fmu`."""

        description = "A policy behind a projection and a supervisor: decisions that keep every limit"

        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            state = SlaveState(Community.from_toml(Path(self.resources) / COMMUNITY))
            self.state, places = state, range(state.community.n_prosumers)
            steps, never, known = Fmi2Variability.discrete, Fmi2Variability.fixed, Fmi2Initial.exact
            given = [(f"{name}[{i + 1}]", entry(state.measured, name, i)) for name in MEASURED_EACH for i in places]
            given += [(name, number(state.measured, name)) for name in MEASURED_ONCE]
            for name, access in given:
                self.register_variable(Real(name, causality=inner, **access))
            access = attribute(state, "has_feedback")
            self.register_variable(Boolean("has_feedback", causality=inner, variability=steps, **access))
            for name in ("policy", "epoch"):
                self.register_variable(String(name, causality=fixed, variability=never, **attribute(state, name)))
            # Before the first step it is known what is decided: batteries stand still, and nothing may flow.
            for name, i in ((name, i) for name in DECIDED_EACH for i in places):
                read = partial(_decided, state, name, i)
                self.register_variable(Real(f"{name}[{i + 1}]", causality=outer, initial=known, getter=read))
            told = {"causality": outer, "variability": steps, "initial": known}
            self.register_variable(Integer("mode_number", getter=lambda: MODES.index(state.mode), **told))
            for name in ("mode", "reasons"):
                self.register_variable(String(name, getter=partial(_text, state, name), **told))

        def exit_initialization_mode(self) -> None:
            """Begin."""
            self.state.start()

        def do_step(self, current_time: float, step_size: float) -> bool:
            """Decide a step."""
            return self.state.step(current_time, step_size)

    return AutonomyController


def _decided(state: SlaveState, name: str, i: int) -> float:
    return float(state.decided[name][i])


def _text(state: SlaveState, name: str) -> str:
    return str(getattr(state, name))


class FmuController:
    """An FMU of `build_fmu` in a process of its own, with the face of a `Controller`.

    Args:
        path: The FMU.
        community: The community in it.
        policy: Name of the policy.
        epoch: Time at which its clock is 0.

    Raises:
        ConfigError: fmpy finds the FMU invalid.
        FmuError: it cannot be instantiated.
        OptionalDependencyError: fmpy is not installed.
    """

    def __init__(self, path: Path, community: Community, *, policy: str, epoch: np.datetime64) -> None:
        self.community, self._steps = community, 0
        self._process = FmuProcess(path)
        self._process.begin({"policy": policy, "epoch": str(epoch)}, [])
        self._wanted = ["mode_number", *(name for decided in DECIDED_EACH for name in self._each(decided))]

    def step(self, observation: Observation) -> Decision:
        """Return the FMU's decision."""
        size = self.community.n_prosumers
        values: dict[str, float] = {}
        for name in (*MEASURED_EACH, *MEASURED_ONCE):
            value = getattr(observation, name)
            if value is None:
                continue
            numbers = np.ravel(np.asarray(value, dtype=np.float64))
            if name in MEASURED_EACH:
                values |= zip(self._each(name), np.broadcast_to(numbers, (size,)).tolist(), strict=True)
            else:
                values[name] = float(numbers[0])
        fed_back = observation.applied_battery_kw is not None and observation.feeder_kw is not None
        step_s = 3600.0 * self.community.timestep_h
        mode, *found = self._process.step(
            {**values, "has_feedback": fed_back}, self._wanted, second=self._steps * step_s, step_s=step_s
        )
        self._steps += 1
        rows = np.array(found).reshape(len(DECIDED_EACH), size)
        decided: dict[str, Any] = dict(zip(DECIDED_EACH, rows, strict=True))
        return Decision(**decided, mode=MODES[mode])

    def close(self) -> None:
        """End the process."""
        self._process.close()

    def _each(self, name: str) -> list[str]:
        return [f"{name}[{i + 1}]" for i in range(self.community.n_prosumers)]
