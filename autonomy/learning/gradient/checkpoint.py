"""What a training by the gradient needs to go on after it was broken off: one file, complete or not there at all.

    chapter-01500.pt    weights, the best of them so far, Adam, generator, curve, and the recipe that they are of

Nothing else is carried from one update to the next, so a training that goes on ends with the same weights.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from autonomy.learning.gradient.recipe import GradientRecipe, Point
from autonomy.learning.unfinished import require_same_training

PART = "part"


class State(NamedTuple):
    """Where a training is.

    Attributes:
        module: Weights by name.
        best: Those of the best validation.
        optimiser: State of Adam.
        random: State of the generator.
        curve: All points so far; the last is of the present update.
    """

    module: dict[str, Tensor]
    best: dict[str, Tensor]
    optimiser: dict[str, Any]
    random: Any
    curve: tuple[Point, ...]


class Checkpoints:
    """The checkpoint of one training.

    Args:
        folder: Where it is; made when the first is kept.
        recipe: Of the training.
    """

    def __init__(self, folder: Path, recipe: GradientRecipe) -> None:
        self._folder = folder
        self._about = json.loads(json.dumps({"algorithm": "gradient", "recipe": asdict(recipe)}))

    @property
    def last(self) -> Path | None:
        """The file of the last checkpoint; None where there is none."""
        return max(self._folder.glob("chapter-*"), default=None)

    def state(self) -> State | None:
        """Return where the training was at the last checkpoint; None where there is none.

        Raises:
            ConfigError: the checkpoint is of another recipe.
        """
        if self.last is None:
            return None
        found = torch.load(self.last, weights_only=True)
        require_same_training(self._folder, json.loads(found["about"]), self._about)
        curve = tuple(Point(*row) for row in found["curve"])
        return State(found["module"], found["best"], found["optimiser"], json.loads(found["random"]), curve)

    def keep(self, state: State) -> None:
        """Leave a checkpoint, then remove what it replaces."""
        self._folder.mkdir(exist_ok=True)
        part, done = self._folder / PART, self._folder / f"chapter-{state.curve[-1].update:06d}.pt"
        about, random = json.dumps(self._about), json.dumps(state.random)
        rows = [tuple(point) for point in state.curve]
        torch.save({**state._asdict(), "random": random, "curve": rows, "about": about}, part)
        part.replace(done)
        for other in self._folder.iterdir():
            if other != done:
                other.unlink()

    def forget(self) -> None:
        """Remove what only a training that goes on needs."""
        if self._folder.is_dir():
            for file in self._folder.iterdir():
                file.unlink()
            self._folder.rmdir()
