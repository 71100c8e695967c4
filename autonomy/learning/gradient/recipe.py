"""All that a training depends on, beside the data, and what it leaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from autonomy.layers.errors import ModelError
from autonomy.learning.network import Network


@dataclass(frozen=True, kw_only=True, slots=True)
class GradientRecipe:
    """The knobs; the defaults are those of the weights that ship.

    Attributes:
        forecasts: Kinds of forecast to learn with, each community with one of them in turn.
        seed: Of communities, windows and first weights.
        updates: Steps of Adam.
        communities: How many are drawn.
        windows: Windows an update.
        least_h: Shortest window, hours.
        most_h: Longest, hours.
        learning_rate: Highest, reached after a tenth of the updates; it falls to 0 along a cosine.
        validate_every: Updates between two validations; the weights of the best are kept.
        hidden: Units of the two layers of a community.
        own_hidden: Units of the layer of a prosumer.
        imitated: Updates before all others in which the optimum's powers are imitated, see `imitation`.
        carbon_price_per_kg: Price to learn with instead of the communities'; None for theirs.
        capacity_price_per_kw: Likewise, of the highest import of a window.

    Raises:
        ModelError: a number is out of its range.
    """

    forecasts: tuple[str, ...] = ("7-day-mean", "intraday", "weather", "persistence", "pv-3-day-mean", "perfect")
    seed: int = 0
    updates: int = 1500
    communities: int = 36
    windows: int = 48
    least_h: int = 40
    most_h: int = 62
    learning_rate: float = 4e-3
    validate_every: int = 250
    hidden: int = 64
    own_hidden: int = 32
    imitated: int = 0
    carbon_price_per_kg: float | None = None
    capacity_price_per_kw: float | None = None

    def __post_init__(self) -> None:
        if not self.forecasts:
            raise ModelError("forecasts", self.forecasts, "at least one kind of forecast")
        for name in ("updates", "communities", "windows", "least_h", "validate_every", "hidden", "own_hidden"):
            if getattr(self, name) < 1:
                raise ModelError(name, getattr(self, name), "a whole number >= 1")
        if self.most_h <= self.least_h:
            raise ModelError("most_h", self.most_h, f"more hours than least_h, {self.least_h}")
        if not 0.0 < self.learning_rate < 1.0:
            raise ModelError("learning_rate", self.learning_rate, "a number in 0..1")

    @property
    def prices(self) -> dict[str, float]:
        """The prices that are learned with instead of the communities' own, by their name in `Economics`."""
        given = {name: getattr(self, name) for name in ("carbon_price_per_kg", "capacity_price_per_kw")}
        return {name: float(price) for name, price in given.items() if price is not None}


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
