"""One step of a timeline: what the controller is told, and the community as it is in that step.

Where a step may be an array of B steps, one for each of many communities, energies are (B, N) and so are the answers.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np

from autonomy.assets.timeline import Timeline
from autonomy.layers import physics
from autonomy.layers.arrays import Index, Mask, Vector
from autonomy.layers.community import Community
from autonomy.layers.network import Network
from autonomy.layers.observation import Limits

PER_KW = 1e6
"""mW per kW: set-points are whole milliwatts, so floors are rounded up to them."""


def limits_at(timeline: Timeline, step: int, community: Community, energy_kwh: Vector) -> Limits | None:
    """Return what a controller is told of a step's limits; None where the community's own hold.

    Args:
        timeline: What changes.
        step: Which step of it.
        community: Whose step.
        energy_kwh: (N,) kWh stored at the start of the step.
    """
    if not timeline.limited[step]:
        return None
    charge, discharge, soc_min, soc_max = _ratings(timeline, step, community)
    return Limits(
        charge_limit_kw=None if timeline.charge_limit_kw is None else charge,
        discharge_limit_kw=None if timeline.discharge_limit_kw is None else discharge,
        soc_min=None if timeline.soc_min is None and timeline.soc_max is None else soc_min,
        soc_max=None if timeline.soc_max is None else soc_max,
        active=None if timeline.active is None or timeline.active[step].all() else timeline.active[step],
        charge_floor_kw=floor_kw(timeline, step, community, energy_kwh),
        grid_import_limit_kw=_finite(timeline.grid_import_limit_kw, step),
        grid_export_limit_kw=_finite(timeline.grid_export_limit_kw, step),
    )


def community_at(timeline: Timeline, step: int, community: Community) -> Community:
    """Return the community with the limits that hold in a step: what an execution is judged by."""
    if not timeline.limited[step]:
        return community
    charge, discharge, soc_min, soc_max = _ratings(timeline, step, community)
    here = True if timeline.active is None else timeline.active[step]
    grid = _finite(timeline.grid_import_limit_kw, step), _finite(timeline.grid_export_limit_kw, step)
    return replace(
        community,
        charge_limit_kw=np.where(here, charge, 0.0),
        discharge_limit_kw=np.where(here, discharge, 0.0),
        soc_min=soc_min,
        soc_max=soc_max,
        network=community.network if grid == (None, None) else _islanded(community.network, *grid),
    )


def energy_at_arrival_kwh(timeline: Timeline, step: int | Index, community: Community, energy_kwh: Vector) -> Vector:
    """Return (N,) kWh stored at the start of a step: what was left behind, less what EVs drove since.

    A drive that takes more than was stored above the least that the battery holds is charged on the way.
    """
    if timeline.drive_kwh is None:
        return energy_kwh
    left = np.minimum(energy_kwh, community.energy_min_kwh)
    arrived: Vector = np.maximum(energy_kwh - timeline.drive_kwh[step], left)
    return arrived


def missing_kwh(timeline: Timeline, step: int | Index, energy_after_kwh: Vector) -> Vector:
    """Return (N,) kWh that EVs which leave at the end of a step lack of what they require."""
    if timeline.departing is None or timeline.required_kwh is None:
        return np.zeros(energy_after_kwh.shape)
    short = np.maximum(timeline.required_kwh[step] - energy_after_kwh, 0.0)
    return np.where(timeline.departing[step], short, 0.0)


def floor_kw(timeline: Timeline, step: int | Index, community: Community, energy_kwh: Vector) -> Vector | None:
    """Return what each battery is to be charged with at least, in whole milliwatts; None where nothing is required."""
    if timeline.required_kwh is None:
        return None
    required = timeline.required_kwh[step]
    asked = np.isfinite(required) & present(timeline, step)
    if not asked.any():
        return None
    floor = physics.power_to_reach_kw(community, np.where(asked, required, 0.0), energy_kwh)
    floor = np.ceil(floor * PER_KW) / PER_KW
    # A floor that the battery cannot fall below asks for nothing.
    return np.where(asked & (floor > -community.discharge_limit_kw), floor, -np.inf)


def present(timeline: Timeline, step: int | Index) -> Mask:
    """Return (N,) whose battery is there."""
    here: Mask = np.ones(timeline.n_prosumers, dtype=bool) if timeline.active is None else timeline.active[step]
    return here


def _ratings(timeline: Timeline, step: int, community: Community) -> tuple[Vector, Vector, Vector, Vector]:
    def tightened(name: str, tighter: np.ufunc) -> Vector:
        own, rows = getattr(community, name), getattr(timeline, name)
        result: Vector = own if rows is None else tighter(own, rows[step])
        return result

    soc_max = tightened("soc_max", np.minimum)
    return (
        tightened("charge_limit_kw", np.minimum),
        tightened("discharge_limit_kw", np.minimum),
        np.minimum(tightened("soc_min", np.maximum), soc_max),
        soc_max,
    )


def _finite(rows: Vector | None, step: int) -> float | None:
    return None if rows is None or np.isinf(rows[step]) else float(rows[step])


@lru_cache(maxsize=64)
def _islanded(network: Network, grid_import_kw: float | None, grid_export_kw: float | None) -> Network:
    """Return the network with a smaller feeder. What the lines lose passes it too, even in an outage."""
    feeder = int(np.argmin(network.parent))
    imports, exports = network.import_limit_kw.copy(), network.export_limit_kw.copy()
    if grid_import_kw is not None:
        imports[feeder] = min(imports[feeder], max(grid_import_kw, network.worst_case_loss_kw[feeder]))
    if grid_export_kw is not None:
        exports[feeder] = min(exports[feeder], grid_export_kw)
    return replace(network, import_limit_kw=imports, export_limit_kw=exports)
