"""How long the calibrated monitors take a step."""

from __future__ import annotations

import time

import numpy as np

from autonomy.benchmark.novelty.alarms import played
from autonomy.layers.supervision.novelty import Calibration, DriftWatch, NoveltyWatch, RepeatWatch, Scorer
from autonomy.layers.supervision.watch import Doubt, Sight, Watch
from autonomy.scenario import Scenario

STEPS, ROUNDS = 14 * 24, 7


class Kept:
    """A monitor that keeps what it sees and doubts nothing."""

    def __init__(self) -> None:
        self.sights: list[Sight] = []

    def look(self, sight: Sight) -> tuple[Doubt, ...]:
        """Keep a step."""
        self.sights.append(sight)
        return ()

    def reset(self) -> None:
        """Forget every step seen."""
        self.sights.clear()


def paces(scenario: Scenario, calibration: Calibration) -> dict[str, float]:
    """Return each monitor's median step, µs, in the best of some rounds over the scenario's first two weeks.

    Novelty and drift share a scorer; what it takes is counted with novelty, which asks first.
    """
    kept, scorer = Kept(), Scorer(calibration)
    for _ in played(scenario.window(0, STEPS), kept):
        pass
    shared = NoveltyWatch(calibration, scorer=scorer), DriftWatch(calibration, scorer=scorer)
    watches: tuple[Watch, ...] = (*shared, RepeatWatch(calibration))
    taken_ns = np.empty((len(watches), ROUNDS, STEPS))
    for turn in range(ROUNDS):
        for watch in watches:
            watch.reset()
        for k, sight in enumerate(kept.sights):
            for place, watch in enumerate(watches):
                begin = time.perf_counter_ns()
                watch.look(sight)
                taken_ns[place, turn, k] = time.perf_counter_ns() - begin
    best = np.median(taken_ns, axis=2).min(axis=1) / 1e3
    return {type(watch).__name__: float(us) for watch, us in zip(watches, best, strict=True)}
