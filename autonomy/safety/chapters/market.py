"""The market: trades and money balance to the last unit, and nobody is worse off than with the grid alone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from autonomy.faults.bound import CONFIDENCE, upper_bound
from autonomy.market.auction import clear_book
from autonomy.market.book import Book
from autonomy.safety.certificates import check_certificate
from autonomy.safety.chapters.runtime import measured, picked
from autonomy.safety.claim import Claim, Figure
from autonomy.safety.context import CHECKER, Context
from autonomy.safety.domain import ANY
from autonomy.safety.verdict import Verdict
from autonomy.safety.verifier import FAULTS
from autonomy.worstcase.trades import market_certificate

BALANCE, GAIN = ("trade sum", "trade"), ("worse off",)
BOOKS, MOST_ORDERS, MOST_WH = 300, 40, 5000
FEED_IN, RETAIL = 60_000, 300_000
"""Micro-currency per kWh."""
SEED = 20240613


def claims(context: Context) -> Iterator[Claim]:
    """Yield that the budget balances and everybody gains or breaks even: in every recorded step, in books at random."""
    record = context.record(context.policy)
    found = measured(context, record)
    for id_, rules, title, statement, sentence in (
        (
            "market.balance",
            BALANCE,
            "Trades and money balance",
            "Σ t = 0 and Σ payment = 0 in whole micro-currency, and t between 0 and n, in each of {decisions} steps.",
            "In each of {decisions:,} steps, sales equal purchases and payments sum to zero, to the last micro-unit.",
        ),
        (
            "market.gain",
            GAIN,
            "Nobody pays more than without the market",
            "Who trades pays no more than the own limit and than the tariff, to one micro-unit, in {decisions} steps.",
            "In none of {decisions:,} steps does anybody pay more, or get less, for a trade than at the grid's tariff.",
        ),
    ):
        broken = {rule: times for rule, times in found["broken"].items() if rule in rules}
        yield Claim(
            id=id_,
            title=title,
            statement=statement,
            sentence=sentence,
            verdict=Verdict.REFUTED if broken else Verdict.PROVED_EXACT,
            method="every cleared trade and payment judged again in fractions; docs/market.md has why it is so for "
            "all books",
            tool="verify.py, Python's fractions",
            checker=CHECKER,
            values=picked(found, "decisions", "broken"),
            witness=broken or None,
            certificate=record.market,
            check=(context.record_check(record),),
            **context.about(),
        )
    yield _books(context)


def _books(context: Context) -> Claim:
    """Return what clearing books at random shows: none was recorded, all kinds of orders are in them."""
    context.progress("clearing order books")
    random, faulty = np.random.default_rng(SEED), list[int]()
    largest: tuple[int, dict[str, Any]] = (-1, {})
    for number in range(BOOKS):
        book = _book(random)
        document = market_certificate(book, clear_book(book), feed_in=FEED_IN, retail=RETAIL)
        try:
            check_certificate(document)
        except FAULTS:
            faulty.append(number)
        if book.total > largest[0] and not faulty:
            largest = book.total, document
    upper = math.ceil(upper_bound(len(faulty), BOOKS) * 1e6) / 1e6
    values = {"trials": BOOKS, "failures": len(faulty), "upper": upper, "confidence": CONFIDENCE}
    certificate = context.write("market-book.json", largest[1])
    return Claim(
        id="market.books",
        title="Order books at random balance, too",
        statement=f"In {{failures}} of {{trials}} random books of up to {MOST_ORDERS} orders, Σ t or Σ payments is not "
        "0, somebody is worse off than with the grid, or trades of the same orders are worth more than the gap says.",
        sentence="In {failures} of {trials} order books drawn at random does money not balance or anybody lose by "
        "trading; docs/market.md has the proof for all books.",
        verdict=Verdict.REFUTED if faulty else Verdict.TESTED,
        method="uniform-price double auction of whole quanta; each clearing certified and checked",
        tool="verify.py, Python's integers",
        checker=CHECKER,
        values={**values, "largest_gap": float(largest[1].get("gap", 0))},
        bound=Figure(of="failures", label="books that do not balance"),
        witness={"seed": SEED, "books": faulty[:5]} if faulty else None,
        certificate=certificate,
        check=(
            {"kind": "count", **values},
            *(({"kind": "certificate", "as": "largest_", "certificate": certificate},) if largest[1] else ()),
        ),
        **context.about(ANY),
    )


def _book(random: np.random.Generator) -> Book:
    """Return a book with ties, empty orders, and sometimes one side only."""
    size = int(random.integers(1, MOST_ORDERS + 1))
    quantity = random.integers(-MOST_WH, MOST_WH + 1, size) * random.integers(0, 2, size)
    limit = random.choice([FEED_IN, RETAIL, *random.integers(FEED_IN, RETAIL + 1, 5).tolist()], size)
    return Book(quantity=quantity, limit=limit)
