"""Many markets at once in kW and currency: each is what it is alone, in machine code and in NumPy."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy import Scenario
from autonomy.layers.errors import ModelError
from autonomy.market import Rule, clear, clear_many, clearing, payment, payments
from autonomy.settlement import bills
from autonomy.solvers import auction
from autonomy.solvers.auction import load_auction

DT, MICRO = 0.25, 1e-6
RULES = st.sampled_from(list(Rule))
FEES = st.sampled_from([0.0, 0.0, 0.01, 0.0123456, 0.3])
offers = st.one_of(st.sampled_from([0.0, 1.0, -1.0, 2.5, -0.3]), st.floats(-50, 50), st.floats(-1e-9, 1e-9))
prices = st.one_of(st.sampled_from([0.0, 0.06, 0.1, 0.29, 0.4, 1.0]), st.floats(-0.1, 0.6))


@st.composite
def markets(draw: st.DrawFn) -> dict[str, Any]:
    """Return what `clear_many` takes of B markets: one tariff for all, one a market, or one an order."""
    shape = draw(st.integers(0, 4)), draw(st.integers(1, 9))

    def table(values: st.SearchStrategy[float], shape: tuple[int, ...] = shape) -> Any:
        size = math.prod(shape)
        return np.array(draw(st.lists(values, min_size=size, max_size=size))).reshape(shape)

    tariff_shape = draw(st.sampled_from([(), (shape[0], 1), shape[1:], shape]))
    one, other = table(prices, tariff_shape), table(prices, tariff_shape)
    scale = draw(st.sampled_from([1.0, 1.0, 1e-310, 1e300]))
    return {
        "offer_kw": table(offers) * scale,
        "price_bid": table(prices),
        "feed_in_price": np.minimum(one, other),
        "retail_price": np.maximum(one, other),
        "share": draw(st.floats(0, 1)),
        "fee": draw(FEES),
        "rule": draw(RULES),
    }


def row_of(market: dict[str, Any], row: int) -> dict[str, Any]:
    shape = market["offer_kw"].shape
    arrays = ("offer_kw", "price_bid", "feed_in_price", "retail_price")
    return market | {name: np.broadcast_to(market[name], shape)[row] for name in arrays}


@given(markets())
@settings(max_examples=200)
def test_every_row_is_what_it_is_alone_bit_for_bit(market: dict[str, Any]) -> None:
    many = clear_many(**market)
    for row in range(market["offer_kw"].shape[0]):
        alone = clear(**row_of(market, row))
        np.testing.assert_array_equal(many.trade_kw[row], alone.trade_kw)
        np.testing.assert_array_equal(many.price[row], alone.price)
        np.testing.assert_array_equal(many.buyer_price[row], alone.buyer_price)
        assert many.traded_kw[row] == alone.traded_kw


@given(markets())
@settings(max_examples=200)
def test_numpy_and_machine_code_clear_and_pay_alike(market: dict[str, Any]) -> None:
    assert load_auction() is not None
    tariff = {name: market[name] for name in ("feed_in_price", "retail_price", "fee")}
    is_payable = np.abs(market["offer_kw"]).max(initial=0.0) < 1e9

    def outcome() -> list[Any]:
        found = clear_many(**market)
        paid = payments(found.trade_kw, found.price[:, None], timestep_h=DT, **tariff) if is_payable else None
        return [found.trade_kw, found.price, found.buyer_price, found.traded_kw, paid]

    quick = outcome()
    with pytest.MonkeyPatch.context() as patch:
        for module in (clearing, payment):
            patch.setattr(module, "load_auction", lambda: None)
        slow = outcome()
    for one, other in zip(quick, slow, strict=True):
        np.testing.assert_array_equal(one, other)


@given(markets())
@settings(max_examples=200)
def test_trades_balance_to_the_bit_inside_the_offers_and_the_tariffs(market: dict[str, Any]) -> None:
    found, shape = clear_many(**market), market["offer_kw"].shape
    low, high, bid = (np.broadcast_to(market[name], shape) for name in ("feed_in_price", "retail_price", "price_bid"))
    limit = np.clip(bid, low, high)
    for row in range(shape[0]):
        trade, offer = found.trade_kw[row], market["offer_kw"][row]
        assert sum(Fraction(float(t)) for t in trade) == 0
        assert np.all(trade * np.sign(offer) >= 0)
        assert np.all(np.abs(trade) <= np.abs(offer))
        sell, buy = found.price[row], found.buyer_price[row]
        assert math.isnan(sell) == math.isnan(buy) == (not trade.any())
        for i in np.flatnonzero(trade):
            assert low[row, i] - 1e-12 <= sell <= high[row, i] + 1e-12
            assert limit[row, i] <= sell + 1e-12 if trade[i] > 0 else buy <= limit[row, i] + 1e-12
        if trade.any():
            assert buy - sell >= market["fee"] - 1e-12


@given(markets())
@settings(max_examples=200)
def test_payments_are_whole_and_sum_to_the_fees_and_nobody_loses_a_coin(market: dict[str, Any]) -> None:
    offer = np.where(np.abs(market["offer_kw"]) < 1e9, market["offer_kw"], 0.0)
    found = clear_many(**{**market, "offer_kw": offer, "rule": Rule.UNIFORM})
    tariff = {name: market[name] for name in ("feed_in_price", "retail_price", "fee")}
    paid = payments(found.trade_kw, found.price[:, None], timestep_h=DT, **tariff)
    low, high = (np.broadcast_to(market[name], offer.shape) for name in ("feed_in_price", "retail_price"))
    for row in range(offer.shape[0]):
        trade = found.trade_kw[row]
        if not trade.any():
            assert not paid[row].any()
            continue
        fee = round((found.buyer_price[row] - found.price[row]) / MICRO)
        assert int(paid[row].sum()) == math.floor(
            Fraction(float(found.traded_kw[row])) * Fraction(DT) * fee + Fraction(1, 1000)
        )
        alone = -trade * DT * np.where(trade < 0, high[row], low[row]) / MICRO
        if np.floor(alone + 1e-6).sum() >= paid[row].sum():
            assert np.all(paid[row] <= alone + 1e-6)
        assert np.all(paid[row] < alone + 1.0 + 1e-6)
        price = np.where(trade < 0, found.buyer_price[row], found.price[row])
        assert np.all(np.abs(paid[row] + trade * DT * price / MICRO) <= trade.size + 1e-6)


@pytest.fixture(scope="module")
def year() -> Scenario:
    return Scenario.demo()


@pytest.mark.parametrize("has_batteries", [False, True])
@pytest.mark.parametrize("fee", [0.0, 0.02])
@pytest.mark.parametrize("bids", ["at the tariff", "anything"])
def test_over_a_year_nobody_pays_more_than_with_the_grid_alone_in_any_hour(
    year: Scenario, has_batteries: bool, fee: float, bids: str
) -> None:
    random = np.random.default_rng(5)
    net = year.pv_kw - year.demand_kw
    if has_batteries:
        net = net - random.uniform(-5.0, 5.0, net.shape)
    feed_in, retail = year.feed_in_price[:, None], year.retail_price[:, None]
    bid = np.where(net > 0, feed_in, retail) if bids == "at the tariff" else random.uniform(0.0, 0.6, net.shape)
    tariff: dict[str, Any] = {"feed_in_price": feed_in, "retail_price": retail}
    found = clear_many(net, bid, fee=fee, **tariff)
    settled: dict[str, Any] = {"timestep_h": year.timestep_h, **tariff}
    paid = payments(found.trade_kw, found.price[:, None], fee=fee, **settled)
    bill = bills(net, found.trade_kw, found.price[:, None], fee=fee, **settled)
    alone = bills(net, np.zeros(net.shape), np.nan, **settled)
    assert net.shape[0] == 8760
    assert np.count_nonzero(found.traded_kw) > 3000
    assert np.all(bill <= alone + 1e-12)
    assert np.all(bill.sum(axis=0) < alone.sum(axis=0) - 10.0), "each home gains"
    income = paid.sum(axis=1)
    assert np.all(income == 0) if fee == 0.0 else np.all(income >= 0)
    traded_kwh = float(found.traded_kw.sum()) * year.timestep_h
    assert income.sum() * MICRO == pytest.approx(fee * traded_kwh, abs=MICRO * net.shape[0])


# By hand -------------------------------------------------------------------------------------------------------------


def test_three_markets_with_a_tariff_each() -> None:
    found = clear_many(
        np.array([[3.0, -2.0], [1.0, 1.0], [1.0, -1.0]]),
        np.array([[0.1, 0.3], [0.1, 0.3], [0.3, 0.2]]),
        feed_in_price=0.06,
        retail_price=np.array([[0.4], [0.4], [0.4]]),
    )
    np.testing.assert_array_equal(found.trade_kw, [[2.0, -2.0], [0.0, 0.0], [0.0, 0.0]])
    np.testing.assert_array_equal(found.price, [0.1, np.nan, np.nan])
    np.testing.assert_array_equal(found.traded_kw, [2.0, 0.0, 0.0])


def test_a_fee_lowers_what_buyers_offer_and_is_paid_by_them() -> None:
    given_ = {"feed_in_price": 0.06, "retail_price": 0.40}
    found = clear(np.array([1.0, -1.0]), np.array([0.10, 0.30]), fee=0.04, **given_)
    assert (found.price, found.buyer_price) == (0.18, 0.22)
    paid = payments(found.trade_kw, found.price, timestep_h=DT, fee=0.04, **given_)
    assert paid.tolist() == [-45_000, 55_000]
    assert not clear(np.array([1.0, -1.0]), np.array([0.10, 0.30]), fee=0.21, **given_).trade_kw.any()
    # A retail price of 0.40 leaves 0.05 of fees between feed-in 0.06 and 0.40 no matter what is bid.
    assert not clear(np.array([1.0, -1.0]), np.array([0.06, 9.0]), fee=0.35, **given_).trade_kw.any()


def test_prices_are_whole_micro_currency_asks_rounded_up_and_bids_down() -> None:
    given_ = {"feed_in_price": 0.0, "retail_price": 1.0}
    offer, low, high = np.array([1.0, -1.0]), 0.1000001, 0.1000009
    assert not clear(offer, np.array([low, high]), **given_).trade_kw.any()
    assert clear(offer, np.array([low, 0.1000010001]), **given_).price == 0.100001
    # 0.29 is a little less than 290,000 ticks, but means them.
    assert clear(offer, np.array([0.29, 0.29]), **given_).price == 0.29


def test_who_has_no_whole_micro_currency_inside_the_own_tariff_does_not_trade() -> None:
    found = clear(
        np.array([1.0, 1.0, -1.0]),
        np.array([0.1, 0.1, 0.3]),
        feed_in_price=np.array([0.1000002, 0.06, 0.06]),
        retail_price=np.array([0.1000008, 0.4, 0.4]),
    )
    np.testing.assert_array_equal(found.trade_kw, [0.0, 1.0, -1.0])


def test_sellers_at_the_feed_in_price_get_no_less_than_the_grid_would_pay() -> None:
    """A third of a kWh each at 0.1 is 33,333.3: rounding them down would make trading worse than the grid."""
    found = clear(np.full(4, 1 / 3) * [1, 1, 1, -2.9], np.full(4, 0.1), feed_in_price=0.1, retail_price=0.3)
    assert found.price == 0.1
    paid = payments(found.trade_kw, 0.1, feed_in_price=0.1, retail_price=0.3, timestep_h=1.0)
    assert paid.tolist() == [-32_223, -32_223, -32_223, 96_669]
    assert np.all(-paid[:3] >= found.trade_kw[:3] * 100_000)


def test_a_large_market_takes_the_other_lane_and_says_the_same() -> None:
    random = np.random.default_rng(0)
    size = auction.MANY + 1
    market: dict[str, Any] = {
        "offer_kw": random.normal(size=(1, size)),
        "price_bid": random.uniform(0.0, 0.5, (1, size)),
        "feed_in_price": 0.06,
        "retail_price": 0.40,
    }

    def outcome() -> list[Any]:
        found = clear_many(**market)
        paid = payments(found.trade_kw, found.price[:, None], timestep_h=DT, feed_in_price=0.06, retail_price=0.40)
        return [found.trade_kw, found.price, paid]

    slow = outcome()
    with pytest.MonkeyPatch.context() as patch:
        for module in (clearing, payment):
            patch.setattr(module, "MANY", size)
        quick = outcome()
    for one, other in zip(quick, slow, strict=True):
        np.testing.assert_array_equal(one, other)
    assert slow[2].sum() == 0


def test_without_a_compiler_there_is_no_machine_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auction, "_loaded", lambda: 1 / 0)
    load_auction.cache_clear()
    try:
        assert load_auction() is None
        assert clear(np.array([1.0, -1.0]), np.array([0.1, 0.3]), feed_in_price=0.0, retail_price=1.0).price == 0.2
    finally:
        load_auction.cache_clear()


@pytest.mark.parametrize("has_machine", [True, False])
@pytest.mark.parametrize(
    ("field", "change"),
    [
        (r"offer_kw\[1\]", {"offer_kw": np.array([[1.0, -1.0], [1.0, np.nan]])}),
        (r"price_bid\[0\]", {"price_bid": np.array([[0.1, 0.3], [np.inf, 0.3]])}),
        ("price_bid", {"price_bid": np.zeros((2, 3))}),
        ("feed_in_price", {"feed_in_price": np.zeros(3)}),
        (r"feed_in_price\[0\]", {"feed_in_price": np.nan}),
        ("feed_in_price", {"feed_in_price": np.array([[0.0], [0.5]])}),
        (r"retail_price\[0\]", {"retail_price": 1e10}),
        ("share", {"share": -0.1}),
        ("fee", {"fee": -0.1}),
        ("fee", {"fee": np.nan}),
        ("offer_kw", {"offer_kw": np.zeros(2)}),
    ],
)
def test_numbers_the_markets_cannot_use_are_named(
    field: str, change: dict[str, Any], has_machine: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    good: dict[str, Any] = {
        "offer_kw": np.array([[1.0, -1.0], [2.0, -1.0]]),
        "price_bid": np.array([[0.1, 0.3], [0.1, 0.3]]),
        "feed_in_price": 0.06,
        "retail_price": 0.40,
    }
    if not has_machine:
        monkeypatch.setattr(clearing, "load_auction", lambda: None)
    with pytest.raises(ModelError, match=rf"^{field}"):
        clear_many(**(good | change))


@pytest.mark.parametrize("has_machine", [True, False])
@pytest.mark.parametrize(("field", "trade", "price"), [("price", [1.0, -1.0], np.nan), ("price", [1.0, -1.0], np.inf),
                                                       ("trade_kw", [2e7, -2e7], 0.1)])  # fmt: skip
def test_payments_that_would_not_be_exact_are_refused(
    field: str, trade: list[float], price: float, has_machine: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not has_machine:
        monkeypatch.setattr(payment, "load_auction", lambda: None)
    with pytest.raises(ModelError, match=rf"^{field}"):
        payments(np.array(trade), price, feed_in_price=0.0, retail_price=0.2, timestep_h=1.0)
