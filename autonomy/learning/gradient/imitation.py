"""A first lesson: the total power that the optimum asks of the batteries, imitated.

Of some weeks of each community the optimum is worked out, everything being known (`autonomy.dispatch`). At its own
stored energies the network is to want what it wants in total:

    loss = mean of ((Σ b̂ − Σ b*)/C)²          C the usable capacity

Nobody knows the future, so this is a start and no aim: what follows learns what is worth doing without knowing it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from autonomy.dispatch import optimal_dispatch
from autonomy.layers import physics
from autonomy.layers.arrays import Index
from autonomy.learning.gradient.lesson import Lesson
from autonomy.learning.gradient.module import Module
from autonomy.scenario import Scenario

COMMUNITIES, EVERY_WEEK, STEPS = 8, 2, 512
"""Of how many communities the optimum is worked out, of which weeks, and how many steps an update looks at."""
LEARNING_RATE = 3e-3


class Labels(NamedTuple):
    """What the optimum does in S steps of a community.

    Attributes:
        lesson: The community.
        rows: (S,) rows of its series.
        energy_kwh: (S, N) kWh stored before the step.
        total_kw: (S,) kW of all batteries, + = charge.
    """

    lesson: Lesson
    rows: Index
    energy_kwh: Tensor
    total_kw: Tensor


def imitate(module: Module, lessons: Sequence[Lesson], updates: int, random: np.random.Generator) -> None:
    """Train a module for some updates to want what the optimum wants."""
    taught = [labels(one) for one in lessons[:COMMUNITIES]]
    optimiser = torch.optim.Adam(module.parameters(), lr=LEARNING_RATE)
    for _ in range(updates):
        label = taught[random.integers(len(taught))]
        loss = _loss(module, label, random.integers(label.rows.size, size=STEPS))
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        optimiser.step()


def labels(lesson: Lesson) -> Labels:
    """Return what the optimum does in every second week of a community's series."""
    twin, series = lesson.twin, lesson.twin.series
    week = 7 * series.steps_per_day
    parts = []
    for first in range(0, series.n_steps - week + 1, EVERY_WEEK * week):
        energy = lesson.usual_energy_kwh(1)[0].numpy()
        window = Scenario(series=series, start=first, stop=first + week)
        best = optimal_dispatch(twin.community, window, economics=twin.economics, energy_kwh=energy)
        stored = [energy]
        for battery in best.battery_kw[:-1]:
            stored.append(physics.rated_energy_after_kwh(twin.community, stored[-1], battery))
        parts.append((np.arange(first, first + week), np.array(stored), best.battery_kw.sum(axis=1)))
    rows, energies, totals = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return Labels(lesson, rows, torch.from_numpy(energies), torch.from_numpy(totals))


def _loss(module: Module, label: Labels, chosen: Index) -> Tensor:
    twin, rows = label.lesson.twin, label.rows[chosen]
    surplus = torch.from_numpy(twin.series.pv_kw[rows] - twin.series.demand_kw[rows])
    ahead = module.of_community(label.lesson.features[rows])
    wanted = twin.wanted_kw(module, ahead, label.energy_kwh[chosen], surplus).sum(1)
    return (((wanted - label.total_kw[chosen]) / twin.capacity_kwh) ** 2).mean()
