"""From set-points to a point of the program and to what they cost, as the simulator executes them but for losses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autonomy.dispatch.errors import DispatchError
from autonomy.dispatch.model import NONE
from autonomy.dispatch.program import DispatchProgram
from autonomy.dispatch.slices import cycled_slices
from autonomy.dispatch.window import Problem, path_kwh
from autonomy.layers import physics
from autonomy.layers.arrays import Vector
from autonomy.ledger import Flows, Prices, ledger_of
from autonomy.market import clear_many

ROUNDING_KW = 1e-5
"""kW, largest correction of a battery power that is rounding of the solver and not a fault."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class SetPoints:
    """What is asked of every prosumer in every step.

    Attributes:
        battery_kw: (T, N) kW, + = charge.
        curtail_kw: (T, N) kW.
        shed_kw: (T, N) kW.
    """

    battery_kw: Vector
    curtail_kw: Vector
    shed_kw: Vector


def set_points(problem: Problem, model: DispatchProgram, x: Vector) -> SetPoints:
    """Return a point's set-points, with the solver's rounding clipped off so that batteries execute them as they are.

    Raises:
        DispatchError: a battery power is off by more than rounding.
    """
    executed = executed_kw(problem, x[model.blocks["charge"]] - x[model.blocks["discharge"]])
    curtail = np.clip(x[model.blocks["curtail"]], 0.0, problem.pv_kw)
    return SetPoints(
        battery_kw=executed, curtail_kw=curtail, shed_kw=np.clip(x[model.blocks["shed"]], 0.0, problem.demand_kw)
    )


def executed_kw(problem: Problem, wanted: Vector) -> Vector:
    """Return (T, N) kW that batteries do when they are asked for `wanted`, which may be off by rounding only.

    Raises:
        DispatchError: a battery power is off by more than rounding.
    """
    executed, energy, previous = wanted.copy(), problem.initial_kwh, problem.previous_kw
    for step, held in enumerate(problem.held):
        energy = problem.arrived_kwh(step, energy)
        box = physics.rated_box(held, energy, previous)
        executed[step] = np.clip(wanted[step], box.lower_kw, box.upper_kw)
        correction = np.abs(executed[step] - wanted[step])
        if not (correction <= ROUNDING_KW).all():
            worst = int(np.argmax(correction))
            raise DispatchError(
                f"the solver's power of {problem.community.names[worst]} in step {step} is {correction[worst]:.3g} kW "
                f"outside what the battery can do (allowed {ROUNDING_KW:g} kW of rounding); please report this window."
            )
        energy = physics.rated_energy_after_kwh(problem.community, energy, executed[step])
        previous = executed[step]
    return executed


def net_export_kw(problem: Problem, asked: SetPoints) -> Vector:
    """Return (T, N) kW, + = export."""
    served = problem.demand_kw - asked.shed_kw
    net: Vector = physics.net_export(problem.pv_kw - asked.curtail_kw, served, asked.battery_kw)
    return net


def point_of(problem: Problem, model: DispatchProgram, asked: SetPoints) -> Vector:
    """Return (n,) the point of the program that set-points lead to: every other column follows from them."""
    community, (before, after) = problem.community, path_kwh(problem, asked.battery_kw)
    net, least = net_export_kw(problem, asked), community.energy_min_kwh
    flow = physics.line_flows(community.network, net)
    feeder = flow[:, int(np.argmin(community.network.parent))]
    used = np.zeros(problem.shape)
    used[1:] = after[:-1] - before[1:]
    month = np.zeros(int(problem.month[-1]) + 1)
    np.maximum.at(month, problem.month, -feeder)
    month[0] = max(month[0] - problem.initial_peak_kw, 0.0)
    values = {
        "charge": np.maximum(asked.battery_kw, 0.0),
        "discharge": np.maximum(-asked.battery_kw, 0.0),
        "curtail": asked.curtail_kw,
        "shed": asked.shed_kw,
        "stored": after,
        "below": np.maximum(problem.energy_min_kwh - after, 0.0),
        "above": np.maximum(after - problem.energy_max_kwh, 0.0),
        "used": used,
        "spared": problem.drive_kwh - used,
        "up": np.maximum(before - least, 0.0),
        "down": np.maximum(least - before, 0.0),
        "net": net,
        "flow": flow,
        "imports": np.maximum(-feeder, 0.0),
        "exports": np.maximum(feeder, 0.0),
        "outwards": np.maximum(net, 0.0),
        "peak": month,
        "missing": np.maximum(problem.required_kwh - after, 0.0),
    }
    if "slices" in model.blocks:
        values |= cycled_slices(problem, asked.battery_kw)[0]
    x = np.zeros(model.program.cost.size)
    for name, columns in model.blocks.items():
        there = columns != NONE
        x[columns[there]] = values[name][there]
    return x


def cost_of(problem: Problem, asked: SetPoints) -> float:
    """Return the cost of a window as `Economics` defines it, in currency, but for what line losses cost.

    By the simulator's own ledger: with a toll on trades the market is cleared as in the replay; without, everything
    that can be is matched and trades cost nothing, so the community pays what its feeder exchanges, as one customer.
    """
    community, economics = problem.community, problem.economics
    _, after = path_kwh(problem, asked.battery_kw)
    net = net_export_kw(problem, asked)
    feeder = net.sum(axis=1)
    trade, price = np.zeros(net.shape), np.full(len(net), np.nan)
    own = np.zeros(net.shape)
    own[:, 0] = feeder
    if (problem.toll > 0).any():
        retail, feed_in = problem.retail_price[:, None], problem.feed_in_price[:, None]
        fee, bids = economics.trade_fee_per_kwh, np.where(net > 0, feed_in, retail)
        cleared = clear_many(net, bids, feed_in_price=feed_in, retail_price=retail, fee=fee)
        trade, price, own = cleared.trade_kw, cleared.price, net
    worn = cycled_slices(problem, asked.battery_kw)[1] if economics.cycle_price_per_kwh > 0 else None
    flows = Flows(
        net_export_kw=own,
        battery_kw=asked.battery_kw,
        shed_kw=asked.shed_kw,
        trade_kw=trade,
        feeder_kw=feeder,
        loss_kw=np.zeros(len(net)),
        overload_kw=np.zeros(len(net)),
        worn_kwh=worn,
        missing_kwh=np.maximum(problem.required_kwh - after, 0.0),
        peak_rise_kw=_peak_rise_kw(problem, feeder),
    )
    prices = Prices(price, problem.retail_price, problem.feed_in_price, problem.carbon_kg_per_kwh)
    cost = ledger_of(community, economics, flows, prices).cost.sum()
    return float(cost) - problem.terminal_price * float((after[-1] - problem.initial_kwh).sum())


def _peak_rise_kw(problem: Problem, feeder: Vector) -> Vector:
    """Return (T,) kW by which each step raised the month's highest import."""
    highest, rise = problem.initial_peak_kw, np.zeros(feeder.size)
    for step, export in enumerate(feeder.tolist()):
        if step and problem.month[step] != problem.month[step - 1]:
            highest = 0.0
        rise[step] = max(-export - highest, 0.0)
        highest += rise[step]
    return rise
