"""What a prosumer is paid while it learns: its effect on the community's cost, and the change of a potential.

Difference reward [Wolpert2001]. With G the cost of a step, what prosumer i's battery did is worth what the step would
have cost had that battery been idle, and all others done what they did, less what it cost:

    D_i = G(b with b_i = 0) − G(b)

Whatever it does instead changes D_i by exactly what it changes −G: who improves D_i improves the community. Behind one
feeder without losses, S the community's surplus, everything that is left being matched at home, G hangs on Σ b alone
but for wear:

    G(b) = g(S − Σ b) + dt·wear·Σ |b|
    g(x) = dt·( (retail + carbon price·intensity)·min(x⁻, Limp) − feed-in·min(x⁺, Lexp) + lost load·(x⁻ − Limp)⁺ )

with curtailment beyond Lexp free and load shed beyond Limp. So D_i = g(S − Σ b + b_i) − g(S − Σ b) − dt·wear·|b_i|,
which is exact for the set-points that were executed, as long as no connection limit binds.

Others stand in. Had i's battery been idle while the feeder was full, Layer 2 would have asked the others before load
was shed. So what they could still have given counts with the price of stored energy, and only the rest of what is
beyond Limp with that of lost load. Without this everybody is paid for all the load that is kept, in a few hours ten
times as much as in all others, and little else is learned.

Potential [Ng1999]. With Φ = price·stored energy, γ·Φ(s') − Φ(s) is added. Along a trajectory it sums to
γᵀ·Φ(s_T) − Φ(s_0), so it changes no policy's rank; it says at once what stored energy is worth later.

Intervention. What Layer 2 changed of an intent did not come from it; two intents with one effect look alike (action
aliasing). So kW that were changed cost a little.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from autonomy.economics import Economics
from autonomy.layers.arrays import Vector
from autonomy.layers.community import Community
from autonomy.layers.errors import ModelError


@dataclass(frozen=True, kw_only=True, slots=True)
class Feeder:
    """One feeder and the prices behind it.

    Attributes:
        import_kw: kW, Limp.
        export_kw: kW, Lexp.
        hours: Of a step.
        economics: Prices that are not tariffs, and the weights of the reward's parts.
        stored_price: Currency/kWh of what others give instead.
    """

    import_kw: float
    export_kw: float
    hours: float
    economics: Economics
    stored_price: float


class Moment(NamedTuple):
    """A step of B communities of N prosumers.

    Attributes:
        surplus_kw: (B,) kW, available generation less demand.
        battery_kw: (B, N) kW executed, + = charge.
        wanted_kw: (B, N) kW of the intents, within the batteries' power.
        retail: (B,) currency/kWh.
        feed_in: (B,) currency/kWh.
        carbon_kg_per_kwh: (B,)
        spare_kw: (B, N) kW that each battery could have given beyond what it did.
    """

    surplus_kw: Vector
    battery_kw: Vector
    wanted_kw: Vector
    retail: Vector
    feed_in: Vector
    carbon_kg_per_kwh: Vector
    spare_kw: Vector


def feeder_of(community: Community, economics: Economics, stored_price: float) -> Feeder:
    """Return the feeder of a community, and currency/kWh of stored energy.

    Raises:
        ModelError: it has more lines than the feeder, or losses; or a price hangs on more than the step.
    """
    network = community.network
    if network.n_lines != 1 or not network.is_lossless:
        raise ModelError("network", f"{network.n_lines} lines", "one feeder without losses: rewards are exact for it")
    for name in ("cycle_price_per_kwh", "capacity_price_per_kw", "trade_fee_per_kwh"):
        if getattr(economics, name) > 0:
            raise ModelError(name, getattr(economics, name), "0: a difference reward knows nothing of it")
    return Feeder(
        import_kw=float(network.import_limit_kw[0]),
        export_kw=float(network.export_limit_kw[0]),
        hours=community.timestep_h,
        economics=economics,
        stored_price=stored_price,
    )


def difference(feeder: Feeder, moment: Moment) -> Vector:
    """Return (B, N) currency, D_i of each prosumer, each part by its weight in `Economics`."""
    prices, own = feeder.economics, moment.battery_kw
    left = (moment.surplus_kw - own.sum(axis=1))[:, None]
    wished = (moment.surplus_kw - moment.wanted_kw.sum(axis=1))[:, None]
    others = moment.spare_kw.sum(axis=1)[:, None] - moment.spare_kw
    saved = _cost(feeder, moment, left + own, others) - _cost(feeder, moment, left, 0.0)
    overload = _overload_kw(feeder, wished + moment.wanted_kw) - _overload_kw(feeder, wished)
    worn = prices.wear_weight * prices.wear_per_kwh * np.abs(own)
    penalty = prices.overload_weight * prices.overload_penalty_per_kwh * overload
    total: Vector = saved + feeder.hours * (penalty - worn)
    return total


def changed_kw(moment: Moment) -> Vector:
    """Return (B, N) kW that Layer 2 changed of each intent."""
    return np.abs(moment.battery_kw - moment.wanted_kw)


def shaping(before: Vector, after: Vector, discount: float) -> Vector:
    """Return γ·Φ(s') − Φ(s)."""
    gained: Vector = discount * after - before
    return gained


def spare_kw(energy_kwh: Vector, battery_kw: Vector, community: Community) -> Vector:
    """Return (B, N) kW that each battery could have given beyond what it did, min(P⁻, (e − emin)·ed/dt) + b.

    Args:
        energy_kwh: (B, N) kWh, e, before the step.
        battery_kw: (B, N) kW, b, executed, + = charge.
        community: Of the batteries.
    """
    stored = np.maximum(energy_kwh - community.energy_min_kwh, 0.0) * community.discharge_efficiency
    most: Vector = np.minimum(community.discharge_limit_kw, stored / community.timestep_h)
    spare: Vector = np.maximum(most + battery_kw, 0.0)
    return spare


def _cost(feeder: Feeder, moment: Moment, left_kw: Vector, others_kw: Vector | float) -> Vector:
    """Return g(x) for (B, N) kW of net export before it is limited, currency, with kW that others can give instead."""
    prices = feeder.economics
    dear = prices.energy_weight * moment.retail
    dear = (dear + prices.carbon_weight * prices.carbon_price_per_kg * moment.carbon_kg_per_kwh)[:, None]
    earned = prices.energy_weight * moment.feed_in[:, None]
    lost = prices.shed_weight * prices.value_of_lost_load_per_kwh
    short, over = np.maximum(-left_kw, 0.0), np.maximum(left_kw, 0.0)
    imports, exports = np.minimum(short, feeder.import_kw), np.minimum(over, feeder.export_kw)
    instead = np.minimum(short - imports, others_kw)
    beyond = lost * (short - imports - instead) + prices.energy_weight * feeder.stored_price * instead
    cost: Vector = feeder.hours * (dear * imports - earned * exports + beyond)
    return cost


def _overload_kw(feeder: Feeder, left_kw: Vector) -> Vector:
    over: Vector = np.maximum(left_kw - feeder.export_kw, 0.0) + np.maximum(-feeder.import_kw - left_kw, 0.0)
    return over
