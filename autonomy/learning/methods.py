"""The training methods by name; each loads its libraries only when it is called."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from autonomy.errors import OptionalDependencyError
from autonomy.learning.order import Method, Order, Progress, Trained


def by_gradient(order: Order, folder: Path, progress: Callable[[Progress], None]) -> Trained:
    """Train by the gradient through the simulator, see `autonomy.learning.gradient`."""
    try:
        from autonomy.learning.gradient.method import carry_out  # noqa: PLC0415 - loads torch
    except ImportError:
        raise OptionalDependencyError("training", "train") from None

    return carry_out(order, folder, progress)


METHODS: dict[str, Method] = {"gradient": by_gradient}
"""By name."""
