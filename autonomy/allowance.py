"""What a step allows, as policies observe it: `Observation.limits` read as Layer 3 reads them, in full arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from autonomy.layers.arrays import Vector
from autonomy.layers.community import Community
from autonomy.layers.observation import GRID_LIMIT_FIELDS, LIMIT_FIELDS, Limits
from autonomy.layers.supervision.rating import BOUNDS


class Allowance(NamedTuple):
    """The limits of R steps, or of a single one (R is then no axis).

    Attributes:
        active: (*R, N) 1 where the battery is there, 0 where it is not: an EV that left.
        charge_limit_kw: (*R, N) kW >= 0.
        discharge_limit_kw: (*R, N) kW >= 0.
        soc_min: (*R, N) fraction.
        soc_max: (*R, N) fraction.
        connection_limit_kw: (*R, N) kW; inf where there is none.
        grid_share: (*R, 2) what the grid delivers and what it takes at most, as a share of the feeder's limits: 1 as
            usual, 0 in an outage. Of a feeder without a limit it is 0 where the grid gives nothing, else 1.
        grid_kw: (*R, 2) kW of the same, with the feeder's own limits; inf where there is none.
    """

    active: Vector
    charge_limit_kw: Vector
    discharge_limit_kw: Vector
    soc_min: Vector
    soc_max: Vector
    connection_limit_kw: Vector
    grid_share: Vector
    grid_kw: Vector


def allowance_of(community: Community, limits: Any) -> Allowance:
    """Return what a step with these limits allows, (N,) each; None, and whatever is unusable, is the community's own.

    Args:
        community: Whose limits hold where none are given.
        limits: A `Limits` or a mapping with the same keys; anything else says nothing.
    """
    told, everybody = _entries(limits), np.ones(community.n_prosumers)
    each = {name: _each(told, name, getattr(community, name, everybody)) for name in Allowance._fields[:-2]}
    crossed = each["soc_min"] > each["soc_max"]
    for name in ("soc_min", "soc_max"):
        each[name] = np.where(crossed, getattr(community, name), each[name])
    grid = [
        (_given(told.get(name)), feeder_kw)
        for name, feeder_kw in zip(GRID_LIMIT_FIELDS, _feeder(community), strict=True)
    ]
    shares, powers = [_share(*pair) for pair in grid], [min(pair) for pair in grid]
    return Allowance(**each, grid_share=np.array(shares), grid_kw=np.array(powers))


def floor_of(limits: Any, n_prosumers: int) -> Vector | None:
    """Return (N,) kW that batteries are to be charged with at least, as limits tell it; None where they do not."""
    value = _entries(limits).get("charge_floor_kw")
    return None if value is None else _numbers(value, n_prosumers)


def shown_floor(floor_kw: Vector | None) -> Vector | float:
    """Return (..., N) floors as observed: 0 kW where there is none."""
    return 0.0 if floor_kw is None else np.where(np.isfinite(floor_kw), floor_kw, 0.0)


def _entries(limits: Any) -> Mapping[str, Any]:
    if isinstance(limits, Limits):
        return {name: getattr(limits, name) for name in LIMIT_FIELDS}
    return limits if isinstance(limits, Mapping) else {}


def _each(told: Mapping[str, Any], name: str, own: Vector) -> Vector:
    value, (low, high) = told.get(name), BOUNDS[name]
    given = None if value is None else _numbers(value, own.size)
    if given is None:
        return own
    usable = (low <= given) & (given <= high)
    return np.where(usable if name == "connection_limit_kw" else usable & np.isfinite(given), given, own)


def _numbers(value: Any, size: int) -> Vector | None:
    """Return a number or N of them as (N,), or None where it is neither."""
    try:
        return np.broadcast_to(np.asarray(value, dtype=np.float64), (size,))
    except (TypeError, ValueError, OverflowError):
        return None


def _feeder(community: Community) -> tuple[float, float]:
    """Return the feeder's import and export limit, kW."""
    network = community.network
    root = int(np.argmin(network.parent))
    return float(network.import_limit_kw[root]), float(network.export_limit_kw[root])


def _given(limit: Any) -> float:
    """Return a limit of the grid, kW >= 0; inf where none, or nothing usable, is told."""
    try:
        given = np.inf if limit is None else float(limit)
    except (TypeError, ValueError, OverflowError):
        return np.inf
    return given if given >= 0.0 else np.inf


def _share(given: float, feeder_kw: float) -> float:
    if not given < feeder_kw:
        return 1.0
    return given / feeder_kw if np.isfinite(feeder_kw) else float(given > 0.0)
