"""Novelty, drift and repeats: monitors with a stated rate of false alarms, calibrated on calibration days only."""

from autonomy.layers.supervision.novelty.drift_watch import DriftWatch
from autonomy.layers.supervision.novelty.novelty_watch import NoveltyWatch
from autonomy.layers.supervision.novelty.record import Calibration
from autonomy.layers.supervision.novelty.repeat_watch import RepeatWatch
from autonomy.layers.supervision.novelty.scorer import Scorer, Scores
from autonomy.layers.supervision.watch import Watch

__all__ = ["Calibration", "DriftWatch", "NoveltyWatch", "RepeatWatch", "Scorer", "Scores", "calibrated_monitors"]


def calibrated_monitors(calibration: Calibration) -> tuple[Watch, ...]:
    """Return the monitors of a calibration, at their default losses: novelty, drift, and stuck meters."""
    scorer = Scorer(calibration)
    return NoveltyWatch(calibration, scorer=scorer), DriftWatch(calibration, scorer=scorer), RepeatWatch(calibration)
