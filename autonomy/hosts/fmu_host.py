"""A plant that is an FMI 2.0 co-simulation FMU, from Modelica, pythonfmu or anywhere, as a host. Run with fmpy 0.3.32.

    host = FmuHost("plant.fmu", community, Wiring(demand_kw="load[{i}].P", battery_kw=Wire("bat[{i}].P", -1000.0), …))

At a communication point the FMU's outputs are read: demand, generation, prices and limits are taken as those of the
step that begins there, the battery powers and the feeder's meter as those of the step that ends there. Inputs are then
set and held for the step. What the FMU has no input for, the controller is told that it cannot do.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from autonomy.hosts.fmu_process import FmuProcess
from autonomy.hosts.fmu_wiring import READ_EACH, SETTABLE, WRITTEN_EACH, Wiring, connect
from autonomy.hosts.host import with_capabilities
from autonomy.layers import physics
from autonomy.layers.arrays import Vector
from autonomy.layers.community import Community
from autonomy.layers.decision import Decision
from autonomy.layers.errors import ModelError
from autonomy.layers.observation import Limits, Observation

NO_CAP_KW = 1e9
"""kW that an input is set to where there is no cap: many an FMU cannot compute with an infinite number."""
SEEDS = 2**31
"""Numbers that an FMI Integer can hold from 0 on."""
MOVING = ("charge_limit_kw", "discharge_limit_kw")
FED_BACK = ("applied_battery_kw", "feeder_kw")
KINDS = ("Real", "Integer", "Boolean", "String")


class FmuHost:
    """A plant's FMU as a `Host`, in a process of its own.

    Args:
        path: The FMU.
        community: Batteries and limits.
        wiring: Which variable is which signal.
        steps: How many steps it is played for; None for as long as its default experiment lasts.
        epoch: Time at which its clock is 0, for policies that look at the clock; None for no time.
        parameters: The FMU's parameters that are set before each start.
        reset_anew: Whether `reset` starts a new process, for an FMU whose fmi2Reset leaves something behind.

    Raises:
        ConfigError: it is no valid FMU of FMI 2.0 for co-simulation.
        ModelError: wiring, parameters or steps do not go with the FMU; the message names the variable.
        OptionalDependencyError: fmpy is not installed.
    """

    def __init__(
        self,
        path: str | Path,
        community: Community,
        wiring: Wiring,
        *,
        steps: int | None = None,
        epoch: np.datetime64 | None = None,
        parameters: Mapping[str, float | int | bool | str] | None = None,
        reset_anew: bool = False,
    ) -> None:
        self.community, self.wiring, self.capabilities = community, wiring, wiring.capabilities
        self._epoch, self._parameters = epoch, dict(parameters or {})
        self._process = FmuProcess(path, reset_anew=reset_anew)
        description = self._process.description
        self._variables = connect(wiring, community, description)
        for name in self._parameters:
            fault = description.fault(name, KINDS, SETTABLE)
            if fault:
                raise ModelError("parameters", name, fault)
        self._step_s = 3600.0 * community.timestep_h
        self._length = _length(steps, description.stop_s, self._step_s)
        read = [names for field, names in self._variables.items() if field not in WRITTEN_EACH]
        self._wanted = list(dict.fromkeys(name for names in read for name in names if name is not None))
        self._step = 0
        self._raw: dict[str, Any] = {}

    def reset(self, *, seed: int | None = None) -> dict[str, Any]:
        """Reset the FMU, or instantiate it anew where it refuses that, with the seed in its seed's parameter."""
        values = dict(self._parameters)
        if self.wiring.seed is not None:
            values[self.wiring.seed] = (seed or 0) % SEEDS
        self._step = 0
        return self._read(self._process.begin(values, self._wanted))

    def to_observation(self, raw: dict[str, Any]) -> Observation:
        """Return the FMU's outputs in our units; what it metered is None in the first step."""
        read = {name: self._signal(raw, name) for name in (*READ_EACH, "retail_price", "feed_in_price")}
        moving = {name: value for name in MOVING if (value := read.pop(name)) is not None}
        feeder = self._signal(raw, "feeder_kw")
        if raw["step"] == 0:
            read["applied_battery_kw"] = feeder = None
        time = self._epoch
        if time is not None:
            time = time + np.timedelta64(round(1e3 * raw["step"] * self._step_s), "ms")
        return Observation(
            **read,
            carbon_kg_per_kwh=self._signal(raw, "carbon_kg_per_kwh"),
            feeder_kw=None if feeder is None else float(feeder),
            time=time,
            limits=with_capabilities(Limits(**moving) if moving else None, self.capabilities),
        )

    def from_decision(self, decision: Decision) -> dict[str, float]:
        """Return the FMU's inputs, by variable and in its units."""
        values = {name: getattr(decision, name) for name in ("battery_kw", "trade_kw", "price_bid")}
        values["generation_cap_kw"], values["load_cap_kw"] = decision.generation_cap_kw, decision.load_cap_kw
        for cut, left, cap, there in (
            ("curtail_kw", "generation_left_kw", "generation_cap_kw", "pv_kw"),
            ("shed_kw", "load_left_kw", "load_cap_kw", "demand_kw"),
        ):
            available = np.asarray(self._signal(self._raw, there))
            values[cut] = getattr(decision, cut)
            values[left] = physics.left_of(available, values[cut], values[cap])
            if cap not in self._variables:
                values[cut] = np.maximum(values[cut], available - values[cap])
        action: dict[str, float] = {}
        for field in WRITTEN_EACH:
            wire = self.wiring.wire(field)
            if wire is not None:
                held = wire.factor * np.minimum(values[field], NO_CAP_KW)
                pairs = zip(self._variables[field], held.tolist(), strict=True)
                action |= {name: value for name, value in pairs if name is not None}
        return action

    def step(self, action: dict[str, float]) -> dict[str, Any]:
        """Let the FMU play a step."""
        if self.is_done or not self._raw:
            raise ModelError("step", self._step, f"a step below {self._length} after reset()")
        second = self._step * self._step_s
        values = self._process.step(action, self._wanted, second=second, step_s=self._step_s)
        self._step += 1
        return self._read(values)

    @property
    def is_done(self) -> bool:
        """Whether the steps are over."""
        return self._step >= self._length

    def close(self) -> None:
        """End the FMU's process; the host cannot be used any more."""
        self._process.close()

    def _read(self, values: list[Any]) -> dict[str, Any]:
        self._raw = {"step": self._step, "values": dict(zip(self._wanted, values, strict=True))}
        return self._raw

    def _signal(self, raw: dict[str, Any], field: str) -> Any:
        """Return a signal in our unit: (N,) where its wire is of each, a scalar where it is of all; None for none."""
        wire = self.wiring.wire(field)
        if wire is None:
            constant = getattr(self.wiring, field)
            return None if constant is None else np.full(self.community.n_prosumers, float(constant))
        names = self._variables[field]
        numbers: Vector = np.array([0.0 if name is None else raw["values"][name] for name in names]) / wire.factor
        if field == "feeder_kw":
            return numbers[0]
        return np.broadcast_to(numbers, (self.community.n_prosumers,)).copy()


def _length(steps: int | None, stop_s: float | None, step_s: float) -> int:
    if steps is None and stop_s is None:
        raise ModelError("steps", steps, "a number of steps, for the FMU states no stop time")
    length = round((stop_s or 0.0) / step_s) if steps is None else steps
    if not length >= 1:
        found = steps if steps is not None else stop_s
        raise ModelError("steps", found, f"a number >= 1, or a stop time of at least a step, {step_s:g} s")
    return length
