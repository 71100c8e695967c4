"""Training by the gradient of the cost: windows of days are played in the twin, and their cost flows back.

    draw communities ─▶ features ─▶ play B windows ─▶ mean cost ─▶ gradient ─▶ Adam ─▶ validate now and then

A window ends in the night, where what is left in the batteries is worth the cheapest price of the window and no more.
One thread and one generator: the same recipe gives the same weights.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from autonomy.layers.arrays import Vector
from autonomy.learning.gradient.checkpoint import State
from autonomy.learning.gradient.lesson import Lesson, lesson, lessons
from autonomy.learning.gradient.module import Module
from autonomy.learning.gradient.recipe import GradientRecipe, Learned, Point
from autonomy.learning.gradient.trainee import Trainee
from autonomy.learning.split import Split
from autonomy.learning.validation import Marks

ENDS_H = (2, 7)
"""Between which hours of the day windows end."""
SOC_SPREAD = 0.05
"""Standard deviation of the stored shares of a community at the start of a window."""
LARGEST_GRADIENT = 0.1
"""Norm beyond which a gradient is scaled down; nine in ten are smaller. A rare large one closed gates for good."""
WARM = 0.1
"""Part of the updates in which the learning rate rises."""


def train(
    recipe: GradientRecipe,
    split: Split,
    marks: Marks,
    *,
    state: State | None = None,
    keep: Callable[[State], None] = lambda _: None,
    progress: Callable[[Point], None] = lambda _: None,
) -> Learned:
    """Train a network by a recipe; see the module.

    Args:
        recipe: All that it depends on.
        split: The weeks that teach.
        marks: What is validated by, with the first of the recipe's forecasts; at the recipe's prices.
        state: What it goes on from; None to begin.
        keep: Called after every validation with what a training that is broken off goes on from.
        progress: Told every point of the curve, those before the state too.
    """
    torch.set_num_threads(1)
    taught = lessons(recipe, split)
    exams = [lesson(place, recipe.forecasts[0]) for place in marks.places]
    trainee = Trainee(recipe, taught, state)
    for point in trainee.curve:
        progress(point)
    losses, played, cpu_s = [], trainee.prosumer_steps, trainee.cpu_s
    for update in range(trainee.update + 1, recipe.updates + 1):
        started = time.process_time()
        one = taught[trainee.random.integers(len(taught))]
        loss, steps = _loss(recipe, one, trainee.module, trainee.random)
        trainee.learn(loss, recipe.learning_rate * pace(update / recipe.updates), LARGEST_GRADIENT)
        losses.append(float(loss.detach()))
        played, cpu_s = played + steps, cpu_s + time.process_time() - started
        if update % recipe.validate_every == 0 or update == recipe.updates:
            score = float(shares(trainee.module, exams, marks).mean())
            trainee.validated(Point(update, played, cpu_s, float(np.mean(losses)), score))
            losses = []
            keep(trainee.state())
            progress(trainee.curve[-1])
    return trainee.learned()


def shares(module: Module, exams: list[Lesson], marks: Marks) -> Vector:
    """Return (C,) shares of the achievable saving, played in the twin."""
    first = np.array(marks.first)
    with torch.no_grad():
        costs = [
            one.twin.play(module, one.features, first, marks.steps, one.usual_energy_kwh(first.size)).cost.numpy()
            for one in exams
        ]
    return marks.shares(np.array(costs))


def pace(part: float) -> float:
    """Return the factor on the learning rate after a part of all updates: up in a tenth, then down along a cosine."""
    return part / WARM if part < WARM else 0.5 * (1.0 + math.cos(math.pi * (part - WARM) / (1.0 - WARM)))


def _loss(recipe: GradientRecipe, one: Lesson, module: Module, random: np.random.Generator) -> tuple[Tensor, int]:
    """Return the mean cost of B windows, currency a day and kWh of capacity, and the prosumer-steps played."""
    twin, community = one.twin, one.twin.community
    per_hour = round(1.0 / community.timestep_h)
    steps = int(random.integers(recipe.least_h, recipe.most_h)) * per_hour
    day, end = 24 * per_hour, int(random.integers(*ENDS_H)) * per_hour
    first = random.integers(-(-steps // day), twin.series.n_steps // day, recipe.windows) * day + end - steps
    level = random.random((recipe.windows, 1)) + random.normal(0.0, SOC_SPREAD, (recipe.windows, community.n_prosumers))
    least, most = community.energy_min_kwh, community.energy_max_kwh
    energy = torch.from_numpy(least + np.clip(level, 0.0, 1.0) * (most - least))
    scale = twin.capacity_kwh * steps * community.timestep_h / 24.0
    worth = twin.economics.value_of_lost_load_per_kwh / (scale * recipe.windows)
    played = twin.play(module, one.features, first, steps, energy, worth)
    return played.cost.mean() / scale, recipe.windows * steps * community.n_prosumers
