"""The peer-to-peer market: a double auction on quantities that are already safe, exact to the unit and the last coin.

Sellers' asks in ascending and buyers' bids in descending order form two step curves; everything left of their
intersection is traded, and everybody trades at one price. Where an interval of prices clears, the price lies `share` of
the way from its lower to its upper end: the k-double auction [Satterthwaite1989]. A trade moves money and no power.

    clear, clear_many     one step, or many at once, in kW and currency/kWh: what the simulator uses
    payments              what trades in kW cost, in whole micro-currency
    Book, clear_book      orders in Wh and micro-currency with priorities, for a host that keeps a market of its own
    certify               proof that no other trades are worth more
"""

from __future__ import annotations

from autonomy.market.auction import BookClearing, clear_book
from autonomy.market.book import Book
from autonomy.market.certificate import Certificate, certify
from autonomy.market.clearing import Clearing, Clearings, clear, clear_many
from autonomy.market.payment import payments
from autonomy.market.rule import Rule

__all__ = [
    "Book",
    "BookClearing",
    "Certificate",
    "Clearing",
    "Clearings",
    "Rule",
    "certify",
    "clear",
    "clear_book",
    "clear_many",
    "payments",
]
