"""From lost trust to a situation that does without it: the one place where numbers are taken out of a situation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from autonomy.layers import physics
from autonomy.layers.arrays import Mask, Vector, frozen
from autonomy.layers.network import Network
from autonomy.layers.situation import Capacity, Situation


def reserve(network: Network, capacity: Capacity, isolated: Mask) -> Capacity:
    """Return the capacity less what the isolated prosumers may use of the lines above them: their fair shares."""
    if not isolated.any():
        return capacity
    return replace(
        capacity,
        import_limit_kw=_left(network, capacity.import_limit_kw, capacity.fair_import_kw, isolated),
        export_limit_kw=_left(network, capacity.export_limit_kw, capacity.fair_export_kw, isolated),
    )


def withhold(situation: Situation, more_export_kw: float, more_import_kw: float) -> Situation:
    """Return the situation with as much of the feeder's limits kept free as no node explains.

    Load that is more than was measured, and generation that is more, are held by the caps. What caps cannot hold is
    less load, which exports, and less generation, which imports; neither can be less by more than what was measured. So
    a feeder meter that lies cannot have anybody shed at night, when there is no generation.

    Args:
        situation: As screened.
        more_export_kw: kW >= 0 that the feeder exported beyond what its nodes explain.
        more_import_kw: kW >= 0, likewise.
    """
    capacity, feeder = situation.capacity, int(np.argmin(situation.community.network.parent))
    exports, imports = capacity.export_limit_kw.copy(), capacity.import_limit_kw.copy()
    exports[feeder] = max(exports[feeder] - min(more_export_kw, float(situation.demand_kw.sum())), 0.0)
    imports[feeder] = max(imports[feeder] - min(more_import_kw, float(situation.pv_kw.sum())), 0.0)
    return situation._replace(
        capacity=replace(capacity, export_limit_kw=frozen(exports), import_limit_kw=frozen(imports))
    )


def _left(network: Network, limit_kw: Vector, share_kw: Vector, isolated: Mask) -> Vector:
    # Below a limited line every share is finite; an unlimited line stays unlimited whatever is taken.
    taken = np.where(isolated & np.isfinite(share_kw), share_kw, 0.0)
    return frozen(np.maximum(limit_kw - physics.line_flows(network, taken), 0.0))


def restrict(situation: Situation, *, market: Mask, battery: Mask, meter: Mask, is_blind: bool = False) -> Situation:
    """Return the situation without what is not trusted.

    Args:
        situation: As screened.
        market: (N,) who may not trade.
        battery: (N,) whose battery stands still.
        meter: (N,) whose demand and generation are not used: isolated, as by the screen.
        is_blind: Whether no measurement of anybody is used.
    """
    network = situation.community.network
    isolated, still = situation.isolated | meter, situation.isolated | meter | battery
    measured = np.where(meter, 0.0, situation.measured_kw)
    pv, demand = measured
    cuts_all = situation.curtailable_kw is situation.pv_kw, situation.sheddable_kw is situation.demand_kw
    return situation._replace(
        measured_kw=measured,
        pv_kw=pv,
        demand_kw=demand,
        reach_kw=np.where(still, 0.0, situation.reach_kw),
        battery_lower_kw=np.where(still, 0.0, situation.battery_lower_kw),
        battery_upper_kw=np.where(still, 0.0, situation.battery_upper_kw),
        rate_lower_kw=np.where(still, 0.0, situation.rate_lower_kw),
        rate_upper_kw=np.where(still, 0.0, situation.rate_upper_kw),
        capacity=reserve(network, situation.capacity, meter & ~situation.isolated),
        # The same object where everything can be cut: that is how it is known.
        curtailable_kw=pv if cuts_all[0] else np.where(meter, 0.0, situation.curtailable_kw),
        sheddable_kw=demand if cuts_all[1] else np.where(meter, 0.0, situation.sheddable_kw),
        may_trade=situation.may_trade & ~isolated & ~market,
        isolated=isolated,
        is_blind=situation.is_blind or is_blind or bool(isolated.all()),
        is_clean=False,
    )
