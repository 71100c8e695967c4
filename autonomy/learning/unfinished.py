"""A training's folder under another name until it is finished; what was broken off is found there again."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from autonomy.errors import ConfigError
from autonomy.learning.curve import CURVE
from autonomy.learning.order import Method, Order, Progress, Trained

CHECKPOINTS = "checkpoints"
"""The folder in a training's folder without which there is nothing to go on from."""


def unfinished(folder: Path) -> Path:
    """Return where a training is until it is finished: beside its folder, so that it is on the same disk."""
    return folder.with_name(f"{folder.name}.unfinished")


def has_begun(folder: Path) -> bool:
    """Whether a training, or a sweep of them, was broken off with something to go on from."""
    part = unfinished(folder)
    return any(part.glob(f"**/{CHECKPOINTS}/chapter-*")) or any(part.glob(f"*/{CURVE}.csv"))


def require_fresh(folder: Path) -> None:
    """Refuse to begin anew where a training was broken off.

    Raises:
        ConfigError: one was.
    """
    if has_begun(folder):
        found = unfinished(folder)
        raise ConfigError("--out", "", f"{found} has a training that was broken off; --resume goes on, or remove it")


def require_same_training(folder: Path, told: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    """Refuse to go on with another training than was broken off.

    Args:
        folder: Of the checkpoints.
        told: Their `algorithm` and `recipe`, as JSON has them.
        own: Those that are asked for.

    Raises:
        ConfigError: they differ.
    """
    changed = ", ".join(_differences(told, own))
    if changed:
        problem = f"the checkpoints of {folder} are of another training ({changed}); give the same command"
        raise ConfigError("--resume", "", problem)


def train_unfinished(method: Method, order: Order, folder: Path, progress: Callable[[Progress], None]) -> Trained:
    """Train in the unfinished folder, and leave it there, complete, for the caller to give it its name.

    Broken off by an exception, it is kept if there is something to go on from. Killed, it is left as it is, and without
    a checkpoint the next training clears it away.
    """
    part = unfinished(folder)
    if not (order.resume and has_begun(folder)):
        shutil.rmtree(part, ignore_errors=True)
    part.mkdir(exist_ok=True)
    try:
        trained = method(order, part, progress)
    except BaseException:
        if not has_begun(folder):
            shutil.rmtree(part, ignore_errors=True)
        raise
    return trained._replace(weights=folder / trained.weights.name)


def _differences(told: Mapping[str, Any], own: Mapping[str, Any]) -> Iterator[str]:
    if told["algorithm"] != own["algorithm"]:
        yield f"{told['algorithm']}, not {own['algorithm']}"
    for name in sorted({*told["recipe"], *own["recipe"]}):
        there, here = told["recipe"].get(name), own["recipe"].get(name)
        if there != here:
            yield f"{name} = {there}, not {here}"
