"""A community with its data as an FMI 2.0 co-simulation slave: our simulator, for other people's controllers.

Made with pythonfmu 0.7.0. The FMU holds the community's file and the data of a scenario's window; it runs in a Python
that has this package. Its inputs have the names of what `autonomy.hosts.fmu` puts out and its outputs those of what
that takes in, so the two connect name by name. Variables, i = 1..N:

    inputs    battery_kw[i] trade_kw[i] price_bid[i] curtail_kw[i] shed_kw[i] generation_cap_kw[i] load_cap_kw[i]
    outputs   demand_kw[i] pv_kw[i] soc[i] applied_battery_kw[i] retail_price feed_in_price carbon_kg_per_kwh feeder_kw
              has_feedback time, and sums since the start: cost co2_kg violations
    fixed     initial_soc, a fraction; each battery starts there, or at the end of its band that is nearest to it
              saturates, whether a battery stops at its band and at its power, as a real one does

Units and signs are those of `autonomy.hosts.host`, `PLANT` is the wiring for `FmuHost`. With `saturates` False
everything is executed as it is asked. Either way every rule that was broken is counted, and nothing else is repaired. A
communication step of another length than the community's is refused, one with NaN in an input, and one after the last.
"""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from autonomy.hosts.fmu_host import NO_CAP_KW
from autonomy.hosts.fmu_slave import (
    ASKED_EACH,
    COMMUNITY,
    MEASURED_EACH,
    MEASURED_ONCE,
    attribute,
    entry,
    pack,
    script,
)
from autonomy.hosts.fmu_wiring import Wiring
from autonomy.layers import physics
from autonomy.layers.community import Community
from autonomy.layers.decision import Decision, Mode
from autonomy.scenario import Scenario
from autonomy.series import Series
from autonomy.simulator import INITIAL_SOC, Simulator

NAME, DATA = "AutonomyPlant", "data.npz"
TOLD_ONCE = (*MEASURED_ONCE, "carbon_kg_per_kwh")
SUMS = ("cost", "co2_kg")
STORED = ("time", "demand_kw", "pv_kw", "retail_price", "feed_in_price", "carbon_kg_per_kwh")
PLANT = Wiring(
    **{name: f"{name}[{{i}}]" for name in (*MEASURED_EACH, *ASKED_EACH)},
    **{name: name for name in TOLD_ONCE},
)
"""The wiring of these FMUs: everything is called as here, and counted as here."""


class PlantState:
    """What a plant knows between two calls of its master.

    Args:
        community: Whose.
        scenario: Its data.
    """

    def __init__(self, community: Community, scenario: Scenario) -> None:
        self.community, self.scenario = community, scenario
        size = community.n_prosumers
        self.initial_soc, self.saturates = INITIAL_SOC, True
        self.asked: dict[str, Any] = {name: np.zeros(size) for name in ASKED_EACH}
        for name in ("generation_cap_kw", "load_cap_kw"):
            self.asked[name] = np.full(size, NO_CAP_KW)
        self.start()

    def start(self) -> None:
        """Go to the first step, with the state of charge that was set."""
        start = np.clip(self.initial_soc, self.community.soc_min, self.community.soc_max)
        self.simulator = Simulator(self.community, self.scenario, initial_soc=start)
        self.sums = dict.fromkeys(SUMS, 0.0)
        self.violations, self.has_feedback = 0, False
        self._measure()

    def step(self, step_s: float) -> bool:
        """Execute what is asked; False where the step's length is not the community's, or there is no such step."""
        asked = {name: value.copy() for name, value in self.asked.items()}
        is_number = not any(np.isnan(value).any() for value in asked.values())
        if self.simulator.is_done or not is_number or not abs(step_s - 3600.0 * self.community.timestep_h) <= 1e-6:
            return False
        if self.saturates:
            box = physics.rated_box(self.community, self.simulator.energy_kwh)
            asked["battery_kw"] = np.clip(asked["battery_kw"], box.lower_kw, box.upper_kw)
        nothing = np.zeros(self.community.n_prosumers)
        outcome = self.simulator.execute(Decision(**asked, net_export_kw=nothing, mode=Mode.POLICY))
        self.sums["cost"] += outcome.cost
        self.sums["co2_kg"] += outcome.co2_kg
        self.violations += len(outcome.violations)
        self.has_feedback = True
        self._measure()
        return True

    def _measure(self) -> None:
        seen, nothing = self.simulator.observe(), np.zeros(self.community.n_prosumers)
        self.time = str(seen.time)
        self.measured: dict[str, Any] = {
            name: nothing if (value := getattr(seen, name)) is None else value for name in MEASURED_EACH
        }
        for name in TOLD_ONCE:
            value = getattr(seen, name)
            self.measured[name] = 0.0 if value is None else float(np.ravel(value)[0])


