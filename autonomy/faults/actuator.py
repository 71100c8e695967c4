"""Faults of what the batteries do with their set-points, and of devices that ignore cuts and caps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from autonomy.faults.plant import Actuator
from autonomy.faults.signal import HONESTY, seen
from autonomy.faults.strike import Strike
from autonomy.faults.words import Channel, Kind, Scope
from autonomy.layers.arrays import Mask, Vector

NOBODY: Mask = np.zeros(1, dtype=np.bool_)
"""Nobody's devices ignore cuts and caps."""


def faulty_actuator(strike: Strike | None, k: int | None, past: Sequence[Vector]) -> Actuator | None:
    """Return what becomes of the battery powers asked for, None when nothing is wrong.

    Args:
        strike: The fault of the run.
        k: Steps since its onset, None before and after it.
        past: What was asked before, one (N,) kW a step.
    """
    if strike is None or k is None or strike.fault.channel is not Channel.ACTUATOR:
        return None
    fault = strike.fault
    if fault.kind is Kind.CRASH:
        there = fault.comes_and_goes(k)
        return lambda asked: (asked, _struck(strike, asked.size) & there)
    if fault.kind in (Kind.MISSING, Kind.LIE):
        share = HONESTY[fault.severity.place]
        if fault.kind is Kind.MISSING:
            share = 0.0 if fault.comes_and_goes(k) else 1.0
        return lambda asked: (np.where(_struck(strike, asked.size), share * asked, asked), NOBODY)
    return lambda asked: (seen(strike.moment(np.array([*past, asked]), k), strike.victim), NOBODY)


def _struck(strike: Strike, size: int) -> Mask:
    """Return (N,) who is struck."""
    everybody = strike.fault.scope is Scope.COMMUNITY
    struck: Mask = np.full(size, everybody) | (np.arange(size) == strike.victim)
    return struck
