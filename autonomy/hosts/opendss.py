"""A community inside OpenDSS: a Load, a Generator and a Storage element a prosumer, one solution a step.

The Storage elements integrate their own energy: OpenDSS does so at the end of a step, from the power at the terminals,

    charging:  kWh += kW·(%EffCharge/100)·hours          discharging:  kWh −= kW/(%EffDischarge/100)·hours

here with no idling losses, a flat inverter and no cut-in. It stops a discharge at %reserve and a charge at kWhrated, so
a decision beyond these does not have its effect, and shows. Everything is balanced: three phases, all alike.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from autonomy.errors import OptionalDependencyError
from autonomy.hosts.flows import Flows, Injections, PowerFlowError
from autonomy.hosts.grid import Grid
from autonomy.layers.arrays import Vector
from autonomy.layers.community import Community
from autonomy.layers.errors import ModelError

TOLERANCE = 1e-10
"""Largest relative change of a voltage in OpenDSS's last iteration."""
ITERATIONS = 500
STIFF = "z1=[0,1e-9] z0=[0,1e-9]"
"""Ohm behind the grid's voltage: less than OpenDSS's ideal source has, which sags in the seventh digit."""
CONSTANT_POWER = "model=1 vminpu=0.2 vmaxpu=2"
"""The element draws its power at every voltage in between, instead of turning into an impedance at 0.95."""


class Snapshot(NamedTuple):
    """What was measured in one step; the fields of `Flows`, without their first axis.

    Attributes:
        voltage_pu: (M,) per unit.
        loading: (M,) current over rated current.
        downstream_kw: (M,) kW, + = towards the grid.
        upstream_kw: (M,) kW.
        energy_kwh: (N,) kWh stored after the step.
    """

    voltage_pu: Vector
    loading: Vector
    downstream_kw: Vector
    upstream_kw: Vector
    energy_kwh: Vector


