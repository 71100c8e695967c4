"""What goes into a power flow over T steps, and what comes out of it, in every program the same."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autonomy.errors import AutonomyError
from autonomy.layers.arrays import Matrix, Vector, frozen
from autonomy.layers.errors import ModelError
from autonomy.trajectory import Trajectory


class PowerFlowError(AutonomyError):
    """A program found no power flow, or is not what was asked for."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Injections:
    """Set-points of T steps, device by device.

    Attributes:
        load_kw: (T, N) kW >= 0 after shedding.
        load_kvar: (T, N) kvar that the load draws, + = inductive.
        generation_kw: (T, N) kW >= 0 after curtailment, at unity power factor.
        battery_kw: (T, N) kW at the battery's terminals, + = charge, at unity power factor.

    Raises:
        ModelError: the tables are not of one shape, or hold what is no number.
    """

    load_kw: Matrix
    load_kvar: Matrix
    generation_kw: Matrix
    battery_kw: Matrix

    def __post_init__(self) -> None:
        shape = np.shape(self.load_kw)
        for name in ("load_kw", "load_kvar", "generation_kw", "battery_kw"):
            table = frozen(getattr(self, name))
            if table.ndim != 2 or table.shape != shape:
                raise ModelError(name, f"an array of shape {table.shape}", f"an array of shape {shape}, (T, N)")
            if not np.isfinite(table).all():
                raise ModelError(name, "an array with NaN or inf", "finite numbers")
            object.__setattr__(self, name, table)

    @classmethod
    def of(cls, trajectory: Trajectory, demand_kvar: Matrix | None = None) -> Injections:
        """Return what a trajectory executed.

        Args:
            trajectory: T steps of N prosumers.
            demand_kvar: (T, N) kvar of the demand before shedding, which takes its share of it away; None for none.
        """
        load = trajectory.demand_kw - trajectory.shed_kw
        share = np.divide(load, trajectory.demand_kw, out=np.zeros_like(load), where=trajectory.demand_kw > 0)
        return cls(
            load_kw=load,
            load_kvar=np.zeros_like(load) if demand_kvar is None else share * demand_kvar,
            generation_kw=trajectory.pv_kw - trajectory.curtail_kw,
            battery_kw=trajectory.battery_kw,
        )

    @property
    def n_steps(self) -> int:
        """Number of steps T."""
        return int(self.load_kw.shape[0])

    @property
    def net_export_kw(self) -> Matrix:
        """(T, N) kW, + = export."""
        return self.generation_kw - self.load_kw - self.battery_kw

    @property
    def net_export_kvar(self) -> Matrix:
        """(T, N) kvar, + = export."""
        return -self.load_kvar


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Flows:
    """The power flow of T steps on M lines.

    Attributes:
        voltage_pu: (T, M) per unit, at the bus each line feeds.
        loading: (T, M) current over rated current, at the end where it is larger.
        downstream_kw: (T, M) kW at the bus each line feeds, + = towards the grid.
        upstream_kw: (T, M) kW at the upstream end.
        feeder: The line that hangs on the grid.
        energy_kwh: (T + 1, N) kWh stored, before the first step to after the last; 0 without a battery. None from a
            program that knows no batteries.
    """

    voltage_pu: Matrix
    loading: Matrix
    downstream_kw: Matrix
    upstream_kw: Matrix
    feeder: int
    energy_kwh: Matrix | None = None

    @property
    def feeder_kw(self) -> Vector:
        """(T,) kW at the grid, after losses, + = export."""
        return self.upstream_kw[:, self.feeder]

    @property
    def loss_kw(self) -> Vector:
        """(T,) kW lost in all lines."""
        lost: Vector = (self.downstream_kw - self.upstream_kw).sum(axis=1)
        return lost
