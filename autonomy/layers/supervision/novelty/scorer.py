"""From what a monitor sees to scores: computed once a step, whoever asks."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from autonomy.layers.arrays import Matrix, Vector
from autonomy.layers.errors import ModelError
from autonomy.layers.supervision.novelty.features import Features
from autonomy.layers.supervision.novelty.moment import Clock, Moment
from autonomy.layers.supervision.novelty.record import Calibration
from autonomy.layers.supervision.watch import Sight


class Scores(NamedTuple):
    """How unusual one step is; u of `Yardstick`, NaN where there is nothing to say.

    Attributes:
        moment: Day and step of the day.
        prosumer_figures: (F, N) u of every figure of every prosumer.
        community_figures: (F,) u of every figure of the community.
        prosumers: (N,) the largest of each prosumer.
        community: The largest of the community.
    """

    moment: Moment
    prosumer_figures: Matrix
    community_figures: Vector
    prosumers: Vector
    community: float


class Scorer:
    """Scores step after step. Watches that share one share its work.

    Args:
        calibration: What is usual.
    """

    def __init__(self, calibration: Calibration) -> None:
        self.calibration = calibration
        self._clock = Clock(calibration.slots)
        self._features = Features(calibration.unit_kw, calibration.slots)
        self.reset()

    def reset(self) -> None:
        """Forget every step seen."""
        self._features.reset()
        self._sight: Sight | None = None
        self.scores: Scores | None = None

    def look(self, sight: Sight) -> Scores | None:
        """Return the scores of a step; None when its time is no time of day, or nothing is measured.

        Raises:
            ModelError: the calibration is of another community.
        """
        if sight is not self._sight:
            self._sight = sight
            self.scores = self._score(sight)
        return self.scores

    def _score(self, sight: Sight) -> Scores | None:
        calibration, situation = self.calibration, sight.situation
        names = sight.community.names
        if names is not calibration.names and names != calibration.names:
            raise ModelError("calibration.names", list(calibration.names), f"the community's names {list(names)}")
        moment = self._clock.read(sight.given.get("time"))
        if moment is None or situation.is_blind:
            return None
        isolated = situation.isolated if not situation.is_clean and situation.isolated.any() else None
        figures = self._features.see(
            moment, situation.measured_kw, situation.retail_price, situation.feed_in_price, isolated
        )
        prosumers = calibration.prosumers.score(moment.slot, figures.prosumers)
        community = calibration.community.score(moment.slot, figures.community[:, None])[:, 0]
        return Scores(moment, prosumers, community, np.fmax.reduce(prosumers, axis=0), float(np.fmax.reduce(community)))
