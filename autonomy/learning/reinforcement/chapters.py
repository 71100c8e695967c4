"""Training in chapters: play and learn, validate, leave a checkpoint; what follows hangs on the checkpoint alone.

    for each chapter:  seeds of its own ─▶ pace of learning ─▶ learn ─▶ validate ─▶ checkpoint
    until all steps are played, or `patience` validations brought nothing

Every chapter begins its episodes anew and draws from a seed of its own. So a training that was broken off and goes on
from the last checkpoint ends with the same weights as one that was not.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from autonomy.learning.draws import drawn
from autonomy.learning.events import EventLog
from autonomy.learning.reinforcement.checkpoint import BUFFER, MODEL, Checkpoints, State
from autonomy.learning.reinforcement.exam import Exam
from autonomy.learning.reinforcement.recipe import Point, Recipe
from autonomy.learning.reinforcement.street import Street
from autonomy.learning.split import Split

SLOWEST = 0.1
"""Part of the learning rate that is left at the end."""
NEVER = 10**9
"""Updates between two lines of Stable-Baselines3's own log."""


class Algorithm(NamedTuple):
    """An algorithm of Stable-Baselines3.

    Attributes:
        name: "ppo", "sac" ….
        new: Returns a model that has learned nothing, given its recipe.
        load: Returns a model from a file, to go on learning on a street.
        read: Returns one to be asked, or to be left.
    """

    name: str
    new: Callable[[Any, Street], Any]
    load: Callable[[Path, Street], Any]
    read: Callable[[Path], Any]


class Learned(NamedTuple):
    """What a training leaves.

    Attributes:
        model: File of the model with the best validation.
        score: Its score.
        curve: All points.
    """

    model: Path
    score: float
    curve: tuple[Point, ...]


def train(
    algorithm: Algorithm,
    recipe: Recipe,
    split: Split,
    exam: Exam,
    folder: Path,
    *,
    resume: bool = False,
    log: EventLog | None = None,
    progress: Callable[[Point], None] = lambda _: None,
) -> Learned:
    """Train by a recipe; see the module.

    Args:
        algorithm: What learns.
        recipe: All that it depends on.
        split: The weeks that teach.
        exam: What is validated by.
        folder: Where checkpoints are kept.
        resume: Whether to go on from the folder's last checkpoint, where there is one.
        log: Told every point of the curve, and what the algorithm says of itself; None for nobody.
        progress: Told every point of the curve.

    Raises:
        ConfigError: the checkpoints are of another recipe.
    """
    torch.set_num_threads(1)
    kept = Checkpoints(folder, algorithm.name, recipe)
    state = kept.state() if resume else State()
    street = Street(list(islice(drawn(split.training.series, recipe.seed), recipe.places)), recipe)
    model = algorithm.new(recipe, street) if not state.curve else _recalled(algorithm, kept.last, street)
    for point in state.curve:
        progress(point)
    while not state.is_over(recipe):
        started = time.process_time()
        _learn(model, recipe, len(state.curve))
        cpu_s = state.cpu_s + time.process_time() - started
        score = float(exam.shares(model.policy).mean())
        point = Point(len(state.curve) + 1, model.num_timesteps, cpu_s, *street.tally.emptied(), score)
        state = state.after(point)
        if log is not None:
            log.write(point.prosumer_steps, _told(point, model))
        kept.keep(model, state)
        progress(point)
    kept.forget_buffer()
    return Learned(kept.best(state), state.score, state.curve)


def pace(part: float) -> float:
    """Return the factor on the learning rate after a part of all steps: from 1 to `SLOWEST` along a cosine."""
    return SLOWEST + (1.0 - SLOWEST) * 0.5 * (1.0 + math.cos(math.pi * min(part, 1.0)))


def _learn(model: Any, recipe: Recipe, chapter: int) -> None:
    """Play and learn for a chapter, from its own seed, at its own pace."""
    seed = np.random.SeedSequence([recipe.seed, chapter])
    model.set_random_seed(int(seed.generate_state(1)[0]))
    model._last_obs = None  # episodes begin anew
    remembered = getattr(model, "replay_buffer", None)
    if remembered is not None:
        remembered.timeouts[remembered.pos - 1] = True  # no sum of rewards reaches from one chapter into the next
    model.learning_rate = recipe.learning_rate * pace(chapter / recipe.chapters)
    model._setup_lr_schedule()
    model.learn(recipe.chapter_steps, reset_num_timesteps=False, log_interval=NEVER)


def _told(point: Point, model: Any) -> dict[str, float]:
    """Return what is logged of a chapter, by tags of TensorBoard: the point, and the last losses of the algorithm."""
    own = {tag: float(value) for tag, value in model.logger.name_to_value.items() if tag.startswith("train/")}
    street = {"street/reward": point.reward, "street/changed_kw": point.changed_kw}
    return {"validation/share": point.score, "time/cpu_s": point.cpu_s, **street, **own}


def _recalled(algorithm: Algorithm, checkpoint: Path | None, street: Street) -> Any:
    if checkpoint is None:
        raise RuntimeError("a state without a checkpoint")
    model = algorithm.load(checkpoint / MODEL, street)
    if (checkpoint / BUFFER).exists():
        model.load_replay_buffer(checkpoint / BUFFER)
    return model
