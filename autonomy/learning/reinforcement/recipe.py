"""All that a training by PPO or SAC depends on, beside the data, and what it leaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from autonomy.layers.errors import ModelError
from autonomy.learning.reinforcement.action import MEANINGS


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """The knobs that PPO and SAC share. Each prosumer that plays a step is one of the steps that are counted.

    Attributes:
        forecasts: Kinds of forecast to learn with, each community with one of them in turn.
        seed: Of communities, windows, first weights and noise.
        steps: Prosumer-steps in all.
        chapter_steps: Prosumer-steps between two validations, each of which is a checkpoint.
        patience: Validations without a better score after which training stops.
        places: Communities that are drawn.
        copies: Of each, that play at once.
        episode_h: Hours of an episode.
        meaning: What an action means, a key of `MEANINGS`.
        learning_rate: At the start; it falls to a tenth along a cosine.
        discount: γ of an hour.
        potential: Worth of a stored kWh in the shaping potential, as a share of the mean retail price; 0 for none.
        penalty: For kW that Layer 2 changed, as a share of the mean retail price.
        own_effect: 1 for difference rewards, 0 for the community's cost in equal shares.
        hidden: Units of each of the two layers of every network.
        carbon_weight: Weight of the CO2 price in the reward; likewise the next two.
        overload_weight: Of what an intent would have put over the feeder's limit.
        wear_weight: Of battery wear.
        shed_weight: Of lost load.

    Raises:
        ModelError: a number is out of its range.
    """

    forecasts: tuple[str, ...] = ("7-day-mean",)
    seed: int = 0
    steps: int = 3_000_000
    chapter_steps: int = 150_000
    patience: int = 8
    places: int = 12
    copies: int = 2
    episode_h: int = 168
    meaning: str = "levels"
    learning_rate: float = 1e-3
    discount: float = 0.99
    potential: float = 1.0
    penalty: float = 0.05
    own_effect: int = 1
    hidden: int = 64
    carbon_weight: float = 1.0
    overload_weight: float = 0.0
    wear_weight: float = 1.0
    shed_weight: float = 1.0

    def __post_init__(self) -> None:
        if not self.forecasts:
            raise ModelError("forecasts", self.forecasts, "at least one kind of forecast")
        if self.meaning not in MEANINGS:
            raise ModelError("meaning", self.meaning, f"one of {', '.join(MEANINGS)}")
        for name in ("steps", "chapter_steps", "patience", "places", "copies", "episode_h", "hidden"):
            if getattr(self, name) < 1:
                raise ModelError(name, getattr(self, name), "a whole number >= 1")
        if self.own_effect not in (0, 1):
            raise ModelError("own_effect", self.own_effect, "0 or 1")
        for name in ("learning_rate", "discount"):
            if not 0.0 < getattr(self, name) < 1.0:
                raise ModelError(name, getattr(self, name), "a number between 0 and 1")
        for name in ("potential", "penalty", "carbon_weight", "overload_weight", "wear_weight", "shed_weight"):
            if not 0.0 <= getattr(self, name) < float("inf"):
                raise ModelError(name, getattr(self, name), "a finite number >= 0")

    @property
    def chapters(self) -> int:
        """Validations in all, if patience lasts."""
        return -(-self.steps // self.chapter_steps)


class Point(NamedTuple):
    """A point of the learning curve.

    Attributes:
        chapter: Validations so far.
        prosumer_steps: Played so far in training.
        cpu_s: Seconds of processor time so far, validation left out.
        reward: Mean reward of a prosumer-step since the last point, see `autonomy.learning.reinforcement.reward`.
        changed_kw: Mean kW that Layer 2 changed of an intent.
        score: Mean share of the achievable saving over the communities that validate.
    """

    chapter: int
    prosumer_steps: int
    cpu_s: float
    reward: float
    changed_kw: float
    score: float
