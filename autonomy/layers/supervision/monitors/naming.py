"""Whom a doubt concerns, as indices and in words."""

from __future__ import annotations

import numpy as np

from autonomy.layers.arrays import Mask

SHOWN = 3
"""Prosumers that a sentence names one by one."""


def members(hit: Mask) -> tuple[int, ...]:
    """Return the indices of those hit."""
    return tuple(np.flatnonzero(hit).tolist())


def named(hit: Mask) -> str:
    """Return "prosumer 3", "prosumers 3, 5", or the first few and how many more."""
    places = members(hit)
    shown = ", ".join(str(place) for place in places[:SHOWN])
    more = f" and {len(places) - SHOWN} more" if len(places) > SHOWN else ""
    return f"prosumer{'s' if len(places) > 1 else ''} {shown}{more}"
