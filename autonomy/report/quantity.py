"""Numbers as people read them. Every table of the report, on paper and on the console, formats through here."""

from __future__ import annotations

import math

MISSING = "–"
"""What stands where there is no number."""


def quantity(value: float, digits: int = 2) -> str:
    """Return `value` with thousands separators and `digits` decimals.

    A number that is not zero never reads as zero: 0.0004 kWh of shed load is "<0.01", not "0.00".
    """
    if math.isnan(value):
        return MISSING
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    # Adding 0.0 turns −0.0 into 0.0.
    text = f"{value + 0.0:,.{digits}f}".replace("-", "−")
    if value != 0 and not text.strip("−0."):
        smallest = f"{10.0**-digits:.{digits}f}"
        return f"<{smallest}" if value > 0 else f">−{smallest}"
    return text


def percent(fraction: float, digits: int = 1) -> str:
    """Return a fraction as per cent."""
    if not math.isfinite(fraction):
        return MISSING
    return f"{quantity(100 * fraction, digits)} %"


def duration(seconds: float) -> str:
    """Return a time in µs, ms or s, whichever reads best, with three significant digits."""
    if not math.isfinite(seconds):
        return MISSING
    if seconds == 0:
        return "0 s"
    for unit, scale in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        scaled = seconds * scale
        if abs(scaled) >= 0.9995 or unit == "µs":
            digits = 0 if abs(scaled) >= 99.95 else 1 if abs(scaled) >= 9.995 else 2
            return f"{quantity(scaled, digits)} {unit}"
    return MISSING


def count(number: int, singular: str, plural: str | None = None) -> str:
    """Return a number with its noun: "1 step", "2,184 steps"."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"
