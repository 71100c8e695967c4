"""From the network's five numbers a prosumer to its battery power, its trade and its bid.

With S the community's surplus Σ (g − d), and room and store the energies that a battery could still take and give:

    match       what the community's surplus or deficit asks of the batteries:  min(S⁺, Σ bhi), or −min(S⁻, Σ −blo)
    fill        all the charge that the feeder bears:                           min(Σ bhi, (S + Limp)⁺)
    empty       all the discharge that it bears:                                −min(Σ −blo, (Lexp − S)⁺)

are shared in proportion to room, or to store, so that all batteries are full, or empty, at the same time. The gates
u, c, d in (0, 1), logistic functions of the network's outputs, choose between them:

    b̂ = (1 − c)(1 − d)·u·match + c(1 − d)·fill + d(1 − c)·empty

so u = 1, c = d = 0 is self-consumption, and every corner is an action that may be wanted exactly: nothing at all,
nothing across the feeder, a battery filled from the grid. The fourth gate is the share of what is left that is offered
to the other prosumers, the fifth, g, the price: the share of what a kWh gains when it is traded that goes to the
seller,

    ask = feed-in + g·room      bid = feed-in + fee + g·room      room = retail − feed-in − fee

Buyers pay the fee on top, so an ask and a bid of the same g meet. What a gate says is an intent, no more: Layers 2 and
3 keep the limits.

The formulas are written once for NumPy and for torch: `xp` is either module.
"""

from __future__ import annotations

from typing import Any, NamedTuple

OUTPUTS = 5
MATCH, FILL, EMPTY, TRADE, PRICE = range(OUTPUTS)
TINY_KWH = 1e-9
"""kWh beside a sum that may be 0."""


class Reach(NamedTuple):
    """What batteries can do in a step; (*R, N) each.

    Attributes:
        charge_kw: kW, bhi >= 0.
        discharge_kw: kW, −blo >= 0.
        room_kw: kW that would fill the battery in the step, whatever its rate.
        store_kw: kW that would empty it.
    """

    charge_kw: Any
    discharge_kw: Any
    room_kw: Any
    store_kw: Any


def reach_of(xp: Any, energy_kwh: Any, battery: Any) -> Reach:
    """Return what batteries can do, given (*R, N) kWh; `battery` has the fields of `Battery`."""
    room = xp.clip(battery.most_kwh - energy_kwh, 0.0, None) / (battery.hours * battery.charge_efficiency)
    store = xp.clip(energy_kwh - battery.least_kwh, 0.0, None) * battery.discharge_efficiency / battery.hours
    return Reach(xp.minimum(battery.charge_limit_kw, room), xp.minimum(battery.discharge_limit_kw, store), room, store)


class Battery(NamedTuple):
    """The batteries of N prosumers as arrays, or tensors, of one number each.

    Attributes:
        least_kwh: (N,) kWh.
        most_kwh: (N,) kWh.
        charge_limit_kw: (N,) kW.
        discharge_limit_kw: (N,) kW.
        charge_efficiency: (N,) one-way.
        discharge_efficiency: (N,) one-way.
        hours: Hours of a step.
    """

    least_kwh: Any
    most_kwh: Any
    charge_limit_kw: Any
    discharge_limit_kw: Any
    charge_efficiency: Any
    discharge_efficiency: Any
    hours: float


def intent_kw(xp: Any, gates: Any, reach: Reach, surplus_kw: Any, import_kw: Any, export_kw: Any) -> Any:
    """Return (*R, N) kW b̂, + = charge.

    Args:
        xp: `numpy` or `torch`.
        gates: (*R, N, 3 or more) in 0..1, in the order of `MATCH`, `FILL`, `EMPTY`.
        reach: What the batteries can do.
        surplus_kw: (*R, 1) kW, generation less demand of the community.
        import_kw: kW that the feeder brings.
        export_kw: kW that it takes.
    """
    room = reach.room_kw / (reach.room_kw.sum(-1)[..., None] + TINY_KWH)
    store = reach.store_kw / (reach.store_kw.sum(-1)[..., None] + TINY_KWH)

    def charged(total_kw: Any) -> Any:
        return xp.minimum(xp.clip(total_kw, 0.0, None) * room, reach.charge_kw)

    def discharged(total_kw: Any) -> Any:
        return xp.minimum(xp.clip(total_kw, 0.0, None) * store, reach.discharge_kw)

    match = charged(surplus_kw) - discharged(-surplus_kw)
    fill, empty = charged(surplus_kw + import_kw), -discharged(export_kw - surplus_kw)
    u, c, d = gates[..., MATCH], gates[..., FILL], gates[..., EMPTY]
    return (1 - c) * (1 - d) * u * match + c * (1 - d) * fill + d * (1 - c) * empty


def bid_price(xp: Any, gate: Any, feed_in: Any, retail: Any, fee: float, buys: Any) -> Any:
    """Return currency/kWh that is asked or bid, between feed-in and retail; all arguments broadcast.

    Args:
        xp: `numpy` or `torch`.
        gate: 0..1, the gate of `PRICE`.
        feed_in: Currency/kWh.
        retail: Currency/kWh, at least feed-in.
        fee: Currency/kWh traded, paid by buyers on top of the price; more than retail less feed-in is as much as that.
        buys: Whether it is a buyer's bid.
    """
    between = retail - feed_in
    charged = xp.clip(between, None, fee)
    return feed_in + gate * (between - charged) + xp.where(buys, charged, 0.0)
