"""An order book in whole numbers, and how large its numbers may be."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autonomy.layers.arrays import Index, frozen, require
from autonomy.layers.errors import ModelError
from autonomy.solvers.auction import DIGITS, LARGEST_PRICE

WH_PER_KWH = 1000
LARGEST_VALUE = 2**61
"""Units times price: the largest limit (with the fee) times all units on the book is less, so that every sum of money
is exact in 64 bits."""
LARGEST_TOTAL = 2**DIGITS
"""Units: all quantities on the book sum to less."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Book:
    """The orders of one market.

    Attributes:
        quantity: (N,) units, + = sells up to this, − = buys up to this; 0 is no order. With the usual prices a Wh.
        limit: (N,) micro-currency per `lot` units: the least a seller takes, the most a buyer pays.
        priority: (N,) whole numbers, e.g. times of arrival; among equal limits the lower comes first. All alike unless
            given.
        lot: Units to which a price refers: 1000 for Wh and prices per kWh.

    Raises:
        ModelError: a number is not whole or too large, or shapes differ.
    """

    quantity: Index
    limit: Index
    priority: Index = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    lot: int = WH_PER_KWH

    def __post_init__(self) -> None:
        quantity = _whole("quantity", self.quantity)
        limit = _whole("limit", self.limit)
        priority = _whole("priority", self.priority)
        if quantity.ndim != 1:
            raise ModelError("quantity", f"an array of shape {quantity.shape}", "an array of shape (N,)")
        if not priority.size:
            priority = np.zeros(quantity.size, dtype=np.int64)
        for name, values in (("limit", limit), ("priority", priority)):
            if values.shape != quantity.shape:
                raise ModelError(name, f"an array of shape {values.shape}", f"an array of shape {quantity.shape}")
        if not 0 < self.lot < LARGEST_TOTAL:
            raise ModelError("lot", self.lot, f"a whole number of units > 0 and < 2^{DIGITS}")
        for name, values in (("quantity", quantity), ("limit", limit)):
            object.__setattr__(self, name, frozen(values, np.int64))
            require(name, values, np.abs(values) <= LARGEST_PRICE, "at most 2^53 in size")
        object.__setattr__(self, "priority", frozen(priority, np.int64))
        # Quantities of 2^53 each, so many that 64 bits wrap, are caught by the sum in floats.
        total = float(np.abs(quantity).sum(dtype=np.float64))
        if not total < LARGEST_TOTAL:
            raise ModelError("quantity", total, f"less than 2^{DIGITS} units on the book in all")
        self.require_exact(0)

    @property
    def total(self) -> int:
        """Units on the book, sales and purchases together."""
        return int(np.abs(self.quantity).sum())

    def require_exact(self, fee: int) -> None:
        """Raise `ModelError` if money could exceed 64 bits with a fee on top of limits.

        Raises:
            ModelError: (largest limit + fee)·units is not below 2^61, or the fee is negative.
        """
        if not 0 <= fee <= LARGEST_PRICE:
            raise ModelError("fee", fee, "a whole number of micro-currency >= 0, at most 2^53")
        largest = int(np.abs(self.limit).max(initial=0)) + fee
        if not largest * self.total < LARGEST_VALUE:
            raise ModelError("limit", largest, f"with {self.total} units on the book less than 2^61/{self.total}")


def _whole(name: str, values: Any) -> Index:
    array = np.asarray(values)
    if not (np.issubdtype(array.dtype, np.integer) or array.size == 0):
        raise ModelError(name, f"an array of {array.dtype}", "whole numbers")
    if array.dtype.kind == "u" and array.size and int(array.max()) > np.iinfo(np.int64).max:
        raise ModelError(name, int(array.max()), "whole numbers of 64 bits with a sign")
    whole: Index = array.astype(np.int64)
    return whole
