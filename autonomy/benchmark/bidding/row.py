"""One line of the results: what a community bids in an auction, and how its prosumers stand with it."""

from __future__ import annotations

from dataclasses import dataclass

SCHEMA = "autonomy-benchmark-bidding/1"
OWN = "own"
"""Stands for the bids of the policy itself, among those that its rivals would give in the same markets."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BiddingRow:
    """How bids fared. Money is currency a week; prices are places between the tariffs: 0 feed-in, 1 retail (less fee).

    Attributes:
        community: Its name.
        policy: Name or path of who runs the batteries, with {seed} where there are several.
        seed: Which of them.
        bids: `OWN`, or a name of `autonomy.benchmark.bidding.rivals`.
        rule: How prices are found, a name of `autonomy.benchmark.bidding.rules`.
        fee: Currency/kWh that buyers pay on top.
        n_prosumers: N.
        n_weeks: Number of weeks.
        orders: How many orders of more than a milliwatt in markets with two sides.
        outside: How many of them ask less than feed-in, or bid more than retail.
        lowest: Price of the lowest order.
        ask: Median ask, by energy.
        bid: Median bid, by energy.
        highest: Price of the highest order.
        price: Mean price that sellers get, by energy.
        cleared: Share of the energy that could be traded.
        cleared_worth: The same, each kWh by retail − feed-in − fee.
        losers: Prosumers that a step of trade cost more than the grid alone.
        bill: Mean over prosumers, without trade.
        saving: Mean, by trade.
        regret: Mean of what a prosumer would save more by bidding truthfully, the others as they are.
        regret_worst: Of the prosumer with most of it.
        regret_share: Largest of any prosumer, as a share of its bill without trade, where that is above 0.
        regret_week: Largest of any prosumer in any single week.
        constant: Mean of what the best constant order in hindsight would save more.
        constant_worst: Of the prosumer with most of it.
        hourly: Mean of what the best order of every hour would save more.
        hourly_worst: Of the prosumer with most of it.
        moved: Mean of the absolute differences to what each would save if everybody bid truthfully.
    """

    community: str
    policy: str
    seed: int
    bids: str
    rule: str
    fee: float
    n_prosumers: int
    n_weeks: int
    orders: int
    outside: int
    lowest: float
    ask: float
    bid: float
    highest: float
    price: float
    cleared: float
    cleared_worth: float
    losers: int
    bill: float
    saving: float
    regret: float
    regret_worst: float
    regret_share: float
    regret_week: float
    constant: float
    constant_worst: float
    hourly: float
    hourly_worst: float
    moved: float
