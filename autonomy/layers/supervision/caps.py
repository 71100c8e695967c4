"""Caps: what generation and load may not exceed, whatever was measured. Real devices obey these."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from autonomy.layers import physics
from autonomy.layers.arrays import Vector, frozen
from autonomy.layers.network import Network
from autonomy.layers.situation import Capacity
from autonomy.layers.supervision.milliwatt import Bounds, Milliwatts, fixed_rows, in_kw


def caps(bounds: Bounds, ledger: Milliwatts, generation_kw: Vector, load_kw: Vector) -> tuple[Vector, Vector]:
    """Return generation and load caps, kW: what was planned plus a fair share of what every limit still has free.

    They hold every limit when generation (or load) alone differs from what was measured: each line's spare capacity
    is divided equally among the prosumers below it, so the extra flows below a line sum to at most its spare. What is
    spare is counted from CHECK's bounds, so the milliwatts these keep free for rounding stay free.
    An isolated prosumer, whose meter says nothing, gets its fair shares.

    Args:
        bounds: The limits.
        ledger: What the plan does, see `ledger_of`.
        generation_kw: (N,) kW, what is planned to be left of generation.
        load_kw: (N,) kW, what is planned to be left of load.
    """
    situation, size = bounds.situation, bounds.size
    capacity, network = situation.capacity, situation.community.network
    connection_kw, import_kw, export_kw = kept_limits(capacity, network)
    used = in_kw(ledger[3 * size :])
    net, flow = used[:size], used[size:]
    # Rows: more towards the grid, and more from it. Arrays of one piece take NumPy half the time of parts of others.
    spare = np.empty((2, flow.size))
    np.subtract(export_kw, flow, out=spare[0])
    np.add(import_kw, flow, out=spare[1])
    np.maximum(spare, 0.0, out=spare)
    spare /= network.sharers
    more = np.empty((2, size))
    np.subtract(connection_kw, net, out=more[0])
    np.add(connection_kw, net, out=more[1])
    np.maximum(more, 0.0, out=more)
    np.minimum(more, physics.least_above(network, spare), out=more)
    more[0] += generation_kw
    more[1] += load_kw
    if not situation.is_clean:
        np.copyto(more, (capacity.fair_export_kw, capacity.fair_import_kw), where=situation.isolated)
    return more[0], more[1]


@lru_cache(maxsize=64)
def kept_limits(capacity: Capacity, network: Network) -> tuple[Vector, Vector, Vector]:
    """Return what CHECK lets connections carry, and lines in and out, kW; inf where there is no limit."""
    size = network.n_prosumers
    lower, upper = (in_kw(row) for row in fixed_rows(capacity, network))
    kept = (upper[3 * size : 4 * size], -lower[4 * size :], upper[4 * size :])
    limits = (capacity.connection_limit_kw, capacity.import_limit_kw, capacity.export_limit_kw)
    connection, imports, exports = (
        frozen(np.where(np.isinf(limit), limit, bound)) for limit, bound in zip(limits, kept, strict=True)
    )
    return connection, imports, exports
