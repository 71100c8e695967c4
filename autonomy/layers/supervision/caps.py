"""Caps: what generation and load may not exceed, whatever was measured. Real devices obey these."""

from __future__ import annotations

import numpy as np

from autonomy.layers import physics
from autonomy.layers.arrays import Vector
from autonomy.layers.supervision.milliwatt import Bounds, Milliwatts, in_kw


def caps(bounds: Bounds, ledger: Milliwatts, *, is_cut: bool) -> tuple[Vector, Vector]:
    """Return generation and load caps, kW: what was planned plus a fair share of what every limit still has free.

    They hold every limit when generation (or load) alone differs from what was measured: each line's spare capacity
    is divided equally among the prosumers below it, so the extra flows below a line sum to at most its spare.
    An isolated prosumer, whose meter says nothing, gets its fair shares.

    Args:
        bounds: The limits.
        ledger: What the plan does, see `ledger_of`.
        is_cut: Whether the plan curtails or sheds anything.
    """
    situation, size = bounds.situation, bounds.size
    capacity, network = situation.capacity, situation.community.network
    used = in_kw(ledger[3 * size :])
    net, flow = used[:size], used[size:]
    # Rows: more towards the grid, and more from it. Arrays of one piece take NumPy half the time of parts of others.
    spare = np.empty((2, flow.size))
    np.subtract(capacity.export_limit_kw, flow, out=spare[0])
    np.add(capacity.import_limit_kw, flow, out=spare[1])
    np.maximum(spare, 0.0, out=spare)
    spare /= network.sharers
    more = np.empty((2, size))
    np.subtract(capacity.connection_limit_kw, net, out=more[0])
    np.add(capacity.connection_limit_kw, net, out=more[1])
    np.maximum(more, 0.0, out=more)
    np.minimum(more, physics.least_above(network, spare), out=more)
    more += situation.measured_kw
    if is_cut:
        more -= in_kw(ledger[size : 3 * size]).reshape(2, size)
        np.maximum(more, 0.0, out=more)
    if not situation.is_clean:
        np.copyto(more, (capacity.fair_export_kw, capacity.fair_import_kw), where=situation.isolated)
    return more[0], more[1]
