"""What a wrong number looks like: a sign, a scale, another unit, or the number of the step before."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from autonomy.layers.arrays import Mask, Matrix

SHARE = 0.5
"""Share of the numbers that an explanation has to fit; batteries that ran full or empty by the mistake fit none."""
SLACK = 1e-3
"""Fraction by which a fitting number may be off, beside the tolerance."""


def likeness(expected: Matrix, found: Matrix, *, tolerance: float, timestep_h: float) -> str:
    """Return ", which looks like …" for two (T, N) tables that should be equal; empty where nothing fits.

    Args:
        expected: What should have been, kW or kWh, one row a step.
        found: What was.
        tolerance: What a number may be off by.
        timestep_h: Hours of a step, by which kW and kWh of a step differ.
    """
    asked = np.abs(expected) > 2 * tolerance
    # What a mistake ran full or empty does nothing from then on, and explains nothing.
    told = asked & (np.abs(found) > tolerance)
    if not told.any():
        return ", which looks like nothing at all" if asked.any() else ""
    ratio = float(np.median(found[told] / expected[told]))
    known = [(words, factor * expected) for factor, words in _factors(timestep_h)]
    scale = f"a scale of {ratio:.4g}" if ratio > 0 else f"the sign reversed and a scale of {-ratio:.4g}"
    guesses = [*known, (scale, ratio * expected)] if abs(ratio - 1.0) > SLACK else known
    shares = [(_share(guess, found, told, tolerance), words) for words, guess in guesses]
    if len(expected) > 1 and told[:-1].any():
        share = _share(expected[:-1], found[1:], told[:-1] | told[1:], tolerance)
        shares.insert(0, (share, "the number of one step before (a delay that nobody took into account?)"))
    best = max(shares, key=lambda item: item[0])
    return f", which looks like {best[1]}" if best[0] >= SHARE else ""


def _factors(timestep_h: float) -> Sequence[tuple[float, str]]:
    energy = (
        ()
        if timestep_h == 1.0
        else (
            (timestep_h, f"kWh of a step where kW are meant (a factor of {timestep_h:g})"),
            (1.0 / timestep_h, f"kW taken for kWh of a step (a factor of {1.0 / timestep_h:g})"),
        )
    )
    return (
        (-1.0, "the sign reversed"),
        *energy,
        (1e3, "W where kW are meant"),
        (1e-3, "kW taken for W"),
        (1e2, "per cent where a fraction is meant"),
    )


def _share(expected: Matrix, found: Matrix, told: Mask, tolerance: float) -> float:
    """Return the share of the numbers worth looking at that a guess explains."""
    off = np.abs(found - expected)[told]
    room = tolerance + SLACK * np.abs(expected)[told]
    return float(np.mean(off <= room))
