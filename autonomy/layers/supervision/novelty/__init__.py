"""Novelty and drift: monitors with a stated rate of false alarms, calibrated on calibration days only."""

from autonomy.layers.supervision.novelty.drift_watch import DriftWatch
from autonomy.layers.supervision.novelty.novelty_watch import NoveltyWatch
from autonomy.layers.supervision.novelty.record import Calibration
from autonomy.layers.supervision.novelty.scorer import Scorer, Scores

__all__ = ["Calibration", "DriftWatch", "NoveltyWatch", "Scorer", "Scores"]
