"""The error of this package."""

from __future__ import annotations

from autonomy.layers.errors import AutonomyError


class DispatchError(AutonomyError):
    """No optimum was found; the sentence says what the solver said and what to look at."""
