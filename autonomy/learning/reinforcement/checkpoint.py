"""What a training needs to go on, on disk: a folder for each chapter, complete or not there at all.

chapter-0007/model.zip      weights and optimisers
chapter-0007/buffer.pkl     what SAC remembers
chapter-0007/state.json     algorithm, recipe, curve
best-0005.zip               the model with the best validation so far
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from autonomy.learning.reinforcement.recipe import Point, Recipe
from autonomy.learning.unfinished import require_same_training

MODEL, BUFFER, STATE = "model.zip", "buffer.pkl", "state.json"
PART = "unfinished"


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """How far a training is.

    Attributes:
        curve: A point for each chapter.
    """

    curve: tuple[Point, ...] = ()

    @property
    def best(self) -> int:
        """Chapter of the best score, the first of them; 0 before any."""
        return max(self.curve, key=lambda point: point.score).chapter if self.curve else 0

    @property
    def score(self) -> float:
        """The best score; NaN before any."""
        return max((point.score for point in self.curve), default=float("nan"))

    @property
    def cpu_s(self) -> float:
        """Seconds of processor time of training so far."""
        return self.curve[-1].cpu_s if self.curve else 0.0

    def after(self, point: Point) -> State:
        """Return the state one chapter later."""
        return replace(self, curve=(*self.curve, point))

    def is_over(self, recipe: Recipe) -> bool:
        """Whether all chapters are done, or the last `patience` of them brought nothing."""
        done = len(self.curve)
        return done >= recipe.chapters or done - self.best >= recipe.patience


class Checkpoints:
    """The checkpoints of one training.

    Args:
        folder: Where they are; made when the first is kept.
        algorithm: Name of the algorithm.
        recipe: Of the training.
    """

    def __init__(self, folder: Path, algorithm: str, recipe: Recipe) -> None:
        self._folder = folder
        self._about = {"algorithm": algorithm, "recipe": json.loads(json.dumps(asdict(recipe)))}

    @property
    def last(self) -> Path | None:
        """The folder of the last chapter; None where there is none."""
        return max(self._folder.glob("chapter-*"), default=None)

    def state(self) -> State:
        """Return how far the training was at the last checkpoint.

        Raises:
            ConfigError: the checkpoint is of another recipe.
        """
        if self.last is None:
            return State()
        told = json.loads((self.last / STATE).read_text(encoding="utf-8"))
        curve = told.pop("curve")
        require_same_training(self._folder, told, self._about)
        return State(curve=tuple(Point(**row) for row in curve))

    def keep(self, model: Any, state: State) -> None:
        """Leave a checkpoint, then remove what it replaces."""
        part, name = self._folder / PART, f"{len(state.curve):04d}"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        model.save(part / MODEL)
        if hasattr(model, "save_replay_buffer"):
            model.save_replay_buffer(part / BUFFER)
        told = {**self._about, "curve": [point._asdict() for point in state.curve]}
        (part / STATE).write_text(json.dumps(told, indent=1), encoding="utf-8")
        if state.best == len(state.curve):
            shutil.copyfile(part / MODEL, part / "best")
            (part / "best").replace(self.best(state))
        done = self._folder / f"chapter-{name}"
        part.rename(done)
        for other in self._folder.iterdir():
            if other not in (done, self.best(state)):
                shutil.rmtree(other) if other.is_dir() else other.unlink()

    def best(self, state: State) -> Path:
        """Return the file of the best model."""
        return self._folder / f"best-{state.best:04d}.zip"

    def forget_buffer(self) -> None:
        """Remove what only a training that goes on needs."""
        if self.last is not None:
            (self.last / BUFFER).unlink(missing_ok=True)
