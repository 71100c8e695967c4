"""CityLearn 3 as a host: one battery, PV and load a building, behind one feeder. Run with citylearn 3.0.2.

CityLearn's action is a fraction of a battery's nominal power, + = charge. A battery here is not quite the model's:

- its power limit falls with its state of charge, and its capacity with use: both are stated in `Limits` in every step;
- its one-way efficiency √η(|b|/P) depends on the power. A limit must hold whatever b will be, so `community_of` charges
  with the best efficiency of the curve and discharges with the worst, and `predicted_energy_kwh` knows the curve;
- standby losses are taken at the end of a step;
- it computes in double precision and writes what it did in single, so what can be read of a power is the nearest number
  of single precision, at most 2⁻²⁴ of it away: `rounded_kw`.

CityLearn has no action that curtails or sheds. Where the host is allowed to, it does so in the step's own numbers: the
PV and the load that CityLearn is about to read are reduced, and the load is put back afterwards, so that the data of
the next episode are the same. CityLearn pins old versions of NumPy and Gymnasium; `docs/hosts.md` has the environment.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autonomy.hosts.host import Capabilities, with_capabilities
from autonomy.layers.arrays import Vector
from autonomy.layers.community import Community
from autonomy.layers.decision import Decision
from autonomy.layers.errors import ModelError
from autonomy.layers.network import Network
from autonomy.layers.observation import Limits, Observation
from autonomy.layers.supervision.monitors import Accuracy
from autonomy.supervisor import Supervisor

ACTION = "electrical_storage"
SECONDS_PER_HOUR = 3600.0
SINGLE = 1e-6
"""Relative rounding of what CityLearn keeps in single precision, with room."""


def community_of(
    env: Any, *, import_limit_kw: float, export_limit_kw: float, connection_limit_kw: float = np.inf
) -> Community:
    """Return an environment's batteries behind one feeder.

    Args:
        env: A `CityLearnEnv` with one agent for all, whose only actions are the batteries'.
        import_limit_kw: kW of the feeder; CityLearn has none.
        export_limit_kw: kW likewise.
        connection_limit_kw: kW of every building.

    Raises:
        ModelError: the environment has other actions, several agents, or thermal loads.
    """
    env = env.unwrapped
    if not env.central_agent:
        raise ModelError("env.central_agent", env.central_agent, "one agent for all buildings, True")
    for building in env.buildings:
        if list(building.active_actions) != [ACTION]:
            raise ModelError(f"{building.name}.active_actions", list(building.active_actions), f"only {ACTION!r}")
        thermal = ("cooling_demand", "heating_demand", "dhw_demand")
        if any(np.any(getattr(building.energy_simulation, name)) for name in thermal):
            raise ModelError(f"{building.name}.energy_simulation", "a thermal demand", "electric loads only")
        if building.time_step_ratio not in (None, 1, 1.0):
            raise ModelError("env.time_step_ratio", building.time_step_ratio, "data of the control step's length, 1")
    batteries = [building.electrical_storage for building in env.buildings]
    return Community(
        battery_capacity_kwh=_each(batteries, lambda battery: battery.capacity),
        charge_limit_kw=_each(batteries, lambda battery: battery.nominal_power),
        discharge_limit_kw=_each(batteries, lambda battery: battery.nominal_power),
        charge_efficiency=_each(batteries, lambda battery: np.sqrt(battery.power_efficiency_curve[1].max())),
        discharge_efficiency=_each(batteries, lambda battery: np.sqrt(battery.power_efficiency_curve[1].min())),
        soc_min=_each(batteries, lambda battery: 1.0 - battery.depth_of_discharge),
        connection_limit_kw=connection_limit_kw,  # type: ignore[arg-type]
        network=Network.single_feeder(
            n_prosumers=len(batteries), import_limit_kw=import_limit_kw, export_limit_kw=export_limit_kw
        ),
        timestep_h=env.seconds_per_time_step / SECONDS_PER_HOUR,
        names=tuple(building.name for building in env.buildings),
    )


def accuracy_of(env: Any) -> Accuracy:
    """Return how exact CityLearn is, for `Supervisor(accuracy=…)`: its efficiency curves and single precision."""
    batteries = [building.electrical_storage for building in env.unwrapped.buildings]
    curves = [battery.power_efficiency_curve[1] for battery in batteries]
    spread = [np.sqrt(curve.max() / curve.min()) for curve in curves]
    return Accuracy(
        power_error=SINGLE,
        power_resolution_kw=1e-4,
        soc_resolution=SINGLE,
        efficiency_error=float(max(spread)) - 1.0 + SINGLE,
        self_discharge_per_h=max(battery.loss_coefficient for battery in batteries),
        clock_jitter=0.0,
        obeys=True,
    )


class CityLearnHost:
    """A `CityLearnEnv` as a `Host`.

    Args:
        env: The environment; what is given may be wrapped.
        community: What `community_of` returned for it.
        feed_in_price: Currency/kWh for exports; CityLearn has no tariff for them.
        start: When the data begin, for policies that look at the clock; None for no time.
        cuts: Whether the host may reduce PV and load where a limit demands it. If not, batteries are all there is.
    """

    def __init__(
        self,
        env: Any,
        community: Community,
        *,
        feed_in_price: float = 0.0,
        start: np.datetime64 | None = None,
        cuts: bool = True,
    ) -> None:
        self.env, self.community = env.unwrapped, community
        self.capabilities = Capabilities(curtail=cuts, shed=cuts)
        self.observations: Any = None
        self._feed_in_price, self._start = feed_in_price, start
        self._nominal_kw = community.charge_limit_kw
        self._kept: list[tuple[Any, int, float]] = []

    def reset(self, *, seed: int | None = None) -> dict[str, Any]:
        """Start the first episode; `observations` are CityLearn's own, for an agent of its."""
        self._put_back()
        self.env.episode_tracker.reset_episode_index()
        self.observations, _ = self.env.reset(seed=seed)
        return self._read(first=True)

    def read(self) -> dict[str, Any]:
        """Return the reading of the current step, for who steps CityLearn himself (`SafetyWrapper`).

        What `to_action` cut of the load for the step before is put back.
        """
        self._put_back()
        return self._read(first=self.env.time_step == 0)

    def to_observation(self, raw: dict[str, Any]) -> Observation:
        """Return a reading, energies of the step turned into powers, with the limits of the step."""
        hours = self.community.timestep_h
        limits = Limits(
            charge_limit_kw=raw["max_power_kw"],
            discharge_limit_kw=raw["max_power_kw"],
            soc_max=np.minimum(raw["capacity_kwh"] / self.community.battery_capacity_kwh, 1.0),
        )
        return Observation(
            demand_kw=raw["load_kwh"] / hours,
            pv_kw=raw["solar_kwh"] / hours,
            soc=raw["soc"],
            retail_price=raw["price"],
            feed_in_price=self._feed_in_price,  # type: ignore[arg-type]
            carbon_kg_per_kwh=raw["carbon"],
            feeder_kw=None if raw["net_kwh"] is None else -float(raw["net_kwh"].sum()) / hours,
            applied_battery_kw=None if raw["battery_kwh"] is None else raw["battery_kwh"] / hours,
            time=self._time(raw["step"]),
            limits=with_capabilities(limits, self.capabilities),
        )

    def from_decision(self, decision: Decision) -> dict[str, Vector]:
        """Return the fractions of nominal power, and what PV and load may take at most, kW."""
        raw, hours = self._read(first=True), self.community.timestep_h
        return {
            "fraction": decision.battery_kw / self._nominal_kw,
            "solar_kw": np.minimum(raw["solar_kwh"] / hours - decision.curtail_kw, decision.generation_cap_kw),
            "load_kw": np.minimum(raw["load_kwh"] / hours - decision.shed_kw, decision.load_cap_kw),
        }

    def step(self, action: dict[str, Vector]) -> dict[str, Any]:
        """Let CityLearn go on by a step."""
        self._cut(action)
        self.observations, self.reward, *_ = self.env.step([action["fraction"].tolist()])
        self._put_back()
        return self._read(first=False)

    def safe(self, face: Any, *, supervisor: Supervisor | None = None) -> Any:
        """Return CityLearn's own Gymnasium face in a `SafetyWrapper`: same spaces, and only safe actions come through.

        Args:
            face: This host's environment in a `StableBaselines3Wrapper`, or in anything whose actions are one Box.
            supervisor: Settings of Layer 3; None for how exact CityLearn is, `accuracy_of`.
        """
        from autonomy.environments import SafetyWrapper  # noqa: PLC0415 - Gymnasium comes with CityLearn

        return SafetyWrapper(
            face,
            community=self.community,
            to_observation=lambda *_: self.to_observation(self.read()),
            to_battery_kw=lambda action: self.fractions_kw([action]),
            to_action=self.to_action,
            supervisor=supervisor or Supervisor(accuracy=accuracy_of(self.env)),
        )

    def to_action(self, decision: Decision, action: Any) -> Any:
        """Return a decision in the shape and kind of `action`, for `SafetyWrapper`; PV and load are cut on the spot.

        CityLearn has to be stepped with it before anything is read again.
        """
        given, converted = np.asarray(action), self.from_decision(decision)
        self._put_back()
        self._cut(converted)
        return converted["fraction"].reshape(given.shape).astype(given.dtype)

    @property
    def is_done(self) -> bool:
        """Whether the episode is over."""
        return bool(self.env.terminated or self.env.truncated)

    def fractions_kw(self, actions: Any) -> Vector:
        """Return (N,) kW, + = charge, that CityLearn's own actions ask for: what an agent of its wants."""
        flat = np.concatenate([np.ravel(action) for action in actions]).astype(np.float64)
        wanted: Vector = np.clip(flat, -1.0, 1.0) * self._nominal_kw
        return wanted

    def rounded_kw(self, battery_kw: Vector) -> Vector:
        """Return (N,) kW, + = charge, as CityLearn writes them down: the energy of a step in single precision."""
        hours = self.community.timestep_h
        written: Vector = np.asarray(hours * battery_kw, dtype=np.float32).astype(np.float64) / hours
        return written

    def predicted_energy_kwh(self, observation: Observation, decision: Decision) -> Vector:
        """Return (N,) kWh after a decision by each battery's own curve: e' = (e + dt·(√η·b⁺ − b⁻/√η))·(1 − loss)."""
        hours, after = self.community.timestep_h, np.empty(self.community.n_prosumers)
        for i, building in enumerate(self.env.buildings):
            battery, power = building.electrical_storage, float(decision.battery_kw[i])
            one_way = np.sqrt(battery.get_current_efficiency(abs(power)))
            energy = float(observation.soc[i]) * battery.capacity
            energy += hours * (one_way * max(power, 0.0) - max(-power, 0.0) / one_way)
            after[i] = energy * (1.0 - battery.loss_coefficient)
        return after

    def _cut(self, action: dict[str, Vector]) -> None:
        """Reduce the step's PV and load to what is allowed; keep each load, its place, and what stood there."""
        if not self.capabilities.curtail:
            return
        hours = self.community.timestep_h
        for building, solar_kw, load_kw in zip(self.env.buildings, action["solar_kw"], action["load_kw"], strict=True):
            solar, load = building.solar_generation, building.energy_simulation.non_shiftable_load
            step = building.time_step
            solar[step] = -min(-solar[step], hours * solar_kw)
            self._kept.append((load, step, load[step]))
            load[step] = min(load[step], hours * load_kw)

    def _put_back(self) -> None:
        for load, place, value in self._kept:
            load[place] = value
        self._kept.clear()

    def _read(self, *, first: bool) -> dict[str, Any]:
        buildings = self.env.buildings
        batteries = [building.electrical_storage for building in buildings]
        # After an episode's last step the buildings stay in it, while the environment goes on.
        step, k = self.env.time_step, buildings[0].time_step
        return {
            "step": step,
            "load_kwh": _each(buildings, lambda building: building.non_shiftable_load[k]),
            "solar_kwh": _each(buildings, lambda building: -building.solar_generation[k]),
            "soc": _each(batteries, lambda battery: battery.soc[k]),
            "max_power_kw": _each(batteries, lambda battery: min(battery.get_max_input_power(), battery.nominal_power)),
            "capacity_kwh": _each(batteries, lambda battery: battery.degraded_capacity),
            "price": _each(buildings, lambda building: building.pricing.electricity_pricing[k]),
            "carbon": _each(buildings, lambda building: building.carbon_intensity.carbon_intensity[k]),
            "net_kwh": None if first else _each(buildings, lambda b: b.net_electricity_consumption[step - 1]),
            "battery_kwh": None if first else _each(batteries, lambda b: b.electricity_consumption[step - 1]),
        }

    def _time(self, step: int) -> np.datetime64 | None:
        if self._start is None:
            return None
        seconds = round(step * self.community.timestep_h * SECONDS_PER_HOUR)
        return self._start + np.timedelta64(seconds, "s")


def _each(things: Any, value: Any) -> Vector:
    return np.array([value(thing) for thing in things], dtype=np.float64)
