"""`autonomy train --method gradient`: a recipe is cooked, and weights with their card are left behind."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import autonomy
from autonomy import Scenario
from autonomy.learning import curve
from autonomy.learning.card import Card
from autonomy.learning.events import EventLog
from autonomy.learning.gradient.checkpoint import Checkpoints
from autonomy.learning.gradient.recipe import GradientRecipe, Learned, Point
from autonomy.learning.gradient.train import train
from autonomy.learning.order import Order, Progress, Trained, cooked
from autonomy.learning.split import split
from autonomy.learning.unfinished import CHECKPOINTS
from autonomy.learning.validation import marks
from autonomy.learning.weights import write_weights

WEIGHTS = "weights.npz"
LIMITS = (
    "Learned in one climate, under one tariff and in one year, at steps of an hour, from homes with PV and batteries "
    "of one kind behind a feeder; EVs, outages and batteries that age were not among them."
)


def carry_out(order: Order, folder: Path, progress: Callable[[Progress], None]) -> Trained:
    """Train by the order's recipe on the demo's weeks that teach."""
    recipe = recipe_of(order)
    started, year = time.process_time(), Scenario.demo()
    weeks = split(year)
    log, checkpoints = EventLog(folder), Checkpoints(folder / CHECKPOINTS, recipe)
    state = checkpoints.state() if order.resume else None
    scale = marks(weeks, prices=recipe.prices)

    def told(point: Point) -> None:
        log.write(point.prosumer_steps, {"validation/share": point.score, "train/loss": point.loss})
        progress(Progress(point.update, recipe.updates, point.score))

    progress(Progress(0, recipe.updates, float("nan")))
    learned = train(recipe, weeks, scale, state=state, keep=checkpoints.keep, progress=told)
    earlier_s = state.curve[-1].cpu_s if state is not None else 0.0
    card = _card(order, recipe, learned, year, earlier_s + time.process_time() - started)
    write_weights(folder / WEIGHTS, [learned.network], card)
    rows = [point._asdict() for point in learned.curve]
    curve.write_table(rows, folder)
    curve.draw({card.title: ([row["cpu_s"] for row in rows], [row["score"] for row in rows])}, folder)
    checkpoints.forget()
    return Trained(folder / WEIGHTS, learned.score, card.cpu_s)


def recipe_of(order: Order) -> GradientRecipe:
    """Return the recipe that an order asks for.

    Raises:
        ConfigError: a setting is unknown, or no number.
        ModelError: a number is out of its range.
    """
    recipe = replace(cooked(GradientRecipe(), order.settings), seed=order.seed)
    return recipe if order.forecasts is None else replace(recipe, forecasts=order.forecasts)


def _card(order: Order, recipe: GradientRecipe, learned: Learned, year: Scenario, cpu_s: float) -> Card:
    return Card(
        title=order.title or f"gradient, seed {recipe.seed}",
        method="gradient",
        command=order.command,
        seed=recipe.seed,
        version=autonomy.__version__,
        data=f"33 of the weeks of: {year.series.source}",
        data_sha256=year.series.sha256,
        forecast=", ".join(recipe.forecasts),
        score=learned.score,
        cpu_s=round(cpu_s, 1),
        limits=LIMITS,
        prices=recipe.prices,
    )
