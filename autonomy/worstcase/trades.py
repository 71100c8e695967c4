"""Budget balance and individual rationality of a clearing, as a certificate that needs nothing but whole numbers."""

from __future__ import annotations

from typing import Any

from autonomy.layers.errors import ModelError
from autonomy.market.auction import BookClearing
from autonomy.market.book import Book
from autonomy.market.certificate import certify


def market_certificate(book: Book, clearing: BookClearing, *, feed_in: int, retail: int) -> dict[str, Any]:
    """Return the certificate of kind "market".

    Args:
        book: The orders, limits between the two tariffs.
        clearing: The outcome.
        feed_in: Micro-currency per lot that the grid pays.
        retail: Micro-currency per lot that the grid asks.

    Raises:
        ModelError: the outcome has a fault, which is named; there is nothing to certify then.
    """
    found = certify(book, clearing)
    if found.faults:
        raise ModelError("clearing", "; ".join(found.faults), "an outcome without faults")
    values = [
        limit - (clearing.fee if quantity < 0 else 0)
        for quantity, limit in zip(book.quantity.tolist(), book.limit.tolist(), strict=True)
    ]
    price, gap = _dual(book.quantity.tolist(), values, clearing.trade.tolist())
    return {
        "format": "autonomy-certificate/1",
        "kind": "market",
        "statement": f"{clearing.traded} units change hands; the budget balances and nobody is worse off than with "
        "the grid.",
        "lot": book.lot,
        "fee": clearing.fee,
        "orders": [
            {"quantity": quantity, "limit": limit}
            for quantity, limit in zip(book.quantity.tolist(), book.limit.tolist(), strict=True)
        ],
        "trades": clearing.trade.tolist(),
        "payments": clearing.payment.tolist(),
        "sell_price": clearing.sell_price,
        "buy_price": clearing.buy_price,
        "take": clearing.take,
        "feed_in": feed_in,
        "retail": retail,
        "dual_price": price,
        "gap": gap,
    }


def _dual(quantities: list[int], values: list[int], trades: list[int]) -> tuple[int, int]:
    """Return the price at which what all orders would gain is least, and by how much that exceeds the trades' worth."""
    worth = -sum(value * trade for value, trade in zip(values, trades, strict=True))
    gains = {
        price: sum(max(0, q * (price - v)) for q, v in zip(quantities, values, strict=True)) for price in set(values)
    }
    price = min(gains, key=lambda p: (gains[p], p), default=0)
    return price, gains.get(price, 0) - worth