def build_plant(community: str | Path, scenario: Scenario, target: Path) -> Path:
    """Write a community with the data of a scenario's window as an FMU and return its path.

    Args:
        community: TOML file of the community.
        scenario: The window; its names and time step must be the community's.
        target: A folder.

    Raises:
        ConfigError: the community's file is wrong.
        ModelError: community and scenario do not belong together.
        OptionalDependencyError: pythonfmu is not installed.
    """
    Simulator(Community.from_toml(community), scenario)
    data = {name: getattr(scenario, name) for name in STORED}
    files = {COMMUNITY: partial(shutil.copyfile, community), DATA: partial(_save, data)}
    return pack(NAME, script(__name__, NAME), files, target)


def _save(data: dict[str, Any], path: Path) -> None:
    with path.open("wb") as file:
        np.savez_compressed(file, **data)


def state_of(folder: Path) -> PlantState:
    """Return the state that the files in an unpacked FMU describe."""
    community = Community.from_toml(folder / COMMUNITY)
    with np.load(folder / DATA) as stored:
        data = {name: stored[name] for name in STORED}
    series = Series(**data, names=community.names, timestep_h=community.timestep_h)
    return PlantState(community, Scenario.whole(series))


def slave_class() -> Any:
    """Return the class of the slave; called by the script inside the FMU."""
    from pythonfmu import (  # noqa: PLC0415 - only where an FMU is built or run
        Boolean,
        DefaultExperiment,
        Fmi2Causality,
        Fmi2Initial,
        Fmi2Slave,
        Fmi2Variability,
        Integer,
        Real,
        String,
    )

    inner, outer, fixed = Fmi2Causality.input, Fmi2Causality.output, Fmi2Causality.parameter

    class AutonomyPlant(Fmi2Slave):  # type: ignore[misc]  # pythonfmu ships no types
        """A community in the simulator; see `autonomy.hosts.fmu_plant`."""

        description = "Homes with batteries and PV behind a feeder: executes what it is asked and counts what it broke"

        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            state = state_of(Path(self.resources))
            self.state, places = state, range(state.community.n_prosumers)
            step_s = 3600.0 * state.community.timestep_h
            stop_s = state.scenario.n_steps * step_s
            self.default_experiment = DefaultExperiment(start_time=0.0, stop_time=stop_s, step_size=step_s)
            for name, i in ((name, i) for name in ASKED_EACH for i in places):
                self.register_variable(Real(f"{name}[{i + 1}]", causality=inner, **entry(state.asked, name, i)))
            never, known = Fmi2Variability.fixed, Fmi2Initial.exact
            for kind, name in ((Real, "initial_soc"), (Boolean, "saturates")):
                self.register_variable(kind(name, causality=fixed, variability=never, **attribute(state, name)))
            told = {"causality": outer, "variability": Fmi2Variability.discrete, "initial": known}
            for name, i in ((name, i) for name in MEASURED_EACH for i in places):
                self.register_variable(Real(f"{name}[{i + 1}]", getter=partial(_measured, state, name, i), **told))
            for name in TOLD_ONCE:
                self.register_variable(Real(name, getter=partial(_told, state, name), **told))
            for name in SUMS:
                self.register_variable(Real(name, getter=partial(_sum, state, name), **told))
            self.register_variable(Integer("violations", getter=lambda: state.violations, **told))
            self.register_variable(Boolean("has_feedback", getter=lambda: state.has_feedback, **told))
            self.register_variable(String("time", getter=lambda: state.time, **told))

        def exit_initialization_mode(self) -> None:
            """Begin."""
            self.state.start()

        def do_step(self, current_time: float, step_size: float) -> bool:  # noqa: ARG002 - pythonfmu's own signature
            """Execute a step."""
            return self.state.step(step_size)

    return AutonomyPlant


def _measured(state: PlantState, name: str, i: int) -> float:
    return float(state.measured[name][i])


def _told(state: PlantState, name: str) -> float:
    return float(state.measured[name])


def _sum(state: PlantState, name: str) -> float:
    return float(state.sums[name])
