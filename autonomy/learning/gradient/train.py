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
from autonomy.learning.gradient.imitation import imitate
from autonomy.learning.gradient.lesson import Lesson, lesson, lessons
from autonomy.learning.gradient.module import Module
from autonomy.learning.gradient.recipe import GradientRecipe, Learned, Point
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
    recipe: GradientRecipe, split: Split, marks: Marks, *, progress: Callable[[Point], None] = lambda _: None
) -> Learned:
    """Train a network by a recipe; see the module.

    Args:
        recipe: All that it depends on.
        split: The weeks that teach.
        marks: What is validated by, with the first of the recipe's forecasts; at the recipe's prices.
        progress: Told every point of the curve.
    """
    torch.set_num_threads(1)
    random = np.random.default_rng(recipe.seed)
    taught = lessons(recipe, split)
    exams = [lesson(place, recipe.forecasts[0]) for place in marks.places]
    module = _begun(recipe, taught, random)
    optimiser = torch.optim.Adam(module.parameters(), lr=recipe.learning_rate)
    curve: list[Point] = []
    best, losses, played, cpu_s = (-math.inf, module.network()), [], 0, 0.0
    for update in range(1, recipe.updates + 1):
        started = time.process_time()
        for group in optimiser.param_groups:
            group["lr"] = recipe.learning_rate * pace(update / recipe.updates)
        loss, steps = _loss(recipe, taught[random.integers(len(taught))], module, random)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        torch.nn.utils.clip_grad_norm_(module.parameters(), LARGEST_GRADIENT)
        optimiser.step()
        losses.append(float(loss.detach()))
        played, cpu_s = played + steps, cpu_s + time.process_time() - started
        if update % recipe.validate_every == 0 or update == recipe.updates:
            score = float(shares(module, exams, marks).mean())
            curve.append(Point(update, played, cpu_s, float(np.mean(losses)), score))
            losses = []
            best = max(best, (score, module.network()), key=lambda pair: pair[0])
            progress(curve[-1])
    return Learned(best[1], best[0], tuple(curve))


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


def _begun(recipe: GradientRecipe, taught: list[Lesson], random: np.random.Generator) -> Module:
    """Return a module that knows the scale of its features, and what the optimum does where it is to imitate it."""
    first = torch.Generator().manual_seed(recipe.seed)
    module = Module(first, hidden=recipe.hidden, own_hidden=recipe.own_hidden)
    module.scale_to(np.concatenate([one.features.numpy() for one in taught]))
    if recipe.imitated:
        imitate(module, taught, recipe.imitated, random)
    return module


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
