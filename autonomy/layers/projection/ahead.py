"""From a forecast to what the later steps need and allow; a forecast is screened here, because nobody did before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autonomy.layers import physics
from autonomy.layers.arrays import Index, Matrix, Vector
from autonomy.layers.observation import Forecast
from autonomy.layers.projection.program import MARGIN_KW
from autonomy.layers.situation import Situation

ROOM_KW = 1e-6
"""kW by which the bounds handed on leave room for the solver's rounding; later limits are tightened by as much."""
TABLES = ("demand_kw", "pv_kw", "demand_high_kw", "pv_low_kw")
"""What is read of a forecast."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Ahead:
    """The H later steps of S batteries.

    Attributes:
        need_kw: (H, M) kW of net discharge that every line's import limit needs below it; -inf for none.
        charge_kw: (H, S) kW, most that can be charged: P⁺, or what the connection leaves of it.
        discharge_kw: (S,) kW, most that can be discharged, P⁻.
    """

    need_kw: Matrix
    charge_kw: Matrix
    discharge_kw: Vector


def ahead_of(situation: Situation, forecast: Forecast, *, stores: Index, horizon: int | None, caution: float) -> Ahead:
    """Return what the later steps need and allow, if limits stay as they are now.

    Args:
        situation: The present; who is isolated or cannot move a battery now is taken to be so later too.
        forecast: A forecast without fault.
        stores: (S,) the prosumers with a battery.
        horizon: Steps to look ahead at most, None for all.
        caution: 0 for the forecast, 1 for the far end of its interval.
    """
    community, network = situation.community, situation.community.network
    demand, pv, high, low = (np.asarray(getattr(forecast, name), dtype=np.float64)[:horizon] for name in TABLES)
    known = ~situation.isolated
    surplus = (pv - caution * (pv - low)) - (demand + caution * (high - demand))
    base = np.where(known, surplus, 0.0)
    margin = MARGIN_KW * (1.0 + network.prosumers_below) + ROOM_KW * network.prosumers_below
    stuck = (situation.rate_lower_kw == 0) & (situation.rate_upper_kw == 0)
    movable = (known & ~stuck)[stores]
    room = np.clip(situation.connection_limit_kw + base, 0.0, community.charge_limit_kw)[:, stores]
    return Ahead(
        need_kw=margin - situation.import_limit_kw - base @ network.incidence.T,
        charge_kw=np.where(movable, room, 0.0),
        discharge_kw=np.where(movable, community.discharge_limit_kw[stores], 0.0),
    )


def fault_in(forecast: Forecast | None, size: int) -> str:
    """Return what is wrong with a forecast, or nothing; a forecast is not screened before."""
    if forecast is None:
        return ""
    shapes = set()
    for name in TABLES:
        try:
            values = np.asarray(getattr(forecast, name), dtype=np.float64)
        except (AttributeError, TypeError, ValueError):
            return f"the forecast's {name} is not a table of numbers"
        if values.ndim != 2 or values.shape[0] < 1 or values.shape[1] != size:
            return f"the forecast's {name} has shape {values.shape}; expected (H, {size})"
        if not ((values >= 0) & (values <= physics.IMPLAUSIBLE_KW)).all():
            return f"the forecast's {name} is not between 0 and {physics.IMPLAUSIBLE_KW:g} kW everywhere"
        shapes.add(values.shape)
    return "" if len(shapes) == 1 else "the forecast's tables have different lengths"
