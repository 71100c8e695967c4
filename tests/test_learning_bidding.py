"""Bids that learn: the game by hand and by brute force, what is measured of it, and what learning leaves alone."""

from __future__ import annotations

import itertools
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy import Controller, Scenario, Simulator
from autonomy.benchmark.dispatch.communities import place
from autonomy.layers.arrays import Vector
from autonomy.layers.errors import ModelError
from autonomy.learning.bidding.answers import Answer, answers, others, stakes
from autonomy.learning.bidding.books import Books, Markets, Told, gathered
from autonomy.learning.bidding.heads import Adam, Heads
from autonomy.learning.bidding.learn import teach
from autonomy.learning.bidding.market import (
    PLAIN,
    Orders,
    Terms,
    clear_orders,
    orders_by,
    price_by,
    trials,
    truthful,
)
from autonomy.learning.bidding.measure import PRICES, SHARES, Standing, standing_of
from autonomy.learning.bidding.play import books_of
from autonomy.learning.bidding.recipe import BidRecipe, LearnedBids
from autonomy.learning.bidding.school import seen
from autonomy.learning.features import FEATURES, OWN
from autonomy.learning.gates import OUTPUTS, PRICE, TRADE, bid_price
from autonomy.learning.network import Network, logistic
from autonomy.learning.policy import LearnedPolicy
from autonomy.learning.shipped import shipped
from autonomy.market import Rule, clear
from autonomy.rollout import roll_out
from autonomy.settlement import bills

COARSE = {"prices": np.linspace(0.0, 1.0, 5), "shares": np.array([1.0, 0.5])}


def markets_of(*net_kw: list[float], feed_in: float = 0.1, retail: float = 0.3, hours: float = 1.0) -> Markets:
    table, count = np.array(net_kw), len(net_kw)
    return Markets(
        left_kw=table,
        net_kw=table,
        retail_price=np.full(count, retail),
        feed_in_price=np.full(count, feed_in),
        timestep_h=hours,
    )


def books(markets: Markets) -> Books:
    rows, size = markets.net_kw.shape
    return Books(Told(np.zeros((rows, FEATURES)), np.zeros(rows), np.zeros((rows, size, OWN))), markets, 1)


def at(markets: Markets, gate: float | Vector, share: float = 1.0, fee: float = 0.0) -> Orders:
    gates = np.zeros((*markets.net_kw.shape, OUTPUTS))
    gates[..., TRADE], gates[..., PRICE] = share, gate
    return orders_by(markets, gates, fee)


def standing(markets: Markets, orders: Orders, terms: Terms = PLAIN) -> Standing:
    return standing_of(orders, books(markets), terms)


@st.composite
def random_markets(draw: st.DrawFn, most: int = 5) -> tuple[Markets, Vector, Vector]:
    """A few markets, with a gate of the price and of the share for everybody."""
    size, rows = draw(st.integers(2, most)), draw(st.integers(1, 3))
    cells = rows * size

    def table(low: float, high: float) -> Vector:
        found = draw(st.lists(st.integers(0, 1000), min_size=cells, max_size=cells))
        return low + (high - low) * np.array(found, dtype=np.float64).reshape(rows, size) / 1000

    net, gate, share = table(-5.0, 5.0), table(0.0, 1.0), table(0.0, 1.0)
    return markets_of(*net.tolist(), hours=draw(st.sampled_from([1.0, 0.25]))), gate, share


# Orders


@given(st.floats(0.0, 1.0), st.floats(0.0, 0.5), st.floats(0.0, 0.5), st.floats(0.0, 1.0), st.booleans())
def test_whatever_the_gate_a_bid_lies_between_feed_in_and_retail(
    gate: float, feed_in: float, between: float, fee: float, buys: bool
) -> None:
    price = float(bid_price(np, np.array(gate), feed_in, feed_in + between, fee, np.array(buys)))
    assert feed_in - 1e-12 <= price <= feed_in + between + 1e-12


