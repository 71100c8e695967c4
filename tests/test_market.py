"""The double auction: its promises as properties, a plain-loop oracle, and books worked out by hand."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonomy.layers.errors import ModelError
from autonomy.market import clear

FEED_IN, RETAIL = 0.06, 0.40
QUANTUM = 1e-12

quantities = st.one_of(
    st.sampled_from([0.0, 1.0, -1.0, 2.0, -2.0, 0.1, -0.3]), st.floats(-50, 50), st.floats(-1e-9, 1e-9)
)
ROUNDING = 1e-12 + 1e-15
prices = st.one_of(
    st.sampled_from([0.0, 0.06, 0.1, 0.2, 0.3, 0.4, 1.0]), st.integers(-100_000, 600_000).map(lambda ticks: ticks / 1e6)
)
odd_prices = st.one_of(prices, st.floats(-0.1, 0.6))
orders = st.lists(st.tuples(quantities, prices), min_size=1, max_size=20)


def book(rows):
    return np.array([row[0] for row in rows]), np.array([row[1] for row in rows])


def most_that_trades(offer, limit):
    """Try every price in the book with exact arithmetic: the volume is the smaller of supply and demand there."""
    best = Fraction(0)
    for price in limit:
        supply = sum((Fraction(q) for q, p in zip(offer, limit, strict=True) if q > 0 and p <= price), Fraction(0))
        demand = sum((Fraction(-q) for q, p in zip(offer, limit, strict=True) if q < 0 and p >= price), Fraction(0))
        best = max(best, min(supply, demand))
    return float(best)


@given(orders, st.floats(0, 1))
def test_every_promise_of_the_auction_holds(rows, share):
    offer, bid = book(rows)
    outcome = clear(offer, bid, feed_in_price=FEED_IN, retail_price=RETAIL, share=share)
    trade, scale = outcome.trade_kw, np.abs(offer).max()
    assert math.fsum(trade) == 0.0
    assert np.all(trade * offer >= 0)
    assert np.all(np.abs(trade) <= np.abs(offer))
    assert outcome.traded_kw == math.fsum(np.maximum(trade, 0.0))
    limit = np.clip(bid, FEED_IN, RETAIL)
    assert outcome.traded_kw == pytest.approx(most_that_trades(offer, limit), abs=QUANTUM * scale)
    if not trade.any():
        assert math.isnan(outcome.price)
        return
    price = outcome.price
    assert FEED_IN <= price <= RETAIL
    for q, p, t in zip(offer, limit, trade, strict=True):
        wants = p < price if q > 0 else p > price
        refuses = p > price if q > 0 else p < price
        if q and wants:
            assert abs(t - q) <= QUANTUM * scale, "orders better than the price are served in full"
        if q and refuses:
            assert t == 0.0, "nobody trades at a price worse than the bid"


@given(orders)
def test_the_price_interval_is_the_one_between_accepted_and_rejected_orders(rows):
    offer, bid = book(rows)
    low, high = (clear(offer, bid, feed_in_price=FEED_IN, retail_price=RETAIL, share=share) for share in (0.0, 1.0))
    if not low.trade_kw.any():
        return
    limit, scale = np.clip(bid, FEED_IN, RETAIL), np.abs(offer).max()
    lower, upper = [], []
    for q, p, t in zip(offer, limit, low.trade_kw, strict=True):
        cut = abs(q - t) > QUANTUM * scale
        if q > 0 and t > 0:
            lower.append(p)
        if q < 0 and t < 0:
            upper.append(p)
        if q < 0 and cut:
            lower.append(p)
        if q > 0 and cut:
            upper.append(p)
    # Offers of less than a quantum can neither be served nor missed, so only offers that count are compared.
    if np.all((np.abs(offer) > 1e-6 * scale) | (offer == 0.0)) and np.all(
        np.abs(low.trade_kw[low.trade_kw != 0]) > 1e-9
    ):
        assert low.price == max(lower)
        assert high.price == min(upper)
    assert low.price <= high.price


@given(orders)
def test_orders_tied_at_the_margin_are_cut_in_the_same_proportion(rows):
    offer, bid = book(rows)
    trade = clear(offer, bid, feed_in_price=FEED_IN, retail_price=RETAIL).trade_kw
    limit, scale = np.clip(bid, FEED_IN, RETAIL), np.abs(offer).max()
    for i in range(len(rows)):
        for j in range(i):
            if limit[i] == limit[j] and offer[i] * offer[j] > 0:
                assert abs(trade[i] * offer[j] - trade[j] * offer[i]) <= QUANTUM * scale * max(scale, 1.0)


@given(orders, st.randoms(use_true_random=False))
def test_the_order_of_the_prosumers_does_not_matter(rows, random):
    offer, bid = book(rows)
    order = list(range(len(rows)))
    random.shuffle(order)
    plain = clear(offer, bid, feed_in_price=FEED_IN, retail_price=RETAIL)
    mixed = clear(offer[order], bid[order], feed_in_price=FEED_IN, retail_price=RETAIL)
    np.testing.assert_equal(mixed.price, plain.price)
    assert mixed.traded_kw == plain.traded_kw
    if len({(q, min(max(p, FEED_IN), RETAIL)) for q, p in rows}) == len(rows):
        np.testing.assert_array_equal(mixed.trade_kw, plain.trade_kw[order])
    else:  # one quantum that cannot be split between identical orders goes to one of them
        np.testing.assert_allclose(mixed.trade_kw, plain.trade_kw[order], rtol=0, atol=QUANTUM * np.abs(offer).max())


@given(st.lists(st.tuples(quantities, odd_prices, odd_prices, odd_prices), min_size=1, max_size=12), st.floats(0, 1))
def test_with_different_tariffs_nobody_trades_outside_the_own_tariff(rows, share):
    offer, bid = book(rows)
    tariff = np.sort(np.array([row[2:] for row in rows]), axis=1)
    outcome = clear(offer, bid, feed_in_price=tariff[:, 0], retail_price=tariff[:, 1], share=share)
    limit = np.clip(bid, tariff[:, 0], tariff[:, 1])
    assert math.fsum(outcome.trade_kw) == 0.0
    for i in np.flatnonzero(outcome.trade_kw):
        assert tariff[i, 0] - ROUNDING <= outcome.price <= tariff[i, 1] + ROUNDING
        assert limit[i] <= outcome.price + ROUNDING if offer[i] > 0 else outcome.price <= limit[i] + ROUNDING


def test_one_seller_and_one_buyer_split_the_difference():
    outcome = clear(np.array([3.0, -2.0]), np.array([0.10, 0.30]), feed_in_price=FEED_IN, retail_price=RETAIL)
    # The seller is on the long side (1 kW is left), so its ask is the price.
    assert outcome.price == 0.10
    np.testing.assert_array_equal(outcome.trade_kw, [2.0, -2.0])
    even = clear(np.array([2.0, -2.0]), np.array([0.10, 0.30]), feed_in_price=FEED_IN, retail_price=RETAIL, share=0.25)
    assert even.price == pytest.approx(0.15)


def test_rejected_orders_narrow_the_price_interval():
    offer = np.array([1.0, 1.0, -1.0, -1.0])
    bid = np.array([0.10, 0.25, 0.30, 0.20])  # the second seller and the second buyer do not meet
    low, high = (clear(offer, bid, feed_in_price=FEED_IN, retail_price=RETAIL, share=k) for k in (0.0, 1.0))
    np.testing.assert_array_equal(low.trade_kw, [1.0, 0.0, -1.0, 0.0])
    assert (low.price, high.price) == (0.20, 0.25)


def test_the_long_side_is_served_in_proportion_at_the_marginal_price():
    outcome = clear(
        np.array([1.0, 2.0, 4.0, -4.0]), np.array([0.10, 0.20, 0.20, 0.30]), feed_in_price=FEED_IN, retail_price=RETAIL
    )
    np.testing.assert_allclose(outcome.trade_kw, [1.0, 1.0, 2.0, -4.0], rtol=1e-12)
    assert outcome.price == 0.20


def test_three_equal_sellers_share_what_does_not_divide_and_the_books_still_balance_exactly():
    outcome = clear(np.array([1.0, 1.0, 1.0, -1.0]), np.full(4, 0.2), feed_in_price=FEED_IN, retail_price=RETAIL)
    np.testing.assert_allclose(outcome.trade_kw, [1 / 3, 1 / 3, 1 / 3, -1.0], rtol=1e-12)
    assert outcome.trade_kw.sum() == 0.0


@pytest.mark.parametrize("offer", [[1.0, 2.0], [-1.0, -2.0], [0.0, 0.0], [0.0, -1.0]])
def test_a_one_sided_book_trades_nothing(offer):
    outcome = clear(np.array(offer), np.array([0.1, 0.3]), feed_in_price=FEED_IN, retail_price=RETAIL)
    assert not outcome.trade_kw.any()
    assert math.isnan(outcome.price)
    assert outcome.traded_kw == 0.0


def test_books_that_do_not_cross_trade_nothing():
    outcome = clear(np.array([1.0, -1.0]), np.array([0.3, 0.2]), feed_in_price=FEED_IN, retail_price=RETAIL)
    assert not outcome.trade_kw.any()


def test_a_lucky_seller_with_a_cheap_tariff_is_kept_inside_it():
    outcome = clear(
        np.array([1.0, 1.0, -2.0]),
        np.array([0.10, 0.15, 0.40]),
        feed_in_price=0.05,
        retail_price=np.array([0.20, 0.50, 0.50]),
        share=1.0,
    )
    assert outcome.price == 0.20


def test_bids_outside_the_tariff_are_clipped_to_it():
    outcome = clear(np.array([1.0, -1.0]), np.array([-5.0, 9.0]), feed_in_price=FEED_IN, retail_price=RETAIL, share=0.0)
    assert outcome.price == FEED_IN


@pytest.mark.parametrize("scale", [5e-324, 1e-300, 1e-6, 1e9, 1e300])
def test_offers_of_any_size_balance(scale):
    offer = np.array([3.0, 1.0, -2.0, -1.0]) * scale
    outcome = clear(offer, np.array([0.1, 0.2, 0.3, 0.3]), feed_in_price=FEED_IN, retail_price=RETAIL)
    assert outcome.trade_kw.sum() == 0.0
    np.testing.assert_allclose(outcome.trade_kw, np.array([3.0, 0.0, -2.0, -1.0]) * scale, rtol=1e-12)


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("offer_kw", {"offer_kw": np.array([np.nan, 1.0])}),
        ("price_bid", {"price_bid": np.array([0.1, np.inf])}),
        ("price_bid", {"price_bid": np.array([0.1])}),
        ("feed_in_price", {"feed_in_price": np.nan}),
        ("retail_price", {"retail_price": np.array([0.4, -np.inf])}),
        ("feed_in_price", {"feed_in_price": 0.5}),
        ("share", {"share": 1.5}),
        ("share", {"share": np.nan}),
    ],
)
def test_numbers_the_auction_cannot_use_are_named(field, change):
    good = {
        "offer_kw": np.array([1.0, -1.0]),
        "price_bid": np.array([0.1, 0.3]),
        "feed_in_price": FEED_IN,
        "retail_price": RETAIL,
        "share": 0.5,
    }
    with pytest.raises(ModelError, match=field):
        clear(**(good | change))
