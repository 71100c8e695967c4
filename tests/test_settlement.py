"""Bills: worked by hand, and nobody pays more for having traded."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonomy.layers.errors import ModelError
from autonomy.settlement import bills, grid_cost, grid_exchange_kw, loss_cost

DT, MICRO = 0.25, 1e-6
powers = st.lists(st.floats(-20, 20).map(lambda power: round(power, 3)), min_size=1, max_size=8)
tariffs = st.tuples(st.floats(-0.1, 0.5), st.floats(-0.1, 0.5)).map(sorted)


def settle(net_export_kw, trade_kw, price, tariff):
    return bills(net_export_kw, trade_kw, price, retail_price=tariff[1], feed_in_price=tariff[0], timestep_h=DT)


def test_a_seller_and_a_buyer_by_hand():
    net, trade = np.array([3.0, -2.0]), np.array([1.0, -1.0])
    np.testing.assert_array_equal(grid_exchange_kw(net, trade), [2.0, -1.0])
    # Seller: 2 kW at 0.06 and 1 kW at 0.20, a quarter of an hour; buyer: 1 kW at 0.40 and 1 kW at 0.20.
    np.testing.assert_allclose(settle(net, trade, 0.20, (0.06, 0.40)), [-0.25 * 0.32, 0.25 * 0.60], rtol=1e-15)


def test_without_trade_the_price_may_be_missing():
    np.testing.assert_allclose(settle(np.array([-4.0, 0.0]), np.zeros(2), np.nan, (0.06, 0.40)), [0.4, 0.0])


def test_a_trade_without_a_price_is_refused():
    with pytest.raises(ModelError, match="price"):
        settle(np.array([1.0, -1.0]), np.array([1.0, -1.0]), np.nan, (0.06, 0.40))


def balanced(net):
    """Return trades of what meets inside a community, everybody in proportion."""
    net = np.array(net)
    sold, bought = np.maximum(net, 0.0).sum(), np.maximum(-net, 0.0).sum()
    met = min(sold, bought)
    return np.where(net > 0, net * (met / (sold or 1.0)), net * (met / (bought or 1.0)))


@given(powers, tariffs, st.floats(0, 1))
def test_nobody_pays_more_than_without_trade(net, tariff, share):
    trade = balanced(net)
    price = tariff[0] + share * (tariff[1] - tariff[0])
    alone = settle(np.array(net), np.zeros(len(net)), np.nan, tariff)
    # A payment is a whole micro-currency, which may be all there is to gain from a trade of a few Wh.
    worst = 0.0 if (tariff[1] - tariff[0]) * DT * np.abs(trade).sum() > 1e-5 * len(net) else MICRO
    assert np.all(settle(np.array(net), trade, price, tariff) <= alone + worst + 1e-12)


@given(powers, tariffs)
def test_bills_equal_a_plain_loop_over_prosumers_to_whole_payments(net, tariff):
    price = sum(tariff) / 2
    trade = balanced(net)
    bill = settle(np.array(net), trade, price, tariff)
    expected, grid = [], []
    for n, t in zip(net, trade, strict=True):
        x = n - t
        grid.append(DT * (tariff[1] * -x if x < 0 else -tariff[0] * x))
        expected.append(grid[-1] - DT * price * t)
    np.testing.assert_allclose(bill, expected, atol=(len(net) + 1e-3) * MICRO)
    assert bill.sum() == pytest.approx(sum(grid), abs=1e-9)


def test_a_whole_window_settles_like_its_steps():
    rng = np.random.default_rng(1)
    net = rng.normal(size=(5, 3))
    trade = np.where(np.arange(5)[:, None] == 2, 0.0, net / 3)
    price = np.array([0.1, 0.2, np.nan, 0.3, 0.2])
    window = bills(
        net,
        trade,
        price[:, None],
        retail_price=np.full((5, 1), 0.4),
        feed_in_price=np.full((5, 1), 0.06),
        timestep_h=DT,
    )
    for step in range(5):
        np.testing.assert_allclose(window[step], settle(net[step], trade[step], price[step], (0.06, 0.40)), atol=1e-15)


def test_losses_cost_the_retail_price_while_importing_and_the_feed_in_price_while_exporting():
    cost = loss_cost([2.0, 2.0, 2.0], [-5.0, 5.0, 1.5], retail_price=0.4, feed_in_price=0.1, timestep_h=DT)
    np.testing.assert_allclose(cost, [0.25 * 0.8, 0.25 * 0.2, 0.25 * (0.15 + 0.2)], rtol=1e-15)


@given(st.floats(0, 10), st.floats(-20, 20), tariffs)
def test_the_feeder_meter_bills_the_community_plus_its_losses(loss, export, tariff):
    tariff = {"feed_in_price": tariff[0], "retail_price": tariff[1], "timestep_h": DT}
    metered = grid_cost(np.array(export - loss), **tariff)
    before = grid_cost(np.array(export), **tariff)
    assert loss_cost(loss, export, **tariff) == pytest.approx(metered - before, abs=1e-12)
