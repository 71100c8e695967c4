"""Fuzz the market: python -m tests.fuzz_market --books 100000 --seed 0

Every random book is cleared by the rule and compared with the oracle (`tests/market_oracle.py`); its certificate has to
hold, the NumPy lane has to say the same as the machine code, and so does the book with its orders shuffled; with one
price, an order with a better limit must not trade less. Books come in blocks with a seed each, so `--start` goes on
where a run was broken off.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np

from autonomy.market import Book, BookClearing, Rule, certify, clear_book
from autonomy.market.match import match_slowly
from autonomy.solvers.auction import load_auction
from tests.market_oracle import Result, cleared

BLOCK = 1000
"""Books of one block."""
MOST_ORDERS = 14
MOST_UNITS = 40
"""Largest order under MCAFEE, whose oracle lines up single units."""


@dataclass
class Tally:
    """What was seen: books by kind, and whatever was wrong."""

    books: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    findings: int = 0
    first: str = ""

    def note(self, what: str, book: Book) -> None:
        self.findings += 1
        self.first = self.first or f"{what}: {book}"


def book_of(random: np.random.Generator, *, is_small: bool) -> Book:
    """Return a random book; one in five is one-sided, half have ties in limits, a third are empty in places."""
    size = int(random.integers(0, MOST_ORDERS + 1))
    largest = MOST_UNITS if is_small else int(random.choice([2, 40, 5_000, 2**30]))
    quantity = random.integers(0, largest + 1, size) * random.choice([-1, 1], size)
    if random.random() < 0.2:
        quantity = np.abs(quantity) * random.choice([-1, 1])
    if random.random() < 0.3:
        quantity[random.random(size) < 0.3] = 0
    low, high = ((0, 4), (-30, 31), (60_000, 400_000), (-(2**20), 2**20))[int(random.integers(0, 4))]
    times = int(random.choice([1, 3, 1000]))
    return Book(
        quantity=quantity,
        limit=random.integers(low, high, size),
        priority=random.integers(0, times, size),
        lot=int(random.choice([1, 7, 1000])),
    )


def is_same(clearing: BookClearing, said: Result) -> bool:
    prices = (clearing.sell_price, clearing.buy_price) if clearing.traded else (None, None)
    return (
        clearing.trade.tolist() == said.trade
        and clearing.payment.tolist() == said.payment
        and (clearing.take, *prices) == (said.take, said.sell_price, said.buy_price)
    )


def has_kept_everybody(book: Book, clearing: BookClearing) -> bool:
    """Whether money balances and nobody lost more than whole coins make unavoidable."""
    gain = -clearing.trade * book.limit - clearing.payment * book.lot
    exists = (-clearing.trade * book.limit // book.lot).sum() >= clearing.take
    return bool(
        clearing.trade.sum() == 0
        and clearing.payment.sum() == clearing.take >= 0
        and np.all(gain >= 0 if exists else gain > -book.lot)
    )


def examine(random: np.random.Generator, tally: Tally) -> None:
    """Clear one random book and note whatever is wrong."""
    rule = Rule.UNIFORM if random.random() < 0.6 else Rule.MCAFEE
    book = book_of(random, is_small=rule is Rule.MCAFEE)
    share, fee = float(random.integers(0, 9)) / 8, int(random.choice([0, 0, 1, 20, 20_000]))
    clearing = clear_book(book, rule=rule, share=share, fee=fee)
    orders = list(zip(book.quantity.tolist(), book.limit.tolist(), book.priority.tolist(), strict=True))
    if not is_same(clearing, cleared(orders, lot=book.lot, rule=rule.name.lower(), share=Fraction(share), fee=fee)):
        tally.note("not what the oracle says", book)
    if not has_kept_everybody(book, clearing):
        tally.note("money or trades do not balance, or somebody lost", book)
    certificate = certify(book, clearing)
    if certificate.faults or certificate.gap < 0 or (rule is Rule.UNIFORM and not certificate.is_proved):
        tally.note(f"no proof ({certificate})", book)
    level = book.limit - np.where(book.quantity < 0, fee, 0)
    slow = match_slowly(book.quantity, level, book.priority, rule=rule.value, share=share)
    if slow.trade.tolist() != clearing.trade.tolist():
        tally.note("NumPy and machine code differ", book)
    order = random.permutation(book.quantity.size)
    shuffled = replace(book, quantity=book.quantity[order], limit=book.limit[order], priority=book.priority[order])
    other = clear_book(shuffled, rule=rule, share=share, fee=fee)
    rows = (sorted(zip(*(a.tolist() for a in (x.quantity, x.limit, x.priority, y.trade)), strict=True))
            for x, y in ((book, clearing), (shuffled, other)))  # fmt: skip
    if next(rows) != next(rows) or (clearing.sell_price, clearing.take) != (other.sell_price, other.take):
        tally.note("the order of the book matters", book)
    if rule is Rule.UNIFORM and book.quantity.size:
        at, limit = int(random.integers(0, book.quantity.size)), book.limit.copy()
        limit[at] -= np.sign(book.quantity[at]) * random.integers(0, 40)
        better = clear_book(replace(book, limit=limit), rule=rule, share=share, fee=fee)
        if abs(better.trade[at]) < abs(clearing.trade[at]):
            tally.note(f"a better limit of order {at} trades less", book)
    sides = np.unique(np.sign(book.quantity[book.quantity != 0])).size
    values = book.limit[book.quantity != 0]
    tally.books += 1
    tally.kinds[rule.name.lower()] += 1
    tally.kinds["empty or one-sided"] += sides < 2
    tally.kinds["with ties in limits"] += np.unique(values).size < values.size
    tally.kinds["with zero quantities"] += bool((book.quantity == 0).any())
    tally.kinds["in which something trades"] += clearing.traded > 0
    tally.kinds["with a fee"] += fee > 0


def fuzz(*, books: int, seed: int, start: int = 0) -> Tally:
    """Examine `books` books, from block `start` on."""
    tally = Tally()
    for block in range(start, start + -(-books // BLOCK)):
        random = np.random.default_rng([seed, block])
        for _ in range(min(BLOCK, books - tally.books)):
            examine(random, tally)
    return tally


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--books", type=int, default=100_000)
    words.add_argument("--seed", type=int, default=0)
    words.add_argument("--start", type=int, default=0, help=f"first block of {BLOCK} books")
    options = words.parse_args()
    began = time.perf_counter()
    tally = fuzz(books=options.books, seed=options.seed, start=options.start)
    lane = "machine code and NumPy" if load_auction() is not None else "NumPy alone"
    print(f"{tally.books:,} books in {time.perf_counter() - began:.0f} s ({lane})")
    for kind, count in sorted(tally.kinds.items()):
        print(f"  {count:>7,} {kind}")
    print(f"findings: {tally.findings}")
    if tally.first:
        print(tally.first, file=sys.stderr)
    return 1 if tally.findings else 0


if __name__ == "__main__":
    sys.exit(main())
