"""From what a car must leave with to what must be stored at the end of every step before."""

from __future__ import annotations

import numpy as np

from autonomy.layers.arrays import Mask, Vector
from autonomy.layers.community import Community

ROOM_KW = 2e-6
"""kW that every later step is taken to charge less: set-points are whole milliwatts, and limits keep one free."""


def required_before_kwh(
    community: Community, charge_limit_kw: Vector, active: Mask, leaving_with_kwh: Vector
) -> Vector:
    """Return (T, N) kWh that must be stored at the end of each step, -inf where nothing must be.

        R_k = E where the battery leaves at the end of step k
        R_k = (R_{k+1} − dt·ec·P⁺_{k+1})/a where it is still there in step k + 1

    with a what a step leaves of what is stored. A battery that holds R_k at the end of step k can still leave with E if
    it charges at P⁺ in every later step; one that holds less cannot. With h steps left, this one included, and no
    self-discharge, R_k = E − (h − 1)·dt·ec·P⁺, so that b >= (E − (h − 1)·dt·ec·P⁺ − e)/(dt·ec).

    Args:
        community: Whose batteries; with ramp limits the above would not do.
        charge_limit_kw: (T, N) kW, P⁺ of each step.
        active: (T, N) whether the battery is there.
        leaving_with_kwh: (T, N) kWh, E in the last step before it leaves, -inf elsewhere.
    """
    required = leaving_with_kwh.copy()
    most = community.timestep_h * community.charge_efficiency * np.maximum(charge_limit_kw - ROOM_KW, 0.0)
    for step in range(len(required) - 2, -1, -1):
        before = (required[step + 1] - most[step + 1]) / community.retention
        needed = active[step] & active[step + 1] & (before > community.energy_min_kwh)
        required[step] = np.where(needed, np.maximum(required[step], before), required[step])
    return required
