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


def by_ppo(order: Order, folder: Path, progress: Callable[[Progress], None]) -> Trained:
    """Train by PPO, see `autonomy.learning.reinforcement`."""
    return _by_reinforcement("ppo", order, folder, progress)


def by_sac(order: Order, folder: Path, progress: Callable[[Progress], None]) -> Trained:
    """Train by SAC, see `autonomy.learning.reinforcement`."""
    return _by_reinforcement("sac", order, folder, progress)


def _by_reinforcement(name: str, order: Order, folder: Path, progress: Callable[[Progress], None]) -> Trained:
    try:
        from autonomy.learning.reinforcement.method import carry_out  # noqa: PLC0415 - loads torch
    except ImportError:
        raise OptionalDependencyError("training", "train") from None

    return carry_out(name, order, folder, progress)


def bids(order: Order, folder: Path, progress: Callable[[Progress], None]) -> Trained:
    """Train what is bid, and leave the batteries as they are, see `autonomy.learning.bidding`."""
    from autonomy.learning.bidding.method import carry_out  # noqa: PLC0415 - loads the simulator

    return carry_out(order, folder, progress)


METHODS: dict[str, Method] = {"gradient": by_gradient, "ppo": by_ppo, "sac": by_sac, "bids": bids}
"""By name."""
BUDGETS = {"gradient": "updates", "ppo": "steps", "sac": "steps", "bids": "updates"}
"""The setting that says how long each trains."""
LATER = frozenset({"bids"})
"""Methods that begin with weights that are trained already."""
