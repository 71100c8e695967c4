"""Where in its day a step is: what the host's `time` says, for any form of time a host may send."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

import numpy as np

MINUTES_PER_DAY = 1440
MINUTES, NUMBER = np.dtype("datetime64[m]"), np.dtype(np.int64)


class Moment(NamedTuple):
    """One step's place in the calendar.

    Attributes:
        day: Number of the day, from any fixed beginning.
        slot: Number of the step in its day, 0 for the one that begins at midnight.
    """

    day: int
    slot: int


class Clock:
    """Reads times of one time step.

    Args:
        slots: Steps per day.
    """

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self._minutes = MINUTES_PER_DAY // slots

    def read(self, time: Any) -> Moment | None:
        """Return the moment of a datetime64, a datetime or ISO 8601 text; None for anything else.

        A time with an offset is read on its own clock: what people and the sun do follows the local day.
        """
        if not isinstance(time, np.datetime64):
            try:
                stated = datetime.fromisoformat(time) if isinstance(time, str) else time
                if not isinstance(stated, datetime):
                    return None
                time = np.datetime64(stated.replace(tzinfo=None))
            except ValueError:
                return None
        minute = int(time.astype(MINUTES).astype(NUMBER))
        if minute == NOT_A_TIME:
            return None
        day, rest = divmod(minute, MINUTES_PER_DAY)
        return Moment(day, rest // self._minutes)


NOT_A_TIME = int(np.datetime64("NaT", "m").astype(np.int64))
"""What NaT is as a number."""