@given(st.floats(0.0, 1.0), st.floats(0.0, 0.2))
def test_an_ask_and_a_bid_of_one_gate_meet_with_any_fee_that_leaves_room(gate: float, fee: float) -> None:
    ask, bid = (float(bid_price(np, np.array(gate), 0.1, 0.3, fee, np.array(buys))) for buys in (False, True))
    assert bid - ask == pytest.approx(fee, abs=1e-12)


def test_orders_are_cut_to_what_the_node_has() -> None:
    markets = replace(markets_of([2.0, -1.0, 0.0]), left_kw=np.array([[3.0, -1.0, -2.0]]))
    np.testing.assert_allclose(at(markets, 0.5).offer_kw, [[2.0, -1.0, 0.0]])
    np.testing.assert_allclose(at(markets, 0.5, share=0.5).offer_kw, [[1.5, -0.5, 0.0]])
    np.testing.assert_allclose(at(markets, 0.25).price, [[0.15, 0.15, 0.15]])


# Savings


def test_savings_worked_by_hand() -> None:
    markets = markets_of([3.0, 1.0, -2.0])
    cleared = clear_orders(markets, at(markets, 0.5))  # 2 kW at 0.2, sellers by 3 : 1
    np.testing.assert_allclose(cleared.saving, [[0.15, 0.05, 0.2]])
    assert (cleared.traded_kw[0], cleared.price[0]) == (2.0, 0.2)


def test_with_a_fee_the_room_is_shared_that_it_leaves() -> None:
    markets = markets_of([3.0, 1.0, -2.0])
    cleared = clear_orders(markets, at(markets, 0.5, fee=0.1), Terms(fee=0.1))  # sellers get 0.15, the buyer pays 0.25
    np.testing.assert_allclose(cleared.saving, [[0.075, 0.025, 0.1]])


@settings(max_examples=80, deadline=None)
@given(random_markets(), st.sampled_from([0.0, 0.03, 0.1]), st.sampled_from([0.0, 0.5, 1.0]))
def test_savings_are_the_ledgers_to_a_micro_currency_a_step(
    given_markets: tuple[Markets, Vector, Vector], fee: float, k: float
) -> None:
    markets, gate, share = given_markets
    orders = at(markets, gate, share, fee)
    cleared = clear_orders(markets, orders, Terms(fee=fee, share=k))
    tariff = {"feed_in_price": 0.1, "retail_price": 0.3}
    for row, net in enumerate(markets.net_kw):
        one = clear(orders.offer_kw[row], orders.price[row], **tariff, fee=fee, share=k)
        alone, traded = (
            bills(net, trade, one.price, timestep_h=markets.timestep_h, fee=fee, **tariff)
            for trade in (0.0 * net, one.trade_kw)
        )
        np.testing.assert_allclose(cleared.saving[row], alone - traded, atol=2e-6)
        assert cleared.traded_kw[row] == one.traded_kw
        assert (cleared.saving[row] >= -1e-12).all()


# Regret and exploitability


def test_regret_and_best_answers_worked_by_hand() -> None:
    markets = markets_of([3.0, 1.0, -2.0])
    stood = standing(markets, at(markets, 0.5))
    # Truthful, the first seller alone sets the price, at feed-in; the second sells all of its kW at 0.2 still.
    np.testing.assert_allclose(stood.regret, [-0.15, 0.05, 0.0], atol=1e-12)
    # The first does best by asking 0.19, the next lower of the grid, and selling 2 kW at it.
    np.testing.assert_allclose(stood.hourly, [2 * 0.09 - 0.15, 0.05, 0.0], atol=1e-12)
    np.testing.assert_allclose(stood.constant, stood.hourly, atol=1e-12)
    np.testing.assert_allclose(stood.alone, [-0.3, -0.1, 0.6])
    np.testing.assert_allclose([stood.traded_kwh, stood.could_kwh], 2.0)
    np.testing.assert_allclose([stood.traded_worth, stood.could_worth], 0.4)


