"""A year's books: what went in is what came out, in energy and in money, computed apart from the simulator.

Energy is added up again from the outcome's own flows in extended precision; money in whole micro-currency.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autonomy.layers.arrays import Vector
from autonomy.layers.community import Community
from autonomy.market import payments
from autonomy.scenario import Scenario
from autonomy.simulation import BatchOutcome, BatchSimulator

LARGEST_RELATIVE = 1e-9
"""What an energy residual may be at most, relative to the flows of its step."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Books:
    """What a year left in the books.

    Attributes:
        intents: What asked for the flows.
        steps: Steps.
        balance_kwh: Largest |generation + imports + discharge − consumption − exports − charge − losses| of a step.
        storage_kwh: Largest |change of the stored energy − what went through the batteries' terminals| of a step.
        relative: The larger of the two, each relative to the energy that flowed in its step.
        traded_kwh: kWh traded between prosumers.
        paid_micro: Σ of all payments for trades, whole micro-currency: 0 is conserved.
        off_by_micro: Largest |Σ of the payments of a step|, likewise.
        worse_off: Bills of a step that are higher than the same flows cost with the grid alone, beyond 1e-9 currency.
    """

    intents: str
    steps: int
    balance_kwh: float
    storage_kwh: float
    relative: float
    traded_kwh: float
    paid_micro: int
    off_by_micro: int
    worse_off: int


def keep_books(intents: str, scale: float, *, seed: int = 0, steps: int | None = None) -> Books:
    """Return the books of the demo's year under random intents.

    Args:
        intents: Their name.
        scale: kW that battery and trade intents are drawn within.
        seed: Of the intents.
        steps: How many steps of the year; None for all.
    """
    community, year = Community.demo(), Scenario.demo()
    window = year if steps is None else year.window(0, steps)
    simulator = BatchSimulator(community, [window])
    random, size = np.random.default_rng(seed), community.n_prosumers
    balance, storage, relative, traded, worse = 0.0, 0.0, 0.0, 0.0, 0
    sums = []
    for k in range(window.n_steps):
        intent = random.uniform(-scale, scale, (1, size, 3))
        intent[..., 2] = random.uniform(0.0, 0.6, (1, size))
        before = simulator.energy_kwh
        outcome = simulator.step(intent)
        flowed, missing, drifted = _energy(community, window, k, before, outcome)
        balance, storage = max(balance, missing), max(storage, drifted)
        relative = max(relative, max(missing, drifted) / flowed)
        tariff = {"retail_price": window.retail_price[k], "feed_in_price": window.feed_in_price[k]}
        paid = payments(outcome.trade_kw, outcome.price[:, None], **tariff, timestep_h=community.timestep_h)
        sums.append(int(paid.sum()))
        traded += float(np.maximum(outcome.trade_kw, 0.0).sum()) * community.timestep_h
        worse += _worse_off(outcome, float(tariff["retail_price"]), float(tariff["feed_in_price"]), community)
    return Books(
        intents=intents,
        steps=window.n_steps,
        balance_kwh=balance,
        storage_kwh=storage,
        relative=relative,
        traded_kwh=traded,
        paid_micro=sum(sums),
        off_by_micro=max(map(abs, sums)),
        worse_off=worse,
    )


def _energy(
    community: Community, window: Scenario, k: int, before_kwh: Vector, outcome: BatchOutcome
) -> tuple[float, float, float]:
    """Return kWh that flowed, kWh that the balance misses, and kWh by which the batteries drifted from it."""
    exact, dt = np.longdouble, np.longdouble(community.timestep_h)
    battery = outcome.battery_kw.astype(exact)
    charge, discharge = np.maximum(battery, 0), np.maximum(-battery, 0)
    supply = (window.pv_kw[k].astype(exact) - outcome.curtail_kw).sum() + discharge.sum()
    use = (window.demand_kw[k].astype(exact) - outcome.shed_kw).sum() + charge.sum() + outcome.loss_kw.sum()
    grid = exact(outcome.feeder_kw[0])
    gained = dt * (community.charge_efficiency * charge - discharge / community.discharge_efficiency)
    drift = np.abs(outcome.energy_kwh.astype(exact) - before_kwh - gained).max()
    flowed = dt * (supply + use + abs(grid))
    return float(flowed), float(abs(dt * (supply - use - grid))), float(drift)


def _worse_off(outcome: BatchOutcome, retail: float, feed_in: float, community: Community) -> int:
    net = outcome.net_export_kw
    alone = community.timestep_h * (retail * np.maximum(-net, 0.0) - feed_in * np.maximum(net, 0.0))
    return int(np.count_nonzero(~(outcome.bill <= alone + 1e-9)))
