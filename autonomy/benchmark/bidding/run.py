"""Playing weeks, and measuring what is bid in their markets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from autonomy.benchmark.bidding.rivals import RIVALS
from autonomy.benchmark.bidding.row import OWN, BiddingRow
from autonomy.benchmark.bidding.rules import RULES
from autonomy.benchmark.dispatch.communities import place
from autonomy.errors import ConfigError
from autonomy.layers.arrays import Mask, Vector
from autonomy.learning.bidding.books import LEAST_KW, Books, Markets
from autonomy.learning.bidding.market import Cleared, Orders, Terms, clear_orders, orders_by
from autonomy.learning.bidding.measure import PRICES, SHARES, regrets, standing_of
from autonomy.learning.bidding.play import books_of
from autonomy.learning.bidding.school import seen
from autonomy.learning.policy import LearnedPolicy
from autonomy.policies import load_policy

SEED = "{seed}"
NEAR = 1e-9
"""Currency/kWh, and currency, below which a difference is rounding."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What is measured.

    Attributes:
        communities: Names of `autonomy.benchmark.dispatch.communities`.
        policies: Names or paths of learned policies; {seed} stands for each seed.
        rivals: Names of `RIVALS`.
        rules: Names of `RULES`.
        fees: Currency/kWh.
        forecast: Kind of forecast that the policies get.
        weeks: Held-out weeks, from the first.
        seeds: From 0.
        prices: How many prices, from feed-in to retail, a prosumer tries.
        shares: How many shares of what it has left it tries to offer with each.
    """

    communities: tuple[str, ...]
    policies: tuple[str, ...]
    rivals: tuple[str, ...]
    rules: tuple[str, ...]
    fees: tuple[float, ...]
    forecast: str
    weeks: int
    seeds: int
    prices: int = PRICES.size
    shares: int = SHARES.size

    @property
    def tries(self) -> dict[str, Vector]:
        """The prices and shares that are tried."""
        return {"prices": np.linspace(0.0, 1.0, self.prices), "shares": np.arange(self.shares, 0, -1) / self.shares}

    @property
    def players(self) -> tuple[tuple[str, int], ...]:
        """Every policy with each of its seeds."""
        return tuple((name, seed) for name in self.policies for seed in range(self.seeds if SEED in name else 1))


def measure(plan: Plan, progress: Callable[[str], None] = lambda _: None) -> Iterator[BiddingRow]:
    """Yield a row for each community, auction, and who bids; rivals bid in the markets of the first policy and seed.

    Raises:
        ConfigError: a policy is unknown, or none that bids by what it learned.
    """
    policies = {player: learned(player[0].replace(SEED, str(player[1]))) for player in plan.players}
    for community in plan.communities:
        for first, (player, policy) in enumerate(policies.items()):
            progress(f"{community}: {player[0].replace(SEED, str(player[1]))}")
            books = played(policy, community, plan)
            gates = policy.gates(*books.told)
            for rule in plan.rules:
                for fee in plan.fees:
                    terms = RULES[rule]._replace(fee=fee)
                    bids = {OWN: orders_by(books.markets, gates, fee)}
                    if first == 0:
                        bids |= {name: RIVALS[name](books.markets, fee) for name in plan.rivals}
                    for name, orders in bids.items():
                        case = Case(community=community, player=player, bids=name, rule=rule)
                        yield row_of(case, books, orders, terms, plan.tries)


def learned(name: str) -> LearnedPolicy:
    """Return a learned policy.

    Raises:
        ConfigError: there is none under the name.
    """
    policy = load_policy(name)
    if not isinstance(policy, LearnedPolicy):
        raise ConfigError("--policies", "", f"found {name!r}; expected learned policies, which bid by their weights")
    return policy


def played(policy: LearnedPolicy, community: str, plan: Plan) -> Books:
    """Return the markets of the plan's weeks in a community that a policy runs."""
    where = place(community)
    prices = {} if policy.card is None else policy.card.prices
    weeks = [week.start for week in where.year.held_out_weeks()][: plan.weeks]
    return books_of(policy, seen(where, plan.forecast, prices), weeks)


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """What a row is about, as in `BiddingRow`.

    Attributes:
        community: The row's.
        player: Policy and seed.
        bids: The row's.
        rule: The row's.
    """

    community: str
    player: tuple[str, int]
    bids: str
    rule: str