@settings(max_examples=60, deadline=None)
@given(random_markets(), st.sampled_from([Terms(), Terms(fee=0.05), Terms(share=1.0), Terms(rule=Rule.MCAFEE)]))
def test_who_bids_truthfully_has_no_regret(given_markets: tuple[Markets, Vector, Vector], terms: Terms) -> None:
    markets = given_markets[0]
    np.testing.assert_array_equal(standing(markets, truthful(markets), terms).regret, 0.0)


@settings(max_examples=40, deadline=None)
@given(random_markets())
def test_whatever_is_bid_constant_answers_gain_no_more_than_hourly_ones_and_neither_loses(
    given_markets: tuple[Markets, Vector, Vector],
) -> None:
    stood = standing_of(at(*given_markets), books(given_markets[0]), **COARSE)
    assert (stood.constant >= 0.0).all()
    assert (stood.hourly >= stood.constant - 1e-12).all()


@settings(max_examples=60, deadline=None)
@given(random_markets(), st.sampled_from([0.0, 1.0]))
def test_all_at_the_price_that_the_longer_side_is_left_with_is_an_equilibrium(
    given_markets: tuple[Markets, Vector, Vector], end: float
) -> None:
    markets = given_markets[0]
    longer = markets.net_kw.sum(axis=1) > 0.0 if end == 0.0 else markets.net_kw.sum(axis=1) < 0.0
    some = markets.take(np.flatnonzero(longer))
    if longer.any():
        np.testing.assert_allclose(standing_of(at(some, end), books(some), **COARSE).hourly, 0.0, atol=1e-12)


@pytest.mark.parametrize("gate", [0.1, 0.5, 0.9])
def test_where_as_much_is_sold_as_bought_every_price_is_an_equilibrium(gate: float) -> None:
    markets = markets_of([3.0, 1.0, -2.0, -2.0])
    np.testing.assert_allclose(standing(markets, at(markets, gate)).hourly, 0.0, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 20), min_size=2, max_size=5), st.integers(1, 19), st.integers(1, 19))
def test_who_undercuts_a_longer_side_sells_all_of_its_own_at_the_others_price(
    sizes: list[int], wanted: int, twentieths: int
) -> None:
    sold = 1.0 * np.array(sizes)
    bought = min(wanted, sold.sum() - 1.0)
    markets, gate = markets_of([*sold.tolist(), -bought]), twentieths / 20
    stood = standing(markets, at(markets, gate))
    small = sold < bought
    expected = (1.0 - bought / sold.sum()) * sold * gate * 0.2
    np.testing.assert_allclose(stood.regret[:-1][small], expected[small], atol=1e-9)


def test_a_planted_policy_that_can_be_exploited_is_found() -> None:
    markets = markets_of([2.0, -1.5], [2.0, -1.5], [1.0, -4.0])
    generous = Orders(markets.net_kw, np.full(markets.net_kw.shape, 0.3))  # all at retail, whoever is short
    stood = standing(markets, generous)
    # In the first two hours the buyer, alone on its side, would pay feed-in to whoever asks it; nobody asks it.
    np.testing.assert_allclose(stood.hourly, [0.0, 0.0], atol=1e-12)
    stood = standing(markets, truthful(markets))
    # Asks of 0.1 and bids of 0.3: the seller is left with 0.1 twice and gets 0.3 once. It asks 0.3 and gains 1.5·0.2
    # each time; the buyer bids 0.1 in the third hour and gains 1·0.2.
    np.testing.assert_allclose(stood.hourly, [2 * 1.5 * 0.2, 0.2], atol=1e-12)
    np.testing.assert_allclose(stood.constant, [2 * 1.5 * 0.2, 0.2], atol=1e-12)
    np.testing.assert_allclose(stood.regret, 0.0, atol=1e-12)


