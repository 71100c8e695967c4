"""`autonomy benchmark bidding`: rows that are what was bid, sums that add up, and words that are understood."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from autonomy.benchmark.bidding.rivals import RIVALS
from autonomy.benchmark.bidding.row import OWN, BiddingRow
from autonomy.benchmark.bidding.run import Case, Plan, learned, measure, played, row_of
from autonomy.benchmark.bidding.table import bidding_tables, sentence
from autonomy.cli import EXIT_ERROR, EXIT_OK, EXIT_UNSAFE, main
from autonomy.errors import ConfigError
from autonomy.learning.bidding.books import Books, Markets, Told
from autonomy.learning.bidding.market import Orders, Terms, clear_orders
from autonomy.learning.features import FEATURES
from autonomy.learning.features import OWN as OWN_FEATURES

CASE = Case(community="by hand", player=("learned-{seed}", 1), bids=OWN, rule="uniform")
PLAN = Plan(
    communities=("four",),
    policies=("learned-{seed}",),
    rivals=("midpoint", "truthful"),
    rules=("uniform", "mcafee"),
    fees=(0.0, 0.05),
    forecast="persistence",
    weeks=1,
    seeds=1,
)


def by_hand() -> tuple[Books, Orders]:
    """Two weeks of one market each: a buyer between two sellers, and nobody to sell to."""
    net = np.array([[3.0, 1.0, -2.0], [1.0, 1.0, 0.0]])
    markets = Markets(
        left_kw=net, net_kw=net, retail_price=np.full(2, 0.3), feed_in_price=np.full(2, 0.1), timestep_h=1.0
    )
    told = Told(np.zeros((2, FEATURES)), np.zeros(2), np.zeros((2, 3, OWN_FEATURES)))
    return Books(told, markets, 2), Orders(net, np.full(net.shape, 0.2))


@pytest.fixture(scope="module")
def rows() -> list[BiddingRow]:
    return list(measure(PLAN))


def test_a_row_worked_by_hand() -> None:
    books, orders = by_hand()
    row = row_of(CASE, books, orders, Terms())
    assert (row.community, row.policy, row.seed, row.n_prosumers, row.n_weeks) == ("by hand", "learned-{seed}", 1, 3, 2)
    assert (row.orders, row.outside, row.losers) == (3, 0, 0)
    assert (row.lowest, row.ask, row.bid, row.highest, row.price) == pytest.approx((0.5,) * 5)
    assert (row.cleared, row.cleared_worth) == (1.0, 1.0)
    # A week: bills of −0.3 − 0.1, −0.1 − 0.1 and 0.6 by two; savings of 0.15, 0.05 and 0.2 by two.
    assert row.bill == pytest.approx((-0.4 - 0.2 + 0.6) / 6)
    assert row.saving == pytest.approx(0.4 / 6)
    # Truthful, the first would lose 0.15 and the second gain 0.05, all in the first of two weeks.
    assert row.regret == pytest.approx((-0.15 + 0.05) / 6)
    assert row.regret_worst == pytest.approx(0.025)
    assert row.regret_week == pytest.approx(0.05)
    assert row.regret_share == pytest.approx(0.0)  # of those who pay: the buyer
    assert row.hourly == row.constant == pytest.approx((0.03 + 0.05) / 6)
    assert row.hourly_worst == row.constant_worst == pytest.approx(0.025)
    # If all bid truthfully the price is feed-in, and the buyer saves all of 0.4.
    assert row.moved == pytest.approx((0.15 + 0.05 + 0.2) / 6)


def test_who_tries_more_finds_no_less() -> None:
    books, orders = by_hand()
    few, more = (row_of(CASE, books, orders, Terms(), replace(PLAN, prices=count).tries) for count in (3, 101))
    # Of 3 prices the first seller can only ask what it asks, or the end; of 101 it asks 0.198 and sells 2 kW at it.
    assert few.hourly == pytest.approx(0.05 / 6)
    assert more.hourly == pytest.approx((2 * 0.098 - 0.15 + 0.05) / 6)
    np.testing.assert_allclose(PLAN.tries["shares"], [1.0, 0.75, 0.5, 0.25])


def test_prices_are_places_in_what_a_fee_leaves() -> None:
    books, orders = by_hand()
    row = row_of(CASE, books, Orders(orders.offer_kw, np.array([[0.125, 0.15, 0.25], [0.1, 0.1, 0.1]])), Terms(fee=0.1))
    assert (row.lowest, row.highest) == pytest.approx((0.25, 0.5))
    assert (row.ask, row.bid) == pytest.approx((0.25, 0.5))


def test_orders_beyond_the_tariffs_are_counted() -> None:
    books, orders = by_hand()
    beyond = row_of(
        CASE, books, Orders(orders.offer_kw, orders.price + np.array([[0.0, -0.11, 0.2], [9.0, 9.0, 9.0]])), Terms()
    )
    assert (beyond.outside, beyond.losers) == (2, 0)  # the auction clips them
    assert beyond.highest == pytest.approx(1.5)


def test_there_is_a_row_for_each_auction_and_bid(rows: list[BiddingRow]) -> None:
    keys = [(row.rule, row.fee, row.bids) for row in rows]
    assert keys == [
        (rule, fee, bids)
        for rule in ("uniform", "mcafee")
        for fee in (0.0, 0.05)
        for bids in (OWN, "midpoint", "truthful")
    ]


def test_learned_bids_lie_between_the_tariffs_and_nobody_loses(rows: list[BiddingRow]) -> None:
    for row in rows:
        assert row.outside == row.losers == 0
        assert -1e-9 <= row.lowest <= row.highest <= 1.0 + 1e-9
        assert 0.0 <= row.cleared <= 1.0
        assert row.constant <= row.hourly + 1e-9


def test_truthful_bids_clear_everything_and_have_no_regret(rows: list[BiddingRow]) -> None:
    for row in rows:
        if (row.bids, row.rule) == ("truthful", "uniform"):
            assert row.cleared == pytest.approx(1.0, abs=1e-9)
            assert row.regret_worst == row.regret_week == 0.0


def test_savings_of_a_community_are_what_its_trades_are_worth(rows: list[BiddingRow]) -> None:
    books = played(learned("learned-0"), "four", PLAN)
    orders = RIVALS["midpoint"](books.markets, 0.05)
    cleared = clear_orders(books.markets, orders, Terms(fee=0.05))
    row = next(row for row in rows if (row.rule, row.fee, row.bids) == ("uniform", 0.05, "midpoint"))
    room = np.maximum(books.markets.retail_price - books.markets.feed_in_price - 0.05, 0.0)
    assert cleared.saving.sum() == pytest.approx(float(room @ cleared.traded_kw), abs=1e-4)
    assert row.saving * row.n_prosumers == pytest.approx(cleared.saving.sum())


def test_tables_say_what_the_rows_say(rows: list[BiddingRow]) -> None:
    demo = [replace(row, community="demo", seed=seed, regret_worst=seed / 4) for row in rows for seed in (0, 1)]
    orders, gains, communities = bidding_tables([*rows, *demo], "USD")
    assert orders.rows[0][0] == "demo, uniform: learned-{seed}"
    assert any(line[0] == "1 unseen, mcafee, fee 0.05: truthful" for line in gains.rows)
    assert gains.rows[0][3] == "0.250"
    assert [line[0] for line in communities.rows] == ["four: learned-{seed}", "demo: learned-{seed}"]
    assert all(len(line) == len(table.head) for table in (orders, gains, communities) for line in table.rows)
    told = sentence(demo, "USD")
    assert "more than 0.250 USD a week" in told
    assert "4 prosumers of 1 community, 1 week each, uniform auction" in told


def test_a_rule_bids_nothing_that_it_learned() -> None:
    with pytest.raises(ConfigError, match="learned policies"):
        learned("self-consumption")


def test_the_command_leaves_rows_and_prints_the_amount(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "bidding"
    words = ["benchmark", "bidding", "--quick", "--weeks", "1", "--seeds", "1", "--policies", "learned-{seed}"]
    assert main([*words, "--rivals", "none", "--fees", "0,0.05", "--out", str(out)]) == EXIT_OK
    document = json.loads((out / "results.json").read_text(encoding="utf-8"))
    assert document["schema"] == "autonomy-benchmark-bidding/1"
    assert [(row["bids"], row["fee"]) for row in document["rows"]] == [(OWN, 0.0), (OWN, 0.05)]
    assert "No prosumer does worse than bidding truthfully by more than" in " ".join(capsys.readouterr().out.split())


def test_trade_that_costs_somebody_is_an_exit_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def planted(*args: object, **kwargs: object) -> list[BiddingRow]:
        return [replace(row_of(CASE, *by_hand(), Terms()), losers=1)]

    monkeypatch.setattr("autonomy.benchmark.bidding.run.measure", planted)
    assert main(["benchmark", "bidding", "--quick", "--out", str(tmp_path / "out")]) == EXIT_UNSAFE


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--policies", "mpc"], "learned policies"),
        (["--communities", "atlantis"], "atlantis"),
        (["--rules", "dutch"], "dutch"),
        (["--rivals", "honest"], "honest"),
        (["--fees", "much"], "numbers >= 0"),
        (["--fees", "-1"], "numbers >= 0"),
        (["--weeks", "14"], "expected 1 to 13"),
        (["--seeds", "0"], "--seeds"),
        (["--prices", "1"], "--prices"),
        (["--forecast", "horoscope"], "horoscope"),
    ],
)
def test_wrong_words_are_refused_before_any_work(
    words: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["benchmark", "bidding", *words, "--out", str(tmp_path / "out")]) == EXIT_ERROR
    assert told in " ".join(capsys.readouterr().err.split())
    assert not list(tmp_path.iterdir())
