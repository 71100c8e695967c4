"""One case under one policy: controller and simulator first, then the same set-points in the power-flow programs.

case, policy ─▶ `roll_out` ─▶ `Injections` ─▶ OpenDSS, power-grid-model, `loss_band` ─▶ `Played` ─▶ `PhysicsRow`
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from autonomy.benchmark.physics.case import Case
from autonomy.benchmark.physics.row import PhysicsRow
from autonomy.controller import Controller
from autonomy.errors import OptionalDependencyError
from autonomy.hosts.flows import Flows, Injections
from autonomy.hosts.loss_error import VOLTAGE_BAND_PU, LossBand, loss_band
from autonomy.hosts.opendss import opendss_flows
from autonomy.hosts.power_grid import power_grid_flows
from autonomy.layers import physics
from autonomy.layers.arrays import Matrix, Vector
from autonomy.layers.network import Network
from autonomy.rollout import roll_out
from autonomy.simulator import Simulator
from autonomy.trajectory import Trajectory


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Played:
    """The same decisions, three times.

    Attributes:
        case: The case.
        trajectory: What controller and simulator did.
        opendss: What OpenDSS says of it, batteries included.
        power_grid: What power-grid-model says of it.
        band: The stated loss error of the model.
        seconds: That OpenDSS and power-grid-model took.
    """

    case: Case
    trajectory: Trajectory
    opendss: Flows
    power_grid: Flows
    band: LossBand
    seconds: tuple[float, float]

    @property
    def feeder_difference_kw(self) -> Vector:
        """(T,) kW >= 0 between the simulator's feeder and OpenDSS's."""
        return np.abs(self.trajectory.feeder_kw - self.opendss.feeder_kw)

    @property
    def model_loading(self) -> Matrix:
        """(T, M) the simulator's flow over rating, at the end where it is larger."""
        network = self.case.community.network
        flows = [physics.lossy_flows(network, net) for net in self.trajectory.net_export_kw]
        ends = np.array([np.maximum(np.abs(flow.downstream_kw), np.abs(flow.upstream_kw)) for flow in flows])
        loading: Matrix = ends / self.case.grid.rating_kva
        return loading


def programs() -> dict[str, str]:
    """Return the versions of the power-flow programs.

    Raises:
        OptionalDependencyError: one is not installed.
    """
    found = {}
    for package in ("dss-python", "power-grid-model"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            raise OptionalDependencyError(package, "hosts") from None
    return found


def play(case: Case, policy: str) -> Played:
    """Run a policy over a case and repeat its decisions in both programs.

    Raises:
        ConfigError: the policy is not known.
        OptionalDependencyError: a program is not installed.
        PowerFlowError: a step has no power flow.
    """
    simulator = Simulator(case.community, case.scenario)
    trajectory = roll_out(simulator, Controller(case.community, policy=policy), name=policy)
    injections = Injections.of(trajectory, case.demand_kvar)
    clock = [time.perf_counter()]
    opendss = opendss_flows(case.community, case.grid, injections, trajectory.energy_kwh[0])
    clock.append(time.perf_counter())
    power_grid = power_grid_flows(case.grid, injections)
    clock.append(time.perf_counter())
    return Played(
        case=case,
        trajectory=trajectory,
        opendss=opendss,
        power_grid=power_grid,
        band=loss_band(case.grid, injections.net_export_kw, injections.net_export_kvar),
        seconds=(clock[1] - clock[0], clock[2] - clock[1]),
    )


def row_of(played: Played) -> PhysicsRow:
    """Return the figures of what was played."""
    trajectory, flows, other = played.trajectory, played.opendss, played.power_grid
    hours, difference = trajectory.timestep_h, played.feeder_difference_kw
    # The stated error is of power flows within the voltage band; one outside proves nothing, and says so by NaN.
    inside = flows.voltage_pu.min() >= VOLTAGE_BAND_PU[0] and flows.voltage_pu.max() <= VOLTAGE_BAND_PU[1]
    error = played.band.error_kw if inside else np.full_like(difference, np.nan)
    energy = flows.energy_kwh if flows.energy_kwh is not None else np.full_like(trajectory.energy_kwh, np.nan)
    return PhysicsRow(
        case=played.case.name,
        policy=trajectory.policy,
        steps=int(difference.size),
        timestep_h=hours,
        violations=len(trajectory.violations),
        throughput_kwh=hours * float(np.abs(trajectory.battery_kw).sum()),
        energy_difference_kwh=_most(energy - trajectory.energy_kwh),
        import_kw=max(0.0, float(-flows.feeder_kw.min())),
        export_kw=max(0.0, float(flows.feeder_kw.max())),
        loss_kw=float(flows.loss_kw.max()),
        loss_kwh=hours * float(flows.loss_kw.sum()),
        model_loss_kwh=hours * float(trajectory.loss_kw.sum()),
        feeder_difference_kw=float(difference.max()),
        loss_error_kw=float(error.max()),
        excess_kw=float((difference - error).max()),
        over_limit_kw=_over_limit_kw(flows, played.case.community.network),
        voltage_min_pu=float(flows.voltage_pu.min()),
        voltage_max_pu=float(flows.voltage_pu.max()),
        loading=float(flows.loading.max()),
        model_loading=float(played.model_loading.max()),
        programs_voltage_pu=_most(flows.voltage_pu - other.voltage_pu),
        programs_loading=_most(flows.loading - other.loading),
        programs_flow_kw=max(
            _most(flows.downstream_kw - other.downstream_kw), _most(flows.upstream_kw - other.upstream_kw)
        ),
        opendss_s=played.seconds[0],
        power_grid_s=played.seconds[1],
    )


def _over_limit_kw(flows: Flows, network: Network) -> float:
    """Return the most by which a flow, at either end of its line, leaves its limits."""
    ends = np.array([flows.downstream_kw, flows.upstream_kw])
    return float(np.maximum(ends - network.export_limit_kw, -network.import_limit_kw - ends).max())


def _most(difference: Matrix) -> float:
    """Return the largest magnitude; NaN if any entry is."""
    return float(np.abs(difference).max())
