"""Training by the gradient of the cost: windows of days are played in the twin, and their cost flows back.

    draw communities ─▶ features ─▶ play B windows ─▶ mean cost ─▶ gradient ─▶ Adam ─▶ validate now and then

A window ends in the night, where what is left in the batteries is worth the cheapest price of the window and no more.
One thread and one generator: the same recipe gives the same weights.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from autonomy.layers.arrays import Vector
from autonomy.learning.draws import drawn
from autonomy.learning.gradient.module import Module
from autonomy.learning.gradient.twin import Played, Twin
from autonomy.learning.network import Network
from autonomy.learning.split import Split
from autonomy.learning.validation import Marks
from autonomy.learning.views import features_of_series
from autonomy.simulator import INITIAL_SOC
from autonomy.variation import Place

ENDS_H = (2, 7)
"""Between which hours of the day windows end."""
SOC_SPREAD = 0.05
"""Standard deviation of the stored shares of a community at the start of a window."""
LARGEST_GRADIENT = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class GradientRecipe:
    """All that a training depends on, beside the data.

    Attributes:
        forecasts: Kinds of forecast to learn with, each community with one of them in turn.
        seed: Of communities, windows and first weights.
        updates: Steps of Adam.
        communities: How many are drawn.
        windows: Windows an update.
        least_h: Shortest window, hours.
        most_h: Longest.
        learning_rate: Highest, reached after a tenth of the updates; it falls to 0 along a cosine.
        validate_every: Updates between two validations; the weights of the best are kept.
    """

    forecasts: tuple[str, ...] = ("7-day-mean", "intraday")
    seed: int = 0
    updates: int = 400
    communities: int = 24
    windows: int = 48
    least_h: int = 40
    most_h: int = 62
    learning_rate: float = 4e-3
    validate_every: int = 100


class Point(NamedTuple):
    """A point of the learning curve.

    Attributes:
        update: Updates so far.
        prosumer_steps: Prosumer-steps played so far in training.
        cpu_s: Seconds of processor time so far, validation left out.
        loss: Mean cost of the windows since the last point, currency a day and kWh of capacity.
        score: Mean share of the achievable saving over the communities that validate.
    """

    update: int
    prosumer_steps: int
    cpu_s: float
    loss: float
    score: float


class Learned(NamedTuple):
    """What a training leaves.

    Attributes:
        network: The weights of the best validation.
        score: Its score.
        curve: All points.
    """

    network: Network
    score: float
    curve: tuple[Point, ...]


class Lesson(NamedTuple):
    """A community to learn from."""

    twin: Twin
    features: Tensor


def train(
    recipe: GradientRecipe, split: Split, marks: Marks, *, progress: Callable[[Point], None] = lambda _: None
) -> Learned:
    """Train a network by a recipe; see the module."""
    torch.set_num_threads(1)
    lessons = list(islice(_lessons(recipe, split), recipe.communities))
    exams = [_lesson(place, recipe.forecasts[0]) for place in marks.places]
    module = Module(torch.Generator().manual_seed(recipe.seed))
    module.scale_to(np.concatenate([lesson.features.numpy() for lesson in lessons]))
    optimiser = torch.optim.Adam(module.parameters(), lr=recipe.learning_rate)
    random = np.random.default_rng(recipe.seed)
    curve, best, losses, played_steps, cpu_s = [], (-math.inf, module.network()), [], 0, 0.0
    for update in range(1, recipe.updates + 1):
        started = time.process_time()
        for group in optimiser.param_groups:
            group["lr"] = recipe.learning_rate * _pace(update / recipe.updates)
        lesson = lessons[random.integers(len(lessons))]
        loss, steps = _loss(recipe, lesson, module, random)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        torch.nn.utils.clip_grad_norm_(module.parameters(), LARGEST_GRADIENT)
        optimiser.step()
        losses.append(float(loss.detach()))
        played_steps, cpu_s = played_steps + steps, cpu_s + time.process_time() - started
        if update % recipe.validate_every == 0 or update == recipe.updates:
            score = float(shares(module, exams, marks).mean())
            curve.append(Point(update, played_steps, cpu_s, float(np.mean(losses)), score))
            losses = []
            best = max(best, (score, module.network()), key=lambda pair: pair[0])
            progress(curve[-1])
    return Learned(best[1], best[0], tuple(curve))


def shares(module: Module, exams: list[Lesson], marks: Marks) -> Vector:
    """Return (C,) shares of the achievable saving, played in the twin."""
    with torch.no_grad():
        costs = [_exam(module, lesson, marks).cost.numpy() for lesson in exams]
    return marks.shares(np.array(costs))


def _exam(module: Module, lesson: Lesson, marks: Marks) -> Played:
    community = lesson.twin.community
    soc = np.clip(INITIAL_SOC, community.soc_min, community.soc_max)
    energy = torch.from_numpy(np.tile(soc * community.battery_capacity_kwh, (len(marks.first), 1)))
    return lesson.twin.play(module, lesson.features, np.array(marks.first), marks.steps, energy)


def _loss(recipe: GradientRecipe, lesson: Lesson, module: Module, random: np.random.Generator) -> tuple[Tensor, int]:
    """Return the mean cost of B windows, currency a day and kWh of capacity, and the prosumer-steps played."""
    twin, community = lesson.twin, lesson.twin.community
    per_hour = round(1.0 / community.timestep_h)
    steps = int(random.integers(recipe.least_h, recipe.most_h)) * per_hour
    day, end = 24 * per_hour, int(random.integers(*ENDS_H)) * per_hour
    first_day = -(-steps // day)
    first = random.integers(first_day, twin.series.n_steps // day, recipe.windows) * day + end - steps
    level = random.random((recipe.windows, 1)) + random.normal(0.0, SOC_SPREAD, (recipe.windows, community.n_prosumers))
    least, most = community.energy_min_kwh, community.energy_max_kwh
    energy = torch.from_numpy(least + np.clip(level, 0.0, 1.0) * (most - least))
    played = twin.play(module, lesson.features, first, steps, energy)
    days = steps * community.timestep_h / 24.0
    return played.cost.mean() / (twin.capacity_kwh * days), recipe.windows * steps * community.n_prosumers


def _pace(part: float) -> float:
    """Return the factor on the learning rate after a part of all updates: up in a tenth, then down along a cosine."""
    warm = 0.1
    return part / warm if part < warm else 0.5 * (1.0 + math.cos(math.pi * (part - warm) / (1.0 - warm)))


def _lessons(recipe: GradientRecipe, split: Split) -> Iterator[Lesson]:
    for count, place in enumerate(drawn(split.training.series, recipe.seed)):
        yield _lesson(place, recipe.forecasts[count % len(recipe.forecasts)])


def _lesson(place: Place, forecast: str) -> Lesson:
    seen = Place(community=place.community, year=place.year.with_forecast(forecast), economics=place.economics)
    return Lesson(Twin(place), torch.from_numpy(features_of_series(seen)))
