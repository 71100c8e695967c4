"""Who pays what for one step: trades at the clearing price, the rest with the grid.

Net export n, trade t and grid exchange x = n − t are kW, + = out of the prosumer; prices are currency/kWh. Every
function works on one step (N,) as well as on a whole window (T, N); prices then need the shape (T, 1).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autonomy.layers.arrays import ArrayLike, Vector
from autonomy.market import payments
from autonomy.solvers.auction import TICKS


def grid_exchange_kw(net_export_kw: Vector, trade_kw: Vector) -> Vector:
    """Return x = n − t, what each prosumer exchanges with the grid in kW, + = export."""
    return net_export_kw - trade_kw


def bills(
    net_export_kw: Vector,
    trade_kw: Vector,
    price: ArrayLike,
    *,
    retail_price: ArrayLike,
    feed_in_price: ArrayLike,
    timestep_h: float,
    fee: float = 0.0,
) -> Vector:
    """Return what each prosumer pays in currency (negative: receives).

        bill = dt·(retail·max(−x, 0) − feed-in·max(x, 0)) + payment          x = n − t
        payment = −dt·price·t, for buyers dt·(price + fee)·|t|, in whole micro-currency

    With t between 0 and n, Σ t = 0 and feed-in <= price <= price + fee <= retail, nobody's bill exceeds what the same
    flows cost without trade: a kWh sold earns at least the feed-in price, a kWh bought costs at most the retail price.
    The payments of a step sum to exactly the fees, rounded down to a micro-currency: `autonomy.market.payments`.

    Args:
        net_export_kw: kW, + = export; the last axis is the prosumers of one market.
        trade_kw: kW cleared by the market, + = sold.
        price: Currency/kWh of the trades; NaN where nothing is traded.
        retail_price: Currency/kWh of imports.
        feed_in_price: Currency/kWh of exports.
        timestep_h: Hours.
        fee: Currency/kWh that buyers pay on top of the price.

    Raises:
        ModelError: something is traded at a price that is not a number, or for more than 2.1e6 currency in a step.
    """
    tariff: Any = {"retail_price": retail_price, "feed_in_price": feed_in_price, "timestep_h": timestep_h}
    grid = grid_exchange_kw(net_export_kw, trade_kw)
    bill: Vector = grid_cost(grid, **tariff) + trade_cost(trade_kw, price, fee=fee, **tariff)
    return bill


def trade_cost(
    trade_kw: Vector,
    price: ArrayLike,
    *,
    retail_price: ArrayLike,
    feed_in_price: ArrayLike,
    timestep_h: float,
    fee: float = 0.0,
) -> Vector:
    """Return what each prosumer pays for its trade in currency, whole micro-currency; arguments as in `bills`."""
    rows = trade_kw.reshape(-1, trade_kw.shape[-1])
    # Prices written out for every trade, which costs less than to broadcast them.
    written: list[Vector] = []
    for values in (price, retail_price, feed_in_price):
        each = np.empty(trade_kw.shape)
        each[...] = values
        written.append(each.reshape(rows.shape))
    paid = payments(rows, written[0], retail_price=written[1], feed_in_price=written[2], timestep_h=timestep_h, fee=fee)
    return paid.reshape(trade_kw.shape) / TICKS


def grid_cost(grid_kw: Vector, *, retail_price: ArrayLike, feed_in_price: ArrayLike, timestep_h: float) -> Vector:
    """Return dt·(retail·max(−x, 0) − feed-in·max(x, 0)) in currency for a grid exchange x in kW, + = export."""
    imported, exported = np.maximum(-grid_kw, 0.0), np.maximum(grid_kw, 0.0)
    cost: Vector = timestep_h * (np.asarray(retail_price) * imported - np.asarray(feed_in_price) * exported)
    return cost


def loss_cost(
    loss_kw: ArrayLike,
    community_export_kw: ArrayLike,
    *,
    retail_price: ArrayLike,
    feed_in_price: ArrayLike,
    timestep_h: float,
) -> Vector:
    """Return what the line losses of the community cost in currency; they are paid at the feeder, not by one home.

        cost = dt·(feed-in·a + retail·(loss − a))        a = min(loss, max(Σ n, 0))

    Losses first eat what would have been exported, at the feed-in price, and are imported beyond that, at the retail
    price. So they are priced at feed-in while the community exports and at retail while it imports, and what the
    feeder meter bills is exactly what Σ n would have cost plus this.

    Args:
        loss_kw: kW >= 0.
        community_export_kw: kW, Σ n before losses, + = export.
        retail_price: Currency/kWh.
        feed_in_price: Currency/kWh.
        timestep_h: Hours.
    """
    loss = np.asarray(loss_kw, dtype=np.float64)
    not_exported = np.minimum(loss, np.maximum(community_export_kw, 0.0))
    feed_in, retail = np.asarray(feed_in_price), np.asarray(retail_price)
    cost: Vector = timestep_h * (feed_in * not_exported + retail * (loss - not_exported))
    return cost
