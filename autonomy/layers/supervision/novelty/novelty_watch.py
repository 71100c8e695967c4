"""The novelty watch: today is not like any day it was calibrated on."""

from __future__ import annotations

import numpy as np

from autonomy.layers.decision import Cause
from autonomy.layers.errors import ModelError
from autonomy.layers.supervision.novelty.features import COMMUNITY_FEATURES, PROSUMER_FEATURES
from autonomy.layers.supervision.novelty.record import Calibration
from autonomy.layers.supervision.novelty.scorer import Scorer
from autonomy.layers.supervision.watch import Doubt, Loss, Sight

PROSUMER_LOSSES = (Loss.NOTE, Loss.MARKET, Loss.BATTERY, Loss.METER)
COMMUNITY_LOSSES = (Loss.NOTE, Loss.MARKET, Loss.POLICY, Loss.BLIND)


class NoveltyWatch:
    """Doubts a prosumer whose figures, and a policy whose community, is unlike any calibration day.

    Statement: on days that are exchangeable with the calibration days, prosumers are doubted on at most alpha/2 of the
    days, all of them together, and the policy on at most alpha/2. Inside a day the doubt is raised at every step whose
    score is above the threshold; how long it lasts afterwards is the supervisor's matter (latch).

    What a doubt costs by default, and why:

    - A prosumer: its trade (`Loss.MARKET`). A strange reading is no proof of a false one. `METER` would isolate the
      home inside its fair share, and a home that really has an unusual peak would be shed by a false alarm; the
      decision's caps hold the lines whatever the truth is, so what is left to protect is other people's money.
      `POLICY` cannot be chosen: it would take the policy from everybody because of one.
    - The community: the policy (`Loss.POLICY`), which was not trained for this. The ladder's first rung, support,
      still moves the batteries as far as a limit needs, so an alarm at the peak sheds nothing that they can serve.

    Args:
        calibration: What is usual, and which scores are too high.
        prosumer_loss: What a novel prosumer costs, one of `PROSUMER_LOSSES`.
        community_loss: What a novel community costs, one of `COMMUNITY_LOSSES`.
        scorer: A scorer to share with another watch of the same calibration.

    Raises:
        ModelError: a loss is none of these.
    """

    def __init__(
        self,
        calibration: Calibration,
        *,
        prosumer_loss: Loss = Loss.MARKET,
        community_loss: Loss = Loss.POLICY,
        scorer: Scorer | None = None,
    ) -> None:
        require_loss("prosumer_loss", prosumer_loss, PROSUMER_LOSSES)
        require_loss("community_loss", community_loss, COMMUNITY_LOSSES)
        self.calibration = calibration
        self.scorer = scorer or Scorer(calibration)
        self._losses = prosumer_loss, community_loss
        self._limit, self._community_limit = calibration.prosumer_threshold, calibration.community_threshold

    def reset(self) -> None:
        """Forget every step seen."""
        self.scorer.reset()

    def look(self, sight: Sight) -> tuple[Doubt, ...]:
        """Return who is novel at this step."""
        scores = self.scorer.look(sight)
        if scores is None:
            return (Doubt(cause=Cause.NOVELTY, text="novelty cannot be judged: no usable time of day", loss=Loss.NOTE),)
        novel = scores.prosumers > self._limit
        doubts: tuple[Doubt, ...] = ()
        if np.count_nonzero(novel):
            doubts = tuple(self._of_prosumer(i, scores.prosumer_figures[:, i]) for i in np.flatnonzero(novel).tolist())
        if scores.community > self._community_limit:
            text = self._text("the community", COMMUNITY_FEATURES, scores.community_figures, self._community_limit)
            doubts += (Doubt(cause=Cause.NOVELTY, text=text, loss=self._losses[1]),)
        return doubts

    def _of_prosumer(self, place: int, figures: np.ndarray) -> Doubt:
        text = self._text(self.calibration.names[place], PROSUMER_FEATURES, figures, self._limit)
        return Doubt(cause=Cause.NOVELTY, text=text, loss=self._losses[0], prosumers=(place,))

    def _text(self, who: str, names: tuple[str, ...], figures: np.ndarray, limit: float) -> str:
        worst = int(np.nanargmax(figures))
        rate = self.calibration.alpha / 2
        return (
            f"{who} is novel: {names[worst]} scores {figures[worst]:.2f}, above {limit:.2f}, which is passed on at "
            f"most {rate:.2%} of ordinary days"
        )


def require_loss(field: str, loss: Loss, allowed: tuple[Loss, ...]) -> None:
    """Raise `ModelError` for a loss that is not allowed."""
    if loss not in allowed:
        raise ModelError(field, loss, f"one of {', '.join(allowed)}")