def test_the_best_answers_are_those_of_brute_force() -> None:
    random = np.random.default_rng(5)
    net = random.integers(-4, 5, size=(6, 3)) / 2
    markets, gate, share = markets_of(*net.tolist()), random.random((6, 3)), 0.5 + 0.5 * random.random((6, 3))
    for terms in (Terms(), Terms(fee=0.04), Terms(share=0.0), Terms(rule=Rule.MCAFEE)):
        orders = at(markets, gate, share, terms.fee)
        stood = standing(markets, orders, terms)
        for who in range(3):
            hourly, by_order = 0.0, dict[tuple[bool, float, float], float]()
            for row in range(6):
                mine = _saved(markets, orders, row, who, terms)
                tries = {
                    (s, p): _saved(markets, _instead(markets, orders, (row, who), (s, p), terms.fee), row, who, terms)
                    - mine
                    for s, p in itertools.product(SHARES.tolist(), PRICES.tolist())
                }
                hourly += max(0.0, *tries.values())
                for order, gain in tries.items():
                    key = (bool(net[row, who] > 0), *order)
                    by_order[key] = by_order.get(key, 0.0) + gain
            constant = sum(max(0.0, *(g for k, g in by_order.items() if k[0] is side), 0.0) for side in (True, False))
            assert stood.hourly[who] == pytest.approx(hourly, abs=1e-9)
            assert stood.constant[who] == pytest.approx(constant, abs=1e-9)


def _instead(markets: Markets, orders: Orders, who: tuple[int, int], order: tuple[float, float], fee: float) -> Orders:
    offer, price, (share, gate) = orders.offer_kw.copy(), orders.price.copy(), order
    offer[who] = share * markets.net_kw[who]
    price[who] = price_by(markets, gate, fee, markets.net_kw)[who]
    return Orders(offer, price)


def _saved(markets: Markets, orders: Orders, row: int, who: int, terms: Terms) -> float:
    one = clear(
        orders.offer_kw[row], orders.price[row], feed_in_price=0.1, retail_price=0.3, fee=terms.fee, share=terms.share,
        rule=terms.rule,
    )  # fmt: skip
    trade = float(one.trade_kw[who])
    return 0.0 if trade == 0.0 else trade * (one.price - 0.1) if trade > 0 else -trade * (0.3 - one.buyer_price)


# Answers


def test_a_good_answer_offers_most_and_then_is_the_nearest() -> None:
    markets = markets_of([3.0, 1.0, -2.0])
    orders, trial = at(markets, 0.5), trials(markets)
    own = Answer(np.ones(3), np.full(3, 0.5))
    choices = others(own, PRICES, np.array([0.5]))
    found = answers(markets, orders, trial, own, choices, 0.0)
    np.testing.assert_allclose(found.price, [0.45, 0.45, 0.5])
    np.testing.assert_allclose(found.share, 1.0)
    np.testing.assert_allclose(stakes(markets, trial), [0.6, 0.2, 0.4])
    # What the first could gain is 0.03 of the 0.6 that is at stake, so with a larger tolerance it stays where it is.
    patient = answers(markets, orders, trial, own, choices, 0.051)
    np.testing.assert_allclose(patient.price, [0.5, 0.45, 0.5])


def test_something_is_held_back_only_where_that_pays() -> None:
    # Alone against bids of 0.3 for 2 kW and 0.1 for 2 kW, who sells all 4 kW gets 0.1 for each; who sells 2, 0.3.
    markets = markets_of([4.0, -2.0, -2.0])
    orders = Orders(markets.net_kw, np.array([[0.1, 0.3, 0.1]]))
    own = Answer(np.ones(1), np.zeros(1))
    trial = type(trials(markets))(np.zeros(1, dtype=np.intp), np.zeros(1, dtype=np.intp))
    only_shares = [own, Answer(np.full(1, 0.5), np.zeros(1)), Answer(np.full(1, 0.25), np.zeros(1))]
    assert answers(markets, orders, trial, own, only_shares, 0.0).share[0] == 0.5
    assert answers(markets, orders, trial, own, only_shares[::2], 0.0).share[0] == 0.25
    assert answers(markets, orders, trial, own, only_shares, 1.0).share[0] == 1.0


# Learning