def row_of(
    case: Case, books: Books, orders: Orders, terms: Terms, tries: Mapping[str, Vector] | None = None
) -> BiddingRow:
    """Return how orders fare in an auction, against the `Plan.tries` of each prosumer."""
    markets, weeks = books.markets, books.weeks
    stood, cleared = standing_of(orders, books, terms, **(tries or {})), clear_orders(markets, orders, terms)
    counts = np.abs(orders.offer_kw) > LEAST_KW
    counts[np.setdiff1d(np.arange(len(counts)), markets.two_sided)] = False
    gate, energy = _places(markets, orders, terms.fee), np.abs(orders.offer_kw)
    asks, bids = counts & (orders.offer_kw > 0.0), counts & (orders.offer_kw < 0.0)
    by_week = regrets(markets, orders, terms).reshape(-1, weeks, markets.net_kw.shape[1]).sum(axis=0)
    pays = stood.alone > NEAR
    return BiddingRow(
        community=case.community,
        policy=case.player[0],
        seed=case.player[1],
        bids=case.bids,
        rule=case.rule,
        fee=terms.fee,
        n_prosumers=stood.alone.size,
        n_weeks=weeks,
        orders=int(counts.sum()),
        outside=int((_beyond(markets, orders) & counts).sum()),
        lowest=float(gate[counts].min(initial=np.inf)),
        ask=_median(gate, energy, asks),
        bid=_median(gate, energy, bids),
        highest=float(gate[counts].max(initial=-np.inf)),
        price=_price(markets, cleared, terms.fee),
        cleared=stood.traded_kwh / stood.could_kwh if stood.could_kwh > 0.0 else np.nan,
        cleared_worth=stood.traded_worth / stood.could_worth if stood.could_worth > 0.0 else np.nan,
        losers=int((cleared.saving < -NEAR).any(axis=0).sum()),
        bill=float(stood.alone.mean()),
        saving=float(stood.saving.mean()),
        regret=float(stood.regret.mean()),
        regret_worst=float(stood.regret.max()),
        regret_share=float((stood.regret[pays] / stood.alone[pays]).max(initial=-np.inf)),
        regret_week=float(by_week.max()),
        constant=float(stood.constant.mean()),
        constant_worst=float(stood.constant.max()),
        hourly=float(stood.hourly.mean()),
        hourly_worst=float(stood.hourly.max()),
        moved=float(np.abs(stood.saving - stood.all_truthful).mean()),
    )


def _places(markets: Markets, orders: Orders, fee: float) -> Vector:
    """Return (M, N) where prices lie: 0 feed-in, or feed-in and fee for who buys, 1 retail, or retail less fee."""
    between = markets.retail_price - markets.feed_in_price
    charged = np.minimum(fee, between)
    floor = markets.feed_in_price[:, None] + np.where(orders.offer_kw < 0.0, charged[:, None], 0.0)
    room = np.maximum(between - charged, NEAR)[:, None]
    places: Vector = (orders.price - floor) / room
    return places


def _beyond(markets: Markets, orders: Orders) -> Mask:
    too_little = orders.price < markets.feed_in_price[:, None] - NEAR
    beyond: Mask = too_little | (orders.price > markets.retail_price[:, None] + NEAR)
    return beyond


def _median(values: Vector, weight: Vector, where: Mask) -> float:
    """Return the value below which half of the weight lies; NaN where there is none."""
    if not where.any():
        return float("nan")
    order = np.argsort(values[where])
    total = weight[where][order].cumsum()
    return float(values[where][order][np.searchsorted(total, 0.5 * total[-1])])


def _price(markets: Markets, cleared: Cleared, fee: float) -> float:
    """Return the mean place of the price, by energy."""
    some = cleared.traded_kw > 0.0
    if not some.any():
        return float("nan")
    room = np.maximum(markets.retail_price - markets.feed_in_price - fee, NEAR)
    places = (cleared.price[some] - markets.feed_in_price[some]) / room[some]
    return float(np.average(places, weights=cleared.traded_kw[some]))
