"""All that the learning of bids depends on, beside the network and the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from autonomy.layers.errors import ModelError
from autonomy.learning.network import Network


@dataclass(frozen=True, kw_only=True, slots=True)
class BidRecipe:
    """The knobs.

    Attributes:
        forecasts: Kinds of forecast that the batteries are played with, each community with one of them in turn; the
            first is validated with.
        seed: Of communities, of the markets of an update and of the noise.
        updates: Steps of Adam.
        communities: How many are drawn.
        every_week: Of the weeks that teach, every so manieth is played, beginning with another one in each community.
        markets: Markets an update.
        prices: Other prices that each prosumer of a market tries.
        shares: Other shares of what is left that each tries to offer.
        noise: Standard deviation of what is added to everybody else's outputs, before the logistic function.
        tolerance: Of what a prosumer's offer could earn at most, how much a good answer may be short of the best.
        learning_rate: Of the price at first; it falls to 0 along a line.
        share_rate: Of the share, likewise.
        memory: Share of the mean of the heads that an update leaves, see `autonomy.learning.bidding.learn`.
        validate_every: Updates between two validations; the heads of the best are kept.

    Raises:
        ModelError: a number is out of its range.
    """

    forecasts: tuple[str, ...] = ("7-day-mean", "intraday", "weather", "persistence", "pv-3-day-mean", "perfect")
    seed: int = 0
    updates: int = 1500
    communities: int = 8
    every_week: int = 3
    markets: int = 32
    prices: int = 11
    shares: int = 4
    noise: float = 0.2
    tolerance: float = 0.02
    learning_rate: float = 0.05
    share_rate: float = 0.3
    memory: float = 0.99
    validate_every: int = 250

    def __post_init__(self) -> None:
        if not self.forecasts:
            raise ModelError("forecasts", self.forecasts, "at least one kind of forecast")
        for name in ("updates", "communities", "every_week", "markets", "prices", "validate_every"):
            if getattr(self, name) < 1:
                raise ModelError(name, getattr(self, name), "a whole number >= 1")
        if not 0.0 <= self.memory < 1.0:
            raise ModelError("memory", self.memory, "a share 0 <= memory < 1")
        for name in ("shares", "noise", "tolerance", "learning_rate", "share_rate"):
            if not 0.0 <= getattr(self, name) < 1e6:
                raise ModelError(name, getattr(self, name), "a number >= 0")


class Point(NamedTuple):
    """A point of the learning curve.

    Attributes:
        update: Updates so far.
        cpu_s: Seconds of processor time so far, validation left out.
        gain: Currency a week and prosumer that the best answers of every hour would gain, in the validation.
        lost: Currency a week and prosumer of trades that did not come about.
        worth: Currency a week and prosumer of all trades that could come about.
    """

    update: int
    cpu_s: float
    gain: float
    lost: float
    worth: float

    @property
    def score(self) -> float:
        """Share of what trade is worth that is neither lost nor left for other bids to gain; the choice is by it."""
        return 1.0 - (self.gain + self.lost) / self.worth if self.worth > 0.0 else 1.0


class LearnedBids(NamedTuple):
    """What the learning leaves.

    Attributes:
        network: With the heads of the best validation.
        score: Its score.
        curve: All points.
    """

    network: Network
    score: float
    curve: tuple[Point, ...]
