"""Order books in whole units: the promises of the auction, the oracle, and books worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy.layers.errors import ModelError
from autonomy.market import Book, BookClearing, Rule, certify, clear_book
from autonomy.market import match as match_file
from autonomy.market.match import match, match_slowly
from autonomy.market.whole import round_off
from autonomy.solvers.auction import load_auction
from tests.fuzz_market import fuzz
from tests.market_oracle import Order, cleared
from tests.strategies import order_books

SHARES = st.integers(0, 8).map(lambda eighths: eighths / 8)
FEES = st.one_of(st.just(0), st.integers(0, 3), st.integers(0, 50_000))
RULES = st.sampled_from(list(Rule))


def orders_of(book: Book) -> list[Order]:
    return list(zip(book.quantity.tolist(), book.limit.tolist(), book.priority.tolist(), strict=True))


def book_of(*orders: tuple[int, ...], lot: int = 1000) -> Book:
    """Return a book of (quantity, limit) or (quantity, limit, priority)."""
    quantity, limit, priority = (np.array([(*order, 0)[k] for order in orders]) for k in range(3))
    return Book(quantity=quantity, limit=limit, priority=priority, lot=lot)


def assert_as_the_oracle(book: Book, clearing: BookClearing, rule: Rule, share: float, fee: int) -> None:
    said = cleared(orders_of(book), lot=book.lot, rule=rule.name.lower(), share=Fraction(share), fee=fee)
    assert clearing.trade.tolist() == said.trade
    assert clearing.payment.tolist() == said.payment
    assert clearing.take == said.take
    if any(said.trade):
        assert (clearing.sell_price, clearing.buy_price) == (said.sell_price, said.buy_price)
    else:
        assert clearing.sell_price is None
        assert clearing.buy_price is None


@given(order_books(), RULES, SHARES, FEES)
@settings(max_examples=120)
def test_a_clearing_is_what_the_oracle_says(book: Book, rule: Rule, share: float, fee: int) -> None:
    assert_as_the_oracle(book, clear_book(book, rule=rule, share=share, fee=fee), rule, share, fee)


@given(order_books(largest=10_000), RULES, SHARES, FEES)
@settings(max_examples=200)
def test_trades_balance_money_balances_and_nobody_is_worse_off(book: Book, rule: Rule, share: float, fee: int) -> None:
    clearing = clear_book(book, rule=rule, share=share, fee=fee)
    trade, payment = clearing.trade, clearing.payment
    assert trade.sum() == 0
    assert np.maximum(trade, 0).sum() == clearing.traded
    assert np.all(trade * np.sign(book.quantity) >= 0)
    assert np.all(np.abs(trade) <= np.abs(book.quantity))
    assert payment.sum() == clearing.take >= 0
    assert not payment[trade == 0].any()
    if clearing.sell_price is None or clearing.buy_price is None:
        assert not trade.any()
        return
    assert clearing.buy_price - clearing.sell_price >= fee
    assert clearing.buy_price - clearing.sell_price == fee or rule is Rule.MCAFEE
    assert np.all(book.limit[trade > 0] <= clearing.sell_price)
    assert np.all(book.limit[trade < 0] >= clearing.buy_price)
    # To the whole coin: gains, exact, are >= 0, unless no whole payments are like that; then less than a coin is lost.
    gain = -trade * book.limit - payment * book.lot
    most = -trade * book.limit // book.lot
    if most.sum() >= clearing.take:
        assert np.all(gain >= 0)
    assert np.all(gain > -book.lot)


@given(order_books(largest=10_000), RULES, SHARES, FEES)
def test_a_certificate_proves_every_outcome_from_the_book_alone(book: Book, rule: Rule, share: float, fee: int) -> None:
    clearing = clear_book(book, rule=rule, share=share, fee=fee)
    certificate = certify(book, clearing)
    assert certificate.faults == ()
    assert certificate.gap >= 0
    if rule is Rule.UNIFORM:
        assert certificate.is_proved


@given(order_books(largest=10_000), SHARES, FEES, st.data())
def test_a_corrupted_outcome_is_not_proved(book: Book, share: float, fee: int, data: st.DataObject) -> None:
    clearing = clear_book(book, share=share, fee=fee)
    if clearing.traded < 1000:
        return
    at = data.draw(st.integers(0, book.quantity.size - 1))
    one = np.zeros(book.quantity.size, dtype=np.int64)
    one[at] = data.draw(st.sampled_from([1, -1]))
    sell, buy = clearing.sell_price, clearing.buy_price
    assert sell is not None
    assert buy is not None
    changes: list[dict[str, Any]] = [
        {"trade": clearing.trade + one},
        {"payment": clearing.payment + one},
        {"take": clearing.take + 1},
        {"traded": clearing.traded - 1},
        {"sell_price": sell - book.lot},
        {"buy_price": buy + book.lot},
        {"sell_price": None, "buy_price": None},
    ]
    for change in changes:
        assert not certify(book, replace(clearing, **change)).is_proved, change


def test_one_unit_moved_to_a_worse_order_opens_the_gap_and_one_price_off_is_a_fault() -> None:
    book = book_of((1000, 100_000), (1000, 120_000), (-1000, 300_000), (-1000, 200_000), (-1000, 110_000))
    clearing = clear_book(book)
    assert clearing.trade.tolist() == [1000, 1000, -1000, -1000, 0]
    assert (clearing.sell_price, clearing.buy_price) == (160_000, 160_000)
    assert clearing.payment.tolist() == [-160_000, -160_000, 160_000, 160_000, 0]
    assert certify(book, clearing).is_proved
    moved = replace(clearing, trade=clearing.trade + np.array([0, 0, 0, 1, -1]))
    assert certify(book, moved).gap == 90_000
    off = certify(book, replace(clearing, buy_price=160_001))
    assert off.gap == 0
    assert "the operator's take is not that of the prices" in off.faults
    assert certify(book, replace(clearing, sell_price=90_000, buy_price=90_000)).gap > 0


def test_an_order_that_is_passed_over_is_a_fault_though_nothing_is_lost() -> None:
    book = book_of((10, 100, 5), (10, 100, 3), (10, 100, 3), (-16, 100), lot=10)
    clearing = clear_book(book)
    assert clearing.trade.tolist() == [0, 8, 8, -16]
    assert certify(book, clearing).is_proved
    for trade in ([6, 10, 0, -16], [0, 10, 6, -16]):
        swapped = replace(clearing, trade=np.array(trade), payment=np.array([-10 * t for t in trade]))
        assert certify(book, swapped).gap == 0
        assert certify(book, swapped).faults == ("an order was passed over",)


@given(order_books(), st.booleans(), SHARES, FEES, st.data())
@settings(max_examples=150)
def test_a_better_limit_or_an_earlier_place_never_trades_less(
    book: Book, is_reduced: bool, share: float, fee: int, data: st.DataObject
) -> None:
    if not book.quantity.size:
        return
    rule = Rule.UNIFORM
    if is_reduced:  # only with orders of one size
        book, rule = replace(book, quantity=7 * np.sign(book.quantity)), Rule.MCAFEE
    at = data.draw(st.integers(0, book.quantity.size - 1))
    before = clear_book(book, rule=rule, share=share, fee=fee).trade
    limit, priority = book.limit.copy(), book.priority.copy()
    limit[at] -= np.sign(book.quantity[at]) * data.draw(st.integers(0, 400))
    priority[at] -= data.draw(st.integers(0, 5))
    after = clear_book(replace(book, limit=limit, priority=priority), rule=rule, share=share, fee=fee).trade
    assert abs(after[at]) >= abs(before[at])


@given(order_books(), RULES, SHARES, FEES, st.randoms(use_true_random=False))
def test_the_order_of_the_book_does_not_matter(book: Book, rule: Rule, share: float, fee: int, random: Any) -> None:
    order = list(range(book.quantity.size))
    random.shuffle(order)
    mixed = Book(quantity=book.quantity[order], limit=book.limit[order], priority=book.priority[order], lot=book.lot)
    plain, other = (clear_book(x, rule=rule, share=share, fee=fee) for x in (book, mixed))
    assert (plain.sell_price, plain.buy_price, plain.take) == (other.sell_price, other.buy_price, other.take)

    def rows(*columns: Any) -> list[tuple[int, ...]]:
        return sorted(zip(*(column.tolist() for column in columns), strict=True))

    # Orders alike in everything may swap what they trade, trades of one size the coin to which they are rounded.
    traded = [rows(x.quantity, x.limit, x.priority, y.trade) for x, y in ((book, plain), (mixed, other))]
    paid = [rows(y.trade, y.payment) for y in (plain, other)]
    assert traded[0] == traded[1]
    assert paid[0] == paid[1]


@given(order_books(), SHARES, st.integers(0, 400))
def test_it_makes_no_difference_who_hands_over_the_fee(book: Book, share: float, fee: int) -> None:
    """A fee paid by the sellers, out of a price that is higher by it: limits of the sellers go up instead."""
    ours = clear_book(book, share=share, fee=fee)
    raised = book.limit + np.where(book.quantity > 0, fee, 0)
    theirs = clear_book(replace(book, limit=raised), share=share)
    np.testing.assert_array_equal(ours.trade, theirs.trade)
    if ours.sell_price is not None:
        assert theirs.sell_price == ours.sell_price + fee == ours.buy_price


@given(order_books(largest=2**40), SHARES, RULES)
def test_numpy_and_machine_code_match_alike(book: Book, share: float, rule: Rule) -> None:
    assert load_auction() is not None
    given_ = book.quantity, book.limit, book.priority
    one, other = (f(*given_, rule=rule.value, share=share) for f in (match, match_slowly))
    np.testing.assert_array_equal(one.trade, other.trade)
    assert one.traded == other.traded
    if one.traded:
        assert (one.sell_price, one.buy_price) == (other.sell_price, other.buy_price)


@pytest.mark.parametrize("levels", [1, 3, 100, 100_000])
def test_a_book_of_five_thousand_is_the_same_in_numpy_and_in_machine_code(
    levels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(levels)
    book = Book(
        quantity=random.integers(-9, 10, 5000),
        limit=random.integers(0, levels, 5000),
        priority=random.integers(0, 20, 5000),
    )
    for rule in Rule:
        slow = clear_book(book, rule=rule)
        monkeypatch.setattr(match_file, "MANY", 10_000)
        quick = clear_book(book, rule=rule)
        monkeypatch.undo()
        np.testing.assert_array_equal(quick.trade, slow.trade)
        np.testing.assert_array_equal(quick.payment, slow.payment)
        assert certify(book, slow).faults == ()


def test_without_a_compiler_a_book_is_cleared_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    book = book_of((5, 10), (5, 10), (-7, 12), lot=1)
    with_machine = clear_book(book)
    monkeypatch.setattr(match_file, "load_auction", lambda: None)
    np.testing.assert_array_equal(clear_book(book).payment, with_machine.payment)


# By hand -------------------------------------------------------------------------------------------------------------


def test_earlier_orders_come_first_and_equal_ones_share() -> None:
    book = book_of((300, 90_000, 2), (300, 90_000, 1), (100, 90_000, 2), (-500, 90_000))
    assert clear_book(book).trade.tolist() == [150, 300, 50, -500]


def test_units_that_do_not_divide_go_to_the_larger_orders() -> None:
    book = book_of((1, 90_000), (2, 90_000), (2, 90_000), (-4, 90_000))
    # 4/5 of 1, 2 and 2 are 0, 1 and 1 and two units over.
    assert clear_book(book).trade.tolist() == [0, 2, 2, -4]


def test_a_fee_is_taken_off_what_buyers_would_pay() -> None:
    book = book_of((1000, 100_000), (-1000, 130_000), (-1000, 119_999))
    clearing = clear_book(book, fee=20_000)
    # The second buyer would be left with 99,999 after the fee; between 100,000 and 110,000 the middle is 105,000.
    assert clearing.trade.tolist() == [1000, -1000, 0]
    assert (clearing.sell_price, clearing.buy_price) == (105_000, 125_000)
    assert clearing.payment.tolist() == [-105_000, 125_000, 0]
    assert clearing.take == 20_000
    assert clear_book(book, fee=30_001).traded == 0


def test_mcafee_trades_everything_where_the_next_two_orders_set_a_price() -> None:
    book = book_of((10, 100), (10, 200), (10, 260), (-10, 400), (-10, 300), (-10, 240), lot=1)
    clearing = clear_book(book, rule=Rule.MCAFEE)
    assert clearing.trade.tolist() == [10, 10, 0, -10, -10, 0]
    assert (clearing.sell_price, clearing.buy_price, clearing.take) == (250, 250, 0)


def test_mcafee_leaves_the_last_two_orders_out_where_they_do_not() -> None:
    book = book_of((10, 100), (10, 200), (10, 800), (-10, 400), (-10, 300), (-10, 240), lot=1)
    clearing = clear_book(book, rule=Rule.MCAFEE)  # (800 + 240)/2 is above 300
    assert clearing.trade.tolist() == [10, 0, 0, -10, 0, 0]
    assert (clearing.sell_price, clearing.buy_price, clearing.take) == (200, 300, 1000)
    assert clearing.payment.tolist() == [-2000, 0, 0, 3000, 0, 0]
    # What the two would have gained is given up: 10·(300 − 200).
    assert certify(book, clearing).gap >= 1000


def test_under_mcafee_a_better_limit_can_trade_less_where_sizes_differ() -> None:
    """With the better limit the buyer reaches the second seller, and so these two are the last ones."""
    orders = (11, 1), (25, 2)
    assert clear_book(book_of(*orders, (-31, 1)), rule=Rule.MCAFEE).trade.tolist() == [11, 0, -11]
    assert clear_book(book_of(*orders, (-31, 2)), rule=Rule.MCAFEE).trade.tolist() == [0, 0, 0]


@given(st.lists(st.tuples(st.sampled_from([-5, 5]), st.integers(0, 30)), min_size=2, max_size=10), st.data())
@settings(max_examples=150)
def test_with_orders_of_one_size_nobody_gains_by_bidding_something_else_under_mcafee(
    orders: list[tuple[int, int]], data: st.DataObject
) -> None:
    book = book_of(*orders, lot=1)
    at, lie = data.draw(st.integers(0, len(orders) - 1)), data.draw(st.integers(-5, 35))
    limit = book.limit.copy()
    limit[at] = lie

    def gain(x: Book) -> int:
        clearing = clear_book(x, rule=Rule.MCAFEE)
        return int(-clearing.trade[at] * book.limit[at] - clearing.payment[at])

    # A price that is rounded down favours buyers by half a coin a unit; that is all there is to gain.
    assert gain(replace(book, limit=limit)) <= gain(book) + 5


def test_nobody_is_worse_off_though_one_buyer_has_to_pay_what_three_sellers_were_rounded_up() -> None:
    book = book_of((1, 1), (1, 1), (1, 1), (-3, 4), lot=3)
    clearing = clear_book(book, share=0.0)
    # At price 1 a unit is a third of a coin; sellers who must not lose get one each, and the buyer's 3 units cost 3.
    assert clearing.sell_price == 1
    assert clearing.payment.tolist() == [-1, -1, -1, 3]


def test_rounding_prefers_those_with_slack_and_falls_back_where_there_is_not_enough() -> None:
    def rounded(slack: list[int], extra: int) -> list[int]:
        lost, size = np.array([-0.5, -0.4, -0.3, 0.0]), np.array([1, 1, 1, 1])
        return round_off(np.zeros(4, dtype=np.int64), lost, np.array(slack), size, extra).tolist()

    assert rounded([1, 1, 1, 0], 2) == [1, 1, 0, 0]
    assert rounded([0, 1, 1, 0], 2) == [0, 1, 1, 0]
    assert rounded([0, 0, 0, 3], 2) == [0, 0, 0, 2]
    assert rounded([0, 1, 0, 9], 3) == [0, 1, 0, 2]
    assert rounded([0, 0, 1, 0], 2) == [1, 1, 0, 0]  # no whole amounts keep everybody
    assert rounded([0, 0, 0, 0], 0) == [0, 0, 0, 0]


# Limits --------------------------------------------------------------------------------------------------------------


def test_the_largest_book_is_exact() -> None:
    # 2^53 - 2 units at up to 255: each product is below 2^61, and every answer is that of Python's integers.
    most = 2**52 - 1
    book = book_of((most, 255), (-most, 255), lot=1)
    clearing = clear_book(book)
    assert clearing.payment.tolist() == [-most * 255, most * 255]
    assert certify(book, clearing).is_proved
    third = book_of((most // 3, 7), (most // 3, 7), (most // 5, 7), (-most // 2, 7), lot=1)
    assert_as_the_oracle(third, clear_book(third), Rule.UNIFORM, 0.5, 0)


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("quantity", {"quantity": np.array([2**52, -(2**52)])}),
        ("quantity", {"quantity": np.array([2**53 + 1, 0])}),
        ("quantity", {"quantity": np.array([1.0, -1.0])}),
        ("quantity", {"quantity": np.array([[1, -1]])}),
        ("limit", {"limit": np.array([2**54, 0])}),
        ("limit", {"quantity": np.array([2**30, -(2**30)]), "limit": np.array([2**30, 1])}),
        ("limit", {"limit": np.array([1, 2, 3])}),
        ("limit", {"limit": np.array([0.5, 1.0])}),
        ("limit", {"limit": np.array([2**63, 1], dtype=np.uint64)}),
        ("priority", {"priority": np.array([1])}),
        ("lot", {"lot": 0}),
    ],
)
def test_books_that_cannot_be_cleared_exactly_are_refused(field: str, change: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match=rf"^{field}") as fault:
        Book(**({"quantity": np.array([1, -1]), "limit": np.array([1, 2])} | change))
    assert fault.value.expected


@pytest.mark.parametrize(("field", "terms"), [("share", {"share": 1.5}), ("share", {"share": float("nan")}),
                                              ("fee", {"fee": -1}), ("fee", {"fee": 2**60}),
                                              ("limit", {"fee": 2**52})])  # fmt: skip
def test_terms_that_make_no_sense_are_refused(field: str, terms: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match=rf"^{field}"):
        clear_book(book_of((1000, 10), (-1000, 20)), **terms)


def test_a_short_fuzz_finds_nothing() -> None:
    tally = fuzz(books=1000, seed=3)
    assert tally.books == 1000
    assert min(tally.kinds["empty or one-sided"], tally.kinds["with ties in limits"], tally.kinds["mcafee"]) > 150
    assert tally.kinds["in which something trades"] > 250
    assert tally.findings == 0, tally.first