class OpenDss:
    """One community in a circuit of its own; stepped forward by set-points.

    Args:
        community: Batteries, their energy band and the time step. Ramp and line limits are not the circuit's business.
        grid: Its network with reactances and ratings.
        energy_kwh: (N,) kWh stored at the start.

    Raises:
        ModelError: the grid is of another network, or the batteries discharge by themselves.
        OptionalDependencyError: dss-python is not installed.
        PowerFlowError: OpenDSS refuses the circuit.
    """

    def __init__(self, community: Community, grid: Grid, energy_kwh: Vector) -> None:
        if grid.network is not community.network:
            raise ModelError("grid.network", grid.network, "the community's own network")
        if community.has_self_discharge:
            raise ModelError(
                "self_discharge_per_h",
                community.self_discharge_per_h.tolist(),
                "0: a Storage element loses power while idle, but no share of what it holds",
            )
        self._community, self._grid = community, grid
        self._batteries = [int(i) for i in np.flatnonzero(community.has_battery)]
        self._dss = _fresh_context()
        self._circuit = self._dss.ActiveCircuit
        self._command(*self._description(energy_kwh))
        network = grid.network
        names = [name.lower() for name in self._circuit.AllBusNames]
        self._bus_places = np.array([names.index(f"bus{line}") for line in range(network.n_lines)])

    def step(self, load_kw: Vector, load_kvar: Vector, generation_kw: Vector, battery_kw: Vector) -> Snapshot:
        """Let one time step pass under (N,) set-points and return what was measured in it.

        Raises:
            PowerFlowError: the solution did not converge.
        """
        edits = []
        for i, (load, reactive, generation) in enumerate(zip(load_kw, load_kvar, generation_kw, strict=True)):
            edits.append(f"edit load.load{i} kw={float(load)!r} kvar={float(reactive)!r}")
            edits.append(f"edit generator.pv{i} kw={float(generation)!r} kvar=0")
        edits += [f"edit storage.battery{i} kw={-float(battery_kw[i])!r}" for i in self._batteries]
        self._command(*edits)
        self._circuit.Solution.Solve()
        if not self._circuit.Solution.Converged:
            raise PowerFlowError(f"OpenDSS found no power flow in {ITERATIONS} iterations")
        return self._measured()

    @property
    def energy_kwh(self) -> Vector:
        """(N,) kWh that the Storage elements say they hold."""
        energy = np.zeros(self._community.n_prosumers)
        for i in self._batteries:
            self._circuit.Storages.Name = f"battery{i}"
            energy[i] = self._circuit.Storages.puSOC * self._community.battery_capacity_kwh[i]
        return energy

    @property
    def battery_kw(self) -> Vector:
        """(N,) kW measured at the Storage elements' terminals in the last step, + = charge."""
        power = np.zeros(self._community.n_prosumers)
        for i in self._batteries:
            self._circuit.SetActiveElement(f"storage.battery{i}")
            power[i] = _into(self._circuit.ActiveCktElement.Powers)
        return power

    def _measured(self) -> Snapshot:
        lines = self._grid.network.n_lines
        base = self._grid.network.nominal_voltage_v / np.sqrt(3.0)
        current, downstream, upstream = np.zeros(lines), np.zeros(lines), np.zeros(lines)
        for line in range(lines):
            self._circuit.SetActiveElement(f"line.line{line}")
            element = self._circuit.ActiveCktElement
            current[line] = np.asarray(element.CurrentsMagAng)[0::2].max()
            powers = np.asarray(element.Powers)  # into the line: three phases at bus1, then three at bus2
            upstream[line], downstream[line] = -_into(powers[:6]), _into(powers[6:])
        return Snapshot(
            voltage_pu=np.asarray(self._circuit.AllBusVmag).reshape(-1, 3)[self._bus_places].mean(axis=1) / base,
            loading=current / self._grid.rated_current_a,
            downstream_kw=downstream,
            upstream_kw=upstream,
            energy_kwh=self.energy_kwh,
        )

    def _description(self, energy_kwh: Vector) -> list[str]:
        community, network = self._community, self._grid.network
        kilovolt = network.nominal_voltage_v / 1000.0
        ends = f"phases=3 kv={kilovolt!r}"
        text = [
            "clear",
            f"set defaultbasefrequency={self._grid.frequency_hz!r}",
            f"new circuit.community basekv={kilovolt!r} pu={self._grid.grid_voltage_pu!r} phases=3 bus1=grid {STIFF}",
        ]
        for line, parent in enumerate(network.parent.tolist()):
            r, x = float(network.resistance_ohm[line]), float(self._grid.reactance_ohm[line])
            text.append(
                f"new line.line{line} phases=3 bus1={'grid' if parent < 0 else f'bus{parent}'} bus2=bus{line} length=1 "
                f"units=none r1={r!r} x1={x!r} r0={r!r} x0={x!r} c1=0 c0=0"
            )
        for i, bus in enumerate(network.bus_of_prosumer.tolist()):
            text.append(f"new load.load{i} bus1=bus{bus} {ends} kw=0 kvar=0 {CONSTANT_POWER}")
            text.append(f"new generator.pv{i} bus1=bus{bus} {ends} kw=0 kvar=0 {CONSTANT_POWER}")
        for i in self._batteries:
            most = max(float(community.charge_limit_kw[i]), float(community.discharge_limit_kw[i]))
            capacity = float(community.battery_capacity_kwh[i])
            text.append(
                f"new storage.battery{i} bus1=bus{network.bus_of_prosumer[i]} {ends} {CONSTANT_POWER} "
                f"dispmode=external pf=1 kwrated={most!r} kva={most!r} kwhrated={capacity!r} "
                f"kwhstored={float(energy_kwh[i])!r} %reserve={100.0 * float(community.soc_min[i])!r} "
                f"%effcharge={100.0 * float(community.charge_efficiency[i])!r} "
                f"%effdischarge={100.0 * float(community.discharge_efficiency[i])!r} "
                "%idlingkw=0 %idlingkvar=0 %cutin=0 %cutout=0"
            )
        return [
            *text,
            f"set voltagebases=[{kilovolt!r}]",
            "calcvoltagebases",
            f"set mode=daily number=1 stepsize={float(community.timestep_h)!r}h controlmode=off",
            f"set tolerance={TOLERANCE!r} maxiterations={ITERATIONS}",
        ]

    def _command(self, *lines: str) -> None:
        from dss import DSSException  # noqa: PLC0415 - imported already, by `_fresh_context`

        try:
            for line in lines:
                self._dss.Text.Command = line
        except DSSException as fault:
            raise PowerFlowError(f"OpenDSS refuses {line!r}: {fault}") from None


def opendss_flows(community: Community, grid: Grid, injections: Injections, energy_kwh: Vector) -> Flows:
    """Let OpenDSS play all steps.

    Args:
        community: Batteries and time step.
        grid: The community's network with reactances and ratings.
        injections: T steps of set-points.
        energy_kwh: (N,) kWh stored at the start.

    Raises:
        OptionalDependencyError: dss-python is not installed.
        PowerFlowError: a step has no power flow.
    """
    circuit = OpenDss(community, grid, energy_kwh)
    energy = [circuit.energy_kwh]
    columns = (injections.load_kw, injections.load_kvar, injections.generation_kw, injections.battery_kw)
    steps = [circuit.step(*rows) for rows in zip(*columns, strict=True)]
    return Flows(
        voltage_pu=np.array([step.voltage_pu for step in steps]),
        loading=np.array([step.loading for step in steps]),
        downstream_kw=np.array([step.downstream_kw for step in steps]),
        upstream_kw=np.array([step.upstream_kw for step in steps]),
        feeder=int(np.argmin(grid.network.parent)),
        energy_kwh=np.array([*energy, *(step.energy_kwh for step in steps)]),
    )


def _into(powers: Any) -> float:
    """Return kW into an element's first terminal, from its complex powers as OpenDSS lists them."""
    return float(np.asarray(powers)[0:6:2].sum())


def _fresh_context() -> Any:
    """Return an engine of our own, so that a circuit that the caller has open is left alone."""
    try:
        from dss import DSS  # noqa: PLC0415 - optional, and `import autonomy` must stay light
    except ImportError:
        raise OptionalDependencyError("OpenDSS", "hosts") from None
    context = DSS.NewContext()
    context.AllowForms = False
    return context
