"""What choices are made by: the share of the achievable saving in the weeks and communities that validate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from autonomy.controller import Controller
from autonomy.dispatch import optimal_dispatch
from autonomy.layers.arrays import Vector
from autonomy.learning.draws import VALIDATING
from autonomy.learning.kept import kept_or_made, key_of
from autonomy.learning.split import Split
from autonomy.rollout import roll_out
from autonomy.simulator import Simulator
from autonomy.variation import Place, Variation, varied


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Marks:
    """The two ends of the scale.

    Attributes:
        places: C communities with the learning series.
        first: (W,) rows where the weeks that validate begin.
        steps: Of a week.
        grid_only: (C, W) currency, what a week costs without batteries.
        optimum: (C, W) currency, what it costs at least, everything being known.
    """

    places: tuple[Place, ...]
    first: tuple[int, ...]
    steps: int
    grid_only: Vector
    optimum: Vector

    def shares(self, cost: Vector) -> Vector:
        """Return (C,) shares of the achievable saving, given (C, W) what the weeks cost."""
        saved, achievable = self.grid_only - cost, self.grid_only - self.optimum
        shares: Vector = saved.sum(axis=1) / achievable.sum(axis=1)
        return shares


def marks(
    split: Split,
    variations: Sequence[Variation] = VALIDATING,
    *,
    weeks: int | None = None,
    prices: Mapping[str, float] | None = None,
    file: Path | None = None,
) -> Marks:
    """Return the ends of the scale: one linear program for each community and week.

    Args:
        split: With the weeks that validate.
        variations: The communities.
        weeks: How many of the weeks, from the first; None for all.
        prices: Of `Economics`, by name, instead of the communities' own.
        file: Where they are kept (.npz) for the next training; None for nowhere.
    """
    windows = split.validation[:weeks]
    places = tuple(_priced(varied(variation, windows[0].series), prices or {}) for variation in variations)

    def made() -> Vector:
        return np.array([[_ends(place, window.start, window.n_steps) for window in windows] for place in places])

    costs = made() if file is None else kept_or_made(file, key_of(places, windows), made)
    return Marks(
        places=places,
        first=tuple(window.start for window in windows),
        steps=windows[0].n_steps,
        grid_only=costs[..., 0],
        optimum=costs[..., 1],
    )


def _priced(place: Place, prices: Mapping[str, float]) -> Place:
    economics = replace(place.economics, **prices)
    return Place(community=place.community, year=place.year, economics=economics)


def _ends(place: Place, first: int, steps: int) -> tuple[float, float]:
    """Return currency, the cost of a week without batteries and at best."""
    simulator = Simulator(place.community, place.year.window(first, steps), economics=place.economics)
    quiet = Controller(place.community, policy="grid-only", monitors=())
    idle = roll_out(simulator, quiet, name="grid-only").cost
    simulator.reset()
    best = optimal_dispatch(
        place.community, simulator.scenario, economics=place.economics, energy_kwh=simulator.energy_kwh
    )
    return idle, best.objective
