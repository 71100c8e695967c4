"""The repeat watch: a meter shows one number for longer than it ever does."""

from __future__ import annotations

import numpy as np

from autonomy.layers.arrays import Mask, Matrix
from autonomy.layers.decision import Cause
from autonomy.layers.errors import ModelError
from autonomy.layers.supervision.monitors.naming import members
from autonomy.layers.supervision.novelty.novelty_watch import PROSUMER_LOSSES, require_loss
from autonomy.layers.supervision.novelty.record import Calibration
from autonomy.layers.supervision.novelty.repeats import Repeats
from autonomy.layers.supervision.watch import Doubt, Loss, Sight


class RepeatWatch:
    """Doubts a meter that is stuck, long before the day that the monitor `Stuck` has to wait for.

    Statement: on days that are exchangeable with the calibration days, any meter is doubted on at most repeat_alpha of
    the days, all meters together. A number is doubted at every step at which it has been repeated too often for its
    meter, see `repeats.py`; 0 never is, so a meter that is stuck at 0 is not found here.

    Every step must bring a new measurement, as on the calibration days. Where the time stands still the data are old,
    which is the clock's matter: such a step is no repeat.

    A doubt costs the meter (`Loss.METER`): the home lives inside its fair share of every line, and the others go on. A
    number that does not move is no measurement, and a battery that follows it exports or imports the difference.

    Args:
        calibration: How often each meter repeats, and which score is too high.
        loss: What it costs, one of `PROSUMER_LOSSES`.

    Raises:
        ModelError: the loss is none of these.
    """

    def __init__(self, calibration: Calibration, *, loss: Loss = Loss.METER) -> None:
        require_loss("loss", loss, PROSUMER_LOSSES)
        self.calibration, self._loss = calibration, loss
        self._repeats = Repeats(len(calibration.names))
        self._rarity, self._limit = calibration.repeat_rarity, calibration.repeat_threshold

    def reset(self) -> None:
        """Forget every step seen."""
        self._repeats.reset()

    def look(self, sight: Sight) -> tuple[Doubt, ...]:
        """Return whose meter repeats itself.

        Raises:
            ModelError: the calibration is of another community.
        """
        names, known = sight.community.names, self.calibration.names
        if names is not known and names != known:
            raise ModelError("calibration.names", list(known), f"the community's names {list(names)}")
        if sight.elapsed_s == 0.0:
            return ()
        runs = self._repeats.see(sight.situation.measured_kw)
        stuck = runs * self._rarity > self._limit
        return self._doubts(stuck, runs, sight.situation.measured_kw) if np.count_nonzero(stuck) else ()

    def _doubts(self, stuck: Mask, runs: Matrix, measured_kw: Matrix) -> tuple[Doubt, ...]:
        found = []
        for row, name in enumerate(("pv_kw", "demand_kw")):
            for place in members(stuck[row]):
                score, rate = runs[row, place] * self._rarity[row, place], self.calibration.repeat_alpha
                text = (
                    f"{name} of {self.calibration.names[place]} is stuck: {measured_kw[row, place]:.6g} kW repeated "
                    f"{runs[row, place]:.0f} times scores {score:.2f}, above {self._limit:.2f}, which is passed on at "
                    f"most {rate:.2%} of ordinary days"
                )
                found.append(Doubt(cause=Cause.METER_STUCK, text=text, loss=self._loss, prosumers=(place,)))
        return tuple(found)
