"""`autonomy benchmark market`: order books of all sizes, and many small markets at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autonomy.benchmark.clock import hot
from autonomy.benchmark.table import Table
from autonomy.market import Book, certify, clear_book, clear_many, payments
from autonomy.report.quantity import MISSING, duration
from autonomy.solvers.auction import MANY, load_auction

SCHEMA = "autonomy-benchmark-market/1"
BATCHES = (1, 12), (1, 100), (64, 12), (1024, 12), (8760, 17)
"""Markets and prosumers cleared in one call; the last is a year of the demo community."""
DISTINCT = 4
"""Different books or batches that calls take turns with."""
FEED_IN, RETAIL, TIMESTEP_H = 0.06, 0.40, 0.25


@dataclass(frozen=True, kw_only=True, slots=True)
class MarketRow:
    """Cost of one call.

    Attributes:
        call: `clear_book`, `clear_many` or `payments`.
        lane: Machine code or NumPy.
        markets: Cleared by one call.
        orders: Of each market.
        calls: Calls timed.
        p50_s: Median time of a call.
        p90_s: 90th percentile.
        orders_per_s: Orders of all markets over the median.
        imbalance: Units, and micro-currency, by which trades and payments do not sum to 0; the largest of all books.
        gap: Largest surplus gap of a certificate, NaN where there is none.
    """

    call: str
    lane: str
    markets: int
    orders: int
    calls: int
    p50_s: float
    p90_s: float
    orders_per_s: float
    imbalance: float
    gap: float

    @property
    def is_exact(self) -> bool:
        """Whether everything balances and every certificate proves its outcome."""
        return self.imbalance == 0 and not self.gap > 0


def random_book(orders: int, random: np.random.Generator) -> Book:
    """Return orders of up to 5 kWh with limits between 0.06 and 0.40 and a thousand times of arrival."""
    return Book(
        quantity=random.integers(-5000, 5001, orders),
        limit=random.integers(60_000, 400_000, orders),
        priority=random.integers(0, 1000, orders),
    )


def measure_books(orders: int, *, calls: int, seed: int, overhead_s: float) -> MarketRow:
    """Time `clear_book`, payments included, and certify every outcome outside the clock."""
    random = np.random.default_rng([seed, orders])
    books = [random_book(orders, random) for _ in range(DISTINCT)]
    outcomes = [clear_book(book) for book in books]
    proofs = [certify(book, outcome) for book, outcome in zip(books, outcomes, strict=True)]
    if any(proof.faults for proof in proofs):
        raise RuntimeError(next(proof.faults for proof in proofs if proof.faults)[0])
    gap = max(proof.gap for proof in proofs)
    off = max(max(abs(int(x.trade.sum())), abs(int(x.payment.sum()))) for x in outcomes)
    return _row("clear_book", clear_book, books, (1, orders), (calls, overhead_s), (off, gap))


def measure_batch(markets: int, size: int, *, calls: int, seed: int, overhead_s: float) -> tuple[MarketRow, MarketRow]:
    """Time `clear_many` and `payments` of what it cleared."""
    random = np.random.default_rng([seed, markets, size])
    tariff: dict[str, Any] = {"feed_in_price": FEED_IN, "retail_price": RETAIL}
    shape = markets, size
    batches = [(random.normal(0.0, 3.0, shape), random.uniform(0.0, 0.5, shape)) for _ in range(DISTINCT)]
    outcomes = [clear_many(offer, bid, **tariff) for offer, bid in batches]

    def clear_batch(batch: Any) -> Any:
        return clear_many(*batch, **tariff)

    def pay(outcome: Any) -> Any:
        return payments(outcome.trade_kw, outcome.price[:, None], timestep_h=TIMESTEP_H, **tariff)

    traded = max(float(np.abs(x.trade_kw.sum(axis=1)).max()) for x in outcomes)
    paid = max(float(np.abs(pay(x).sum(axis=1)).max()) for x in outcomes)
    return (
        _row("clear_many", clear_batch, batches, shape, (calls, overhead_s), (traded, float("nan"))),
        _row("payments", pay, outcomes, shape, (calls, overhead_s), (paid, float("nan"))),
    )


def _row(
    call: str,
    answer: Callable[[Any], Any],
    arguments: Sequence[Any],
    shape: tuple[int, int],
    timing: tuple[int, float],
    found: tuple[float, float],
) -> MarketRow:
    calls, overhead_s = timing
    imbalance, gap = found
    seconds = hot(answer, arguments, calls, overhead_s).seconds
    return MarketRow(
        call=call,
        lane="NumPy" if load_auction() is None or shape[1] > MANY else "machine code",
        markets=shape[0],
        orders=shape[1],
        calls=calls,
        p50_s=float(np.median(seconds)),
        p90_s=float(np.quantile(seconds, 0.9)),
        orders_per_s=shape[0] * shape[1] / float(np.median(seconds)),
        imbalance=float(imbalance),
        gap=float(gap),
    )


def market_tables(rows: Sequence[MarketRow]) -> tuple[Table, ...]:
    """Return what a call costs, and that nothing was lost."""
    cells = tuple(
        (
            row.call,
            row.lane,
            f"{row.markets:,}",
            f"{row.orders:,}",
            duration(row.p50_s),
            duration(row.p90_s),
            f"{row.orders_per_s / 1e6:,.2f}",
            f"{row.imbalance:g}",
            MISSING if np.isnan(row.gap) else f"{row.gap:g}",
        )
        for row in rows
    )
    return (
        Table(
            title="Markets cleared",
            note="Median and 90th percentile of a call in a tight loop over different books; million orders a second. "
            "Imbalance: by how much trades and payments do not sum to 0; gap: what a better clearing could add.",
            head=("call", "lane", "markets", "orders", "p50", "p90", "M orders/s", "imbalance", "gap"),
            rows=cells,
        ),
    )
