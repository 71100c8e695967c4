"""Exact amounts: how floats become fractions, fractions text, and documents bytes; see docs/safety-certificates.md."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

MOST_DECIMALS = 18
"""Digits behind the point up to which a fraction is written as a decimal."""
MILLIWATT = Fraction(1, 1_000_000)
"""kW."""


def exact(value: float) -> Fraction:
    """Return the fraction that a finite float prints as: its shortest decimal, 0.1 for 0.1."""
    return Fraction(repr(float(value)))


def exact_all(values: Iterable[float]) -> tuple[Fraction, ...]:
    """Return `exact` of each."""
    return tuple(exact(value) for value in values)


def or_none(values: Iterable[float]) -> tuple[Fraction | None, ...]:
    """Return `exact` of each limit, None for an infinite one."""
    return tuple(None if value in (float("inf"), float("-inf")) else exact(value) for value in values)


def whole_milliwatts(milliwatts: Iterable[int]) -> tuple[Fraction, ...]:
    """Return whole mW in kW."""
    return tuple(Fraction(int(number), 1_000_000) for number in milliwatts)


def text(amount: Fraction) -> str:
    """Return a whole number, a decimal without exponent, or a quotient, that `Fraction` reads as the same amount."""
    denominator, digits = amount.denominator, 0
    for factor in (2, 5):
        power = 0
        while denominator % factor == 0:
            denominator, power = denominator // factor, power + 1
        digits = max(digits, power)
    if denominator != 1 or digits > MOST_DECIMALS:
        return str(amount)
    if digits == 0:
        return str(amount.numerator)
    number = abs(amount.numerator) * 10**digits // amount.denominator
    whole, rest = divmod(number, 10**digits)
    return f"{'-' if amount < 0 else ''}{whole}.{rest:0{digits}d}"


def texts(amounts: Iterable[Fraction]) -> list[str]:
    """Return `text` of each."""
    return [text(amount) for amount in amounts]


def limit_texts(limits: Iterable[Fraction | None]) -> list[str | None]:
    """Return `text` of each limit, None for none."""
    return [None if limit is None else text(limit) for limit in limits]


def range_texts(low: Sequence[Fraction], high: Sequence[Fraction]) -> list[list[str]]:
    """Return pairs of `text`."""
    return [[text(least), text(most)] for least, most in zip(low, high, strict=True)]


def clip(value: Fraction, low: Fraction, high: Fraction) -> Fraction:
    """Return the number in low..high that is nearest to the value."""
    return min(max(value, low), high)


def canonical(document: dict[str, Any]) -> bytes:
    """Return the bytes of a certificate: ASCII, keys sorted, no spaces."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


def digest(document: dict[str, Any]) -> str:
    """Return the SHA-256 that names a certificate."""
    return hashlib.sha256(canonical(document)).hexdigest()