def toy_network(seed: int = 2) -> Network:
    random, sizes = np.random.default_rng(seed), {"first": (8, FEATURES), "second": (8, 8), "third": (6, 8)}
    shapes = {**sizes, "stored": (8,), "first_bias": (8,), "second_bias": (8,), "own": (6, OWN), "third_bias": (6,)}
    numbers = {name: random.normal(size=shape) / 2 for name, shape in shapes.items()}
    last, bias = np.vstack([random.normal(size=(3, 6)), np.zeros((2, 6))]), np.array([0.1, 0.2, 0.3, 20.0, 0.0])
    return Network(mean=np.zeros(FEATURES), scale=np.ones(FEATURES), last=last, last_bias=bias, **numbers)


def toy_books(seed: int, rows: int = 160, size: int = 4) -> Books:
    """Markets of which a feature tells whether the community has too much, and each knows its own surplus."""
    random = np.random.default_rng(seed)
    features, own = np.zeros((rows, FEATURES)), np.zeros((rows, size, OWN))
    features[:, 0] = random.choice([-2.0, 2.0], size=rows)
    net = features[:, :1] / 2 + 1.5 * random.normal(size=(rows, size))
    own[..., 1] = net.mean(axis=1, keepdims=True) - net
    return Books(Told(features, random.random(rows), own), markets_of(*net.tolist()), 1)


QUICK = BidRecipe(updates=150, validate_every=50, markets=24)


@pytest.fixture(scope="module")
def learned() -> LearnedBids:
    return teach(toy_network(), [toy_books(0), toy_books(1, size=3)], [toy_books(2)], QUICK)


def test_learning_leaves_less_to_gain_and_loses_little(learned: LearnedBids) -> None:
    book = toy_books(3)

    def stood(network: Network) -> Standing:
        return standing_of(orders_by(book.markets, network.gates(*book.told), 0.0), book)

    before, after = stood(toy_network()), stood(learned.network)
    assert after.hourly.sum() < 0.5 * before.hourly.sum()
    assert after.traded_kwh > 0.97 * after.could_kwh
    surplus = book.told.features[:, 0] > 0
    price = learned.network.gates(*book.told)[..., PRICE]
    assert price[surplus].mean() < 0.3
    assert price[~surplus].mean() > 0.7


def test_the_best_point_of_the_curve_is_kept(learned: LearnedBids) -> None:
    assert [point.update for point in learned.curve] == [50, 100, 150]
    assert learned.score == max(point.score for point in learned.curve)
    for point in learned.curve:
        assert point.score == pytest.approx(1.0 - (point.gain + point.lost) / point.worth)


def test_the_same_seed_gives_the_same_heads_and_another_one_others(learned: LearnedBids) -> None:
    given_books = toy_network(), [toy_books(0), toy_books(1, size=3)], [toy_books(2)]
    again = teach(*given_books, QUICK).network
    np.testing.assert_array_equal(again.last, learned.network.last)
    np.testing.assert_array_equal(again.last_bias, learned.network.last_bias)
    other = teach(*given_books, replace(QUICK, seed=1, updates=10)).network
    assert (other.last[PRICE] != learned.network.last[PRICE]).any()


def test_learning_changes_the_heads_of_the_market_and_nothing_else(learned: LearnedBids) -> None:
    before, after = toy_network(), learned.network
    for item in fields(Network):
        if item.name not in ("last", "last_bias"):
            np.testing.assert_array_equal(getattr(after, item.name), getattr(before, item.name))
    np.testing.assert_array_equal(after.last[:TRADE], before.last[:TRADE])
    np.testing.assert_array_equal(after.last_bias[:TRADE], before.last_bias[:TRADE])
    told = toy_books(4).told
    np.testing.assert_array_equal(after.gates(*told)[..., :TRADE], before.gates(*told)[..., :TRADE])


def test_heads_put_into_a_network_answer_as_they_did_beside_it() -> None:
    network, book = toy_network(), toy_books(5)
    units = network.units(*book.told)
    begun = Heads.begun(units.reshape(-1, units.shape[-1]))
    random = np.random.default_rng(0)
    heads = replace(begun, rows=random.normal(size=begun.rows.shape))
    expected = logistic(heads.outputs(heads.seen(units)))
    found = heads.put_into(network).gates(*book.told)
    np.testing.assert_allclose(np.moveaxis(found[..., [TRADE, PRICE]], -1, 0), expected, atol=1e-12)


