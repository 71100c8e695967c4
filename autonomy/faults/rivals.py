"""A controller to compare with: clip every set-point to its battery's box, and stand still when anything is wrong.

This is what is left of a safety filter when the network is forgotten, and it is common: it keeps each battery's own
limits exactly as well as ours does, and it knows nothing of lines, connections, cuts and caps. It is no straw man of
what can be built (a filter with a quadratic program keeps the lines too); it is the baseline that shows what the
projection, the ladder and the caps are for.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autonomy.layers import physics
from autonomy.layers.community import Community
from autonomy.layers.decision import Decision, Mode
from autonomy.layers.intent import Policy, read_answer
from autonomy.layers.observation import REQUIRED, Observation


class ClipOnly:
    """The policy's battery power, clipped to the rate and SoC box; zeros when the input or the policy is bad.

        b = min(max(b̂, blo), bhi)        c = s = 0        no caps

    Bad input is a required field that is missing, is no list of N numbers, or holds a number that is not finite; a bad
    policy raises, or answers no N finite battery powers. Then b = 0, t = 0, and still nothing is curtailed or shed.

    Args:
        community: What is controlled.
        policy: Whose set-points are clipped.
    """

    def __init__(self, community: Community, policy: Policy) -> None:
        self._community, self._policy = community, policy

    def reset(self) -> None:
        """Nothing is remembered."""

    def step(self, obs: Observation) -> Decision:
        """Return the clipped set-points, or zeros."""
        size = self._community.n_prosumers
        zero = np.zeros(size)
        readings = [_numbers(getattr(obs, name), size) for name in REQUIRED]
        if any(values is None for values in readings):
            return self._decision(zero, zero, zero, Mode.GRID_ONLY)
        try:
            wish = read_answer(self._policy(self._community, obs), size)
        except Exception:  # noqa: BLE001 - a policy may fail in any way
            return self._decision(zero, zero, zero, Mode.GRID_ONLY)
        if wish.intent is None or wish.reasons:
            return self._decision(zero, zero, zero, Mode.GRID_ONLY)
        soc = readings[2] if readings[2] is not None else zero
        charge, discharge = physics.reach_kw(self._community.storage, soc * self._community.battery_capacity_kwh)
        battery = np.clip(wish.intent.battery_kw, -discharge, charge)
        return self._decision(battery, wish.intent.trade_kw, wish.intent.price_bid, Mode.POLICY)

    def _decision(self, battery: Any, trade: Any, price: Any, mode: Mode) -> Decision:
        zero = np.zeros(self._community.n_prosumers)
        return Decision(
            battery_kw=battery,
            trade_kw=trade,
            price_bid=price,
            curtail_kw=zero,
            shed_kw=zero,
            net_export_kw=zero,
            generation_cap_kw=zero + np.inf,
            load_cap_kw=zero + np.inf,
            mode=mode,
        )


def _numbers(values: Any, size: int) -> Any:
    try:
        array = np.broadcast_to(np.asarray(values, dtype=np.float64), (size,))
    except (TypeError, ValueError, OverflowError):
        return None
    return array if np.isfinite(array).all() else None
