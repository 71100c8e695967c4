"""What the program pays for, beside wear and lost load: the grid, the toll of trades, the peak, departures.

dt·(retail + carbon price·carbon)·I − dt·(feed-in + toll)·X + dt·toll·Σ max(n, 0)      see `autonomy.dispatch.toll`
capacity price·Σ over months of the highest import                   missing-charge price·Σ max(required − e', 0)
"""

from __future__ import annotations

import numpy as np

from autonomy.dispatch.model import Model
from autonomy.dispatch.network import Feeder
from autonomy.dispatch.window import Problem
from autonomy.layers.arrays import Index


def add_grid(model: Model, problem: Problem, feeder: Feeder, net: Index) -> None:
    """Add imports and exports of the community, exclusive where a tariff would pay for both, and the toll of trades."""
    dt, steps, toll = problem.community.timestep_h, len(net), problem.toll
    export_price = problem.feed_in_price + toll
    imports = model.columns("imports", (steps,), cost=dt * problem.import_price, upper=np.maximum(-feeder.lower_kw, 0))
    exports = model.columns("exports", (steps,), cost=-dt * export_price, upper=np.maximum(feeder.upper_kw, 0))
    border = model.rows((steps,), lower=0.0, upper=0.0)
    for column, sign in ((feeder.flow, 1.0), (imports, 1.0), (exports, -1.0)):
        model.terms(border, column, sign)
    pays = problem.import_price < export_price
    model.exclusive(imports[pays], exports[pays])
    tolled = np.broadcast_to(toll[:, None] > 0, net.shape)
    most = problem.pv_kw + problem.discharge_limit_kw
    outwards = model.columns("outwards", net.shape, where=tolled, cost=dt * toll[:, None], upper=most)
    least = model.rows(net.shape, where=tolled, lower=0.0)
    model.terms(least, outwards, 1.0)
    model.terms(least, net, -1.0)


def add_peaks(model: Model, problem: Problem, feeder: Feeder) -> None:
    """Add the highest import of each calendar month, one column a month; of the first, what it is above the past."""
    price = problem.economics.capacity_price_per_kw
    if price == 0:
        return
    most = np.zeros(int(problem.month[-1]) + 1)
    np.maximum.at(most, problem.month, -feeder.lower_kw)
    past = np.where(np.arange(most.size) == 0, problem.initial_peak_kw, 0.0)
    peak = model.columns("peak", most.shape, cost=price, upper=np.maximum(most - past, 0.0))
    highest = model.rows(problem.month.shape, lower=-past[problem.month])
    model.terms(highest, peak[problem.month], 1.0)
    model.terms(highest, feeder.flow, 1.0)


def add_departures(model: Model, problem: Problem, stored: Index) -> None:
    """Add what EVs lack of what they should leave with."""
    required = problem.required_kwh
    leaves = np.isfinite(required)
    price = problem.economics.missing_charge_price_per_kwh
    most = np.where(leaves, np.maximum(required, 0.0), 0.0)
    missing = model.columns("missing", problem.shape, where=leaves, cost=price, upper=most)
    left = model.rows(problem.shape, where=leaves, lower=np.where(leaves, required, 0.0))
    model.terms(left, missing, 1.0)
    model.terms(left, stored, 1.0)
