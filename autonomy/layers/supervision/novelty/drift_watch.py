"""The drift watch: not one strange day, but days that go on being stranger than those before."""

from __future__ import annotations

from math import isfinite

import numpy as np

from autonomy.layers.decision import Cause
from autonomy.layers.supervision.novelty.martingale import Martingale
from autonomy.layers.supervision.novelty.novelty_watch import COMMUNITY_LOSSES, PROSUMER_LOSSES, require_loss
from autonomy.layers.supervision.novelty.record import Calibration
from autonomy.layers.supervision.novelty.scorer import Scorer, Scores
from autonomy.layers.supervision.watch import Doubt, Loss, Sight


class DriftWatch:
    """Doubts that the calibration still describes a prosumer, or the community.

    The largest score of every whole day is bet on by one martingale a prosumer and one for the community.

    Statement: while all days are exchangeable with the calibration days, the probability of any alarm in a life of
    `life_days` is at most drift_alpha: half of it for the community, half shared equally by the N prosumers (so a
    prosumer's capital has to reach 2N/drift_alpha). After an alarm, which lasts for one day, that martingale begins a
    new life with its own such probability: as long as the drift lasts it is found again and again. Capital and lives
    are forgotten by `reset`.

    A drift costs nothing by default (`Loss.NOTE`): no limit depends on the calibration, and what it asks for is a new
    calibration or a retrained policy, which a fallback does not replace.

    Args:
        calibration: What is usual.
        prosumer_loss: What a drifting prosumer costs.
        community_loss: What a drifting community costs.
        scorer: A scorer to share with another watch of the same calibration.

    Raises:
        ModelError: a loss is none of those allowed.
    """

    def __init__(
        self,
        calibration: Calibration,
        *,
        prosumer_loss: Loss = Loss.NOTE,
        community_loss: Loss = Loss.NOTE,
        scorer: Scorer | None = None,
    ) -> None:
        require_loss("prosumer_loss", prosumer_loss, PROSUMER_LOSSES)
        require_loss("community_loss", community_loss, COMMUNITY_LOSSES)
        self.calibration = calibration
        self.scorer = scorer or Scorer(calibration)
        self._losses = prosumer_loss, community_loss
        size = len(calibration.names)
        self._needed = [2 * size / calibration.drift_alpha] * size + [2 / calibration.drift_alpha]
        self.martingales = [Martingale(usable(column)) for column in calibration.day_scores.T]
        self.reset()

    def reset(self) -> None:
        """Forget every step seen, and every day."""
        self.scorer.reset()
        for martingale in self.martingales:
            martingale.restart()
        self._begin(None)
        self._doubts: tuple[Doubt, ...] = ()

    def look(self, sight: Sight) -> tuple[Doubt, ...]:
        """Return what was found to drift when the last whole day was over."""
        scores = self.scorer.look(sight)
        if scores is None:
            self._steps = -self.calibration.slots  # this day is not a whole one any more
            return self._doubts
        if scores.moment.day != self._day:
            self._doubts = self._end()
            self._begin(scores.moment.day)
        self._add(scores)
        return self._doubts

    def _begin(self, day: int | None) -> None:
        self._day, self._steps = day, 0
        self._worst = np.full(len(self.calibration.names) + 1, np.nan)

    def _add(self, scores: Scores) -> None:
        np.fmax(self._worst[:-1], scores.prosumers, out=self._worst[:-1])
        self._worst[-1] = np.fmax(self._worst[-1], scores.community)
        self._steps += 1

    def _end(self) -> tuple[Doubt, ...]:
        """Bet on the day that is over, if it was whole, and return what is in doubt from it."""
        if self._steps != self.calibration.slots:
            return ()
        doubts = []
        for place, (martingale, score) in enumerate(zip(self.martingales, self._worst.tolist(), strict=True)):
            if not isfinite(score):
                continue
            capital = martingale.add(score)
            if capital >= self._needed[place]:
                doubts.append(self._doubt(place, martingale))
                martingale.restart()
            elif martingale.days >= self.calibration.life_days:
                martingale.restart()
        return tuple(doubts)

    def _doubt(self, place: int, martingale: Martingale) -> Doubt:
        of_all = place == len(self.calibration.names)
        who = "the community" if of_all else self.calibration.names[place]
        text = (
            f"{who} drifts: betting on strange days turned 1 into {martingale.capital:.0f} within {martingale.days} "
            f"days, {self._needed[place]:.0f} are enough; calibrate again"
        )
        prosumers = () if of_all else (place,)
        return Doubt(cause=Cause.DRIFT, text=text, loss=self._losses[of_all], prosumers=prosumers)


def usable(scores: np.ndarray) -> list[float]:
    """Return the scores that are numbers."""
    return [score for score in scores.tolist() if isfinite(score)]
