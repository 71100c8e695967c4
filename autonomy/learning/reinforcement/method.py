"""`autonomy train --method ppo` and `sac`: a recipe is cooked, and a model with its card and curve is left behind."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TypeVar

import torch

import autonomy
from autonomy import Scenario
from autonomy.learning import curve
from autonomy.learning.card import Card
from autonomy.learning.events import EventLog
from autonomy.learning.order import Order, Progress, Trained, cooked
from autonomy.learning.reinforcement.chapters import Algorithm, Learned, train
from autonomy.learning.reinforcement.exam import Exam
from autonomy.learning.reinforcement.layout import horizon_of
from autonomy.learning.reinforcement.ppo import PPO_ALGORITHM, PpoRecipe
from autonomy.learning.reinforcement.recipe import Point, Recipe
from autonomy.learning.reinforcement.sac import SAC_ALGORITHM, SacRecipe
from autonomy.learning.split import Split, split
from autonomy.learning.validation import Marks, marks

WEIGHTS, CARD, CHECKPOINTS, MARKS = "model.zip", "card.json", "checkpoints", "validation.npz"
ALGORITHMS: Mapping[str, tuple[Algorithm, Recipe]] = {
    "ppo": (PPO_ALGORITHM, PpoRecipe()),
    "sac": (SAC_ALGORITHM, SacRecipe()),
}
"""By name: the algorithm, and its recipe before anything is set."""
LIMITS = (
    "Learned in one climate, under one tariff and in one year, at steps of an hour, from homes with PV and batteries "
    "of one kind behind a feeder whose limits it is not told; takes every battery to be like the own one."
)
Cooked = TypeVar("Cooked", bound=Recipe)


def carry_out(name: str, order: Order, folder: Path, progress: Callable[[Progress], None]) -> Trained:
    """Train by the order's recipe on the demo's weeks that teach; checkpoints stay in the folder until it is over."""
    algorithm, plain = ALGORITHMS[name]
    recipe, year = recipe_of(plain, order), Scenario.demo()
    weeks = split(year)
    scale = validating(weeks, folder)

    def told(point: Point) -> None:
        progress(Progress(point.chapter, recipe.chapters, point.score))

    progress(Progress(0, recipe.chapters, float("nan")))
    exam = Exam(scale, recipe.forecasts[0])
    log, checkpoints = EventLog(folder), folder / CHECKPOINTS
    learned = train(algorithm, recipe, weeks, exam, checkpoints, resume=order.resume, log=log, progress=told)
    model = algorithm.read(learned.model)
    model._last_obs = model._last_episode_starts = model.ep_info_buffer = None
    model.save(folder / WEIGHTS)
    card = _card(name, order, recipe, learned, year)
    size = int(model.observation_space.shape[0])
    sees = {"horizon": horizon_of(size), "numbers": size, "table": "autonomy.observing, of a prosumer"}
    told_too = {
        "sha256": hash_of(model.policy),
        "steps": learned.curve[-1].prosumer_steps,
        "recipe": asdict(recipe),
        "observation": sees,
    }
    (folder / CARD).write_text(json.dumps({**card.as_dict(), **told_too}, indent=1) + "\n", encoding="utf-8")
    rows = [point._asdict() for point in learned.curve]
    curve.write_table(rows, folder)
    curve.draw({card.title: ([row["cpu_s"] for row in rows], [row["score"] for row in rows])}, folder)
    return Trained(folder / WEIGHTS, learned.score, card.cpu_s)


def recipe_of(plain: Cooked, order: Order) -> Cooked:
    """Return the recipe that an order asks for.

    Raises:
        ConfigError: a setting is unknown, or no number.
        ModelError: a number is out of its range.
    """
    recipe = replace(cooked(plain, order.settings), seed=order.seed)
    return recipe if order.forecasts is None else replace(recipe, forecasts=order.forecasts)


def validating(weeks: Split, folder: Path) -> Marks:
    """Return what is validated by; the optimum is kept in the folder."""
    return marks(weeks, file=folder / MARKS)


def hash_of(policy: torch.nn.Module) -> str:
    """Return the SHA-256 hash over names, shapes and numbers of a policy's weights."""
    digest = hashlib.sha256()
    for name, values in policy.state_dict().items():
        digest.update(f"{name}{tuple(values.shape)}".encode())
        digest.update(values.cpu().numpy().tobytes())
    return digest.hexdigest()


def _card(name: str, order: Order, recipe: Recipe, learned: Learned, year: Scenario) -> Card:
    return Card(
        title=order.title or f"{name}, seed {recipe.seed}",
        method=name,
        command=order.command,
        seed=recipe.seed,
        version=autonomy.__version__,
        data=f"33 of the weeks of: {year.series.source}",
        data_sha256=year.series.sha256,
        forecast=", ".join(recipe.forecasts),
        score=learned.score,
        cpu_s=round(learned.curve[-1].cpu_s, 1),
        limits=LIMITS,
    )
