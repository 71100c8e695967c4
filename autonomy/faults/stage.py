"""What is going on right now: the one thing that planted policies, backends and journals look at."""

from __future__ import annotations

import threading
import time

import numpy as np

from autonomy.faults.strike import Strike
from autonomy.faults.words import Channel
from autonomy.layers.arrays import Matrix, Vector

PATIENCE_S, GRACE_S = 30.0, 0.005
"""s to wait for a late policy before the next step, and for whoever called it to notice that it is done."""


class Stage:
    """The step that is being played, told by the trial to whatever stands inside the controller.

    Attributes:
        strike: The fault of the run, or None.
        k: Steps since its onset, None before and after it.
        touched: Whether the fault has changed anything in this step.
        intents: The true battery intents of the run so far, one row a step, those before the window first.
        idle: Set while no policy is being asked; one that is late may be busy in a thread of its own.
    """

    def __init__(self) -> None:
        self.strike: Strike | None = None
        self.k: int | None = None
        self.touched = False
        self.intents: list[Vector] = []
        self.runs = 0
        self.idle = threading.Event()
        self.idle.set()

    def begin(self, strike: Strike | None, intents: Matrix) -> None:
        """Begin a run; `intents` are the (T, N) battery intents of the steps before it."""
        self.strike, self.k, self.touched = strike, None, False
        self.intents = list(intents)
        self.runs += 1

    def enter(self, k: int | None) -> None:
        """Enter a step; whoever is still busy with the last one is waited for, because real steps are far apart."""
        if not self.idle.is_set():
            self.idle.wait(PATIENCE_S)
            time.sleep(GRACE_S)
        self.k, self.touched = k, False

    def faulty(self, channel: Channel) -> tuple[Strike, int] | None:
        """Return the fault and the steps since its onset if one is active on the channel now."""
        if self.strike is None or self.k is None or self.strike.fault.channel is not channel:
            return None
        return self.strike, self.k

    def past_intents(self) -> Matrix:
        """Return (T, N) the true battery intents, the last of this step."""
        return np.array(self.intents)