def test_adams_first_step_is_the_rate_and_it_shrinks_where_slopes_change_sign() -> None:
    adam, rate = Adam((2,)), np.array([0.1, 0.2])
    np.testing.assert_allclose(adam.step(np.array([3.0, -0.5]), rate), [0.1, -0.2], rtol=1e-6)
    # m = 0.9·0.1·3 − 0.1·3 = −0.03, v = 0.001·9·(0.999 + 1); m̂ = −0.03/0.19, v̂ = 9.
    assert adam.step(np.array([-3.0, -0.5]), rate)[0] == pytest.approx(-0.1 * 0.03 / 0.19 / 3.0, rel=1e-6)


def test_there_has_to_be_somebody_to_trade_with() -> None:
    lonely = books(markets_of([1.0, 2.0], [-1.0, -3.0]))
    with pytest.raises(ModelError, match="two sides"):
        teach(toy_network(), [lonely], [lonely], QUICK)


@pytest.mark.parametrize("wrong", [{"updates": 0}, {"tolerance": -0.1}, {"forecasts": ()}, {"noise": float("nan")}])
def test_a_recipe_with_a_number_out_of_range_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ModelError, match=next(iter(wrong))):
        BidRecipe(**wrong)  # type: ignore[arg-type]


def test_books_of_communities_of_different_sizes_have_nobody_where_there_is_none() -> None:
    both = gathered([markets_of([1.0, -1.0]), markets_of([2.0, -1.0, -1.0])])
    np.testing.assert_array_equal(both.net_kw, [[1.0, -1.0, 0.0], [2.0, -1.0, -1.0]])
    assert trials(both).prosumer.tolist() == [0, 1, 0, 1, 2]


# Against the whole stack


@pytest.mark.parametrize("name", ["learned-0", "learned"])
def test_books_are_what_controller_and_simulator_play(name: str) -> None:
    where = seen(place("four"), "7-day-mean", {})
    first = where.year.series.steps_per_day * 7 * 20
    policy = shipped(name)
    book = books_of(policy, where, [first])
    simulator = Simulator(where.community, where.year.window(first, 168), economics=where.economics)
    run = roll_out(simulator, Controller(where.community, policy=LearnedPolicy(policy.networks)), name=name)
    cleared = clear_orders(book.markets, orders_by(book.markets, policy.gates(*book.told), 0.0))
    np.testing.assert_allclose(book.markets.net_kw, run.net_export_kw, atol=2e-5)
    np.testing.assert_allclose(cleared.traded_kw, np.maximum(run.trade_kw, 0.0).sum(axis=1), atol=1e-4)
    np.testing.assert_allclose(
        book.markets.alone.sum(axis=0) - cleared.saving.sum(axis=0), run.bill.sum(axis=0), atol=1e-2
    )


def test_what_is_bid_moves_no_battery() -> None:
    where = seen(place("four"), "7-day-mean", {})
    day = where.year.window(where.year.series.steps_per_day * 7 * 20, 48)
    (network,) = shipped("learned-0").networks
    assert isinstance(network, Network)
    bids = np.random.default_rng(0).normal(size=(2, network.last.shape[1]))
    other = replace(network, last=np.vstack([network.last[:TRADE], bids]))
    runs = [
        roll_out(Simulator(where.community, day), Controller(where.community, policy=LearnedPolicy([one])), name="x")
        for one in (network, other)
    ]
    np.testing.assert_array_equal(runs[0].battery_kw, runs[1].battery_kw)
    np.testing.assert_array_equal(runs[0].net_export_kw, runs[1].net_export_kw)
    assert (runs[0].trade_kw != runs[1].trade_kw).any()
    assert Scenario.demo().n_steps == where.year.n_steps
