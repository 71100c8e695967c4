"""What trades in kW cost in whole micro-currency."""

from __future__ import annotations

import math

import numpy as np

from autonomy.layers.arrays import ArrayLike, Index, Vector
from autonomy.layers.errors import ModelError
from autonomy.market.ticks import fee_in_ticks, in_ticks
from autonomy.market.whole import round_off
from autonomy.solvers.auction import LARGEST_TURNOVER, MANY, ROUNDING, TICKS, load_auction


def payments(
    trade_kw: Vector,
    price: ArrayLike,
    *,
    retail_price: ArrayLike,
    feed_in_price: ArrayLike,
    timestep_h: float,
    fee: float = 0.0,
) -> Index:
    """Return what each pays (+) or gets (−) for its trade in whole micro-currency.

        exact payment = −trade·dt·(price, for buyers + fee)       each is rounded so that a step sums to
        sum of a step = ⌊fee·dt·traded⌋                           exactly 0 without a fee

    Whoever sells gets at least the feed-in price for it, whoever buys pays at most the retail price, fee included, to
    the whole micro-currency; unless there are no whole payments like that (in trades worth about a micro-currency a
    trader): then nobody is off by a whole one. See `autonomy.market.whole.round_off`.

    Args:
        trade_kw: (..., N) kW, + = sold; the last axis is one market, and sums to 0.
        price: Currency/kWh that sellers get; broadcasts. Any number, NaN too, where nothing trades.
        retail_price: Currency/kWh; broadcasts.
        feed_in_price: Currency/kWh; broadcasts.
        timestep_h: Hours.
        fee: Currency/kWh that buyers pay on top, rounded up to a micro-currency.

    Raises:
        ModelError: a number is not finite where something trades, or what is paid and got in a step exceeds 2^41
            micro-currency, up to which the rounding of floats is no matter.
    """
    trade = np.asarray(trade_kw, dtype=np.float64)
    rows = trade.reshape(-1, trade.shape[-1])
    cost, low, high = (_rows(x, trade.shape, rows.shape) for x in (price, feed_in_price, retail_price))
    ticks, payment = fee_in_ticks(fee), np.zeros(rows.shape, dtype=np.int64)
    code, count = load_auction(), 0
    if code is not None and rows.shape[1] <= MANY:
        whole, real = code.money_room
        room, real_room = np.empty((whole, rows.shape[1]), dtype=np.int64), np.empty((real, rows.shape[1]))
        count = code.pay_rows(rows, cost, low, high, float(ticks), timestep_h, payment, room, real_room)
    for row in range(count, rows.shape[0]):
        payment[row] = _pay_slowly(rows[row], cost[row], low[row], high[row], ticks, timestep_h)
    return payment.reshape(trade.shape)


def _rows(values: ArrayLike, shape: tuple[int, ...], rows: tuple[int, int]) -> Vector:
    """Return values for every trade, without a copy for a row or a column of them."""
    array = np.asarray(values, dtype=np.float64)
    if array.shape == rows:
        return array
    spread = np.broadcast_to(array, shape)
    return spread if spread.ndim == 2 else spread.reshape(rows)


def _pay_slowly(trade: Vector, price: Vector, low: Vector, high: Vector, fee: int, timestep_h: float) -> Index:
    """Return the payments of one step, without machine code."""
    trades = trade != 0.0
    bought = np.where(trades, -trade * timestep_h, 0.0)
    buys = bought > 0.0
    cost, limit = np.where(trades, price, 0.0), np.where(trades, np.where(buys, high, low), 0.0)
    for name, values in (("trade_kw", bought), ("price", cost), ("tariff", limit)):
        if not np.isfinite(values).all():
            raise ModelError(name, values.tolist(), "finite numbers wherever trade_kw is not 0")
    exact = bought * (in_ticks(cost) + np.where(buys, float(fee), 0.0))
    most = np.floor(bought * in_ticks(limit))
    turnover = float(np.abs(exact).sum())
    if not turnover <= LARGEST_TURNOVER:
        raise ModelError("trade_kw", turnover / TICKS, f"payments of at most {LARGEST_TURNOVER / TICKS:.3g} currency")
    # Sums of trades are exact in any order, so without a fee all payments sum to exactly 0.
    fees = fee * (float(np.maximum(-trade, 0.0).sum()) * timestep_h)
    total = fees if trade.sum() == 0.0 else float(exact.sum())
    whole = np.floor(exact)
    slack = np.minimum(np.maximum(most - whole, 0.0), float(trade.size)).astype(np.int64)
    extra = math.floor(total + ROUNDING) - int(whole.sum())
    return round_off(whole.astype(np.int64), whole - exact, slack, -trade, extra)
