"""Latch and hysteresis: what was doubted stays doubted for a while, and does not come and go all the time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from autonomy.layers.decision import Cause
from autonomy.layers.supervision.watch import Doubt, Loss

EVERYBODY = -1
"""In place of a prosumer: the whole community."""
Key: TypeAlias = tuple[Cause, int]
"""What is latched: one cause at one prosumer, or `EVERYBODY`."""


@dataclass(kw_only=True, slots=True)
class Hold:
    """One latched doubt.

    Attributes:
        losses: All that was taken since it began; given back together.
        since: Step at which it began.
        clean: Steps in a row without this doubt, up to now.
        most_export_kw: kW >= 0, the largest `Doubt.unexplained_kw` since it began.
        most_import_kw: kW >= 0, the largest of its negative.
    """

    losses: set[Loss]
    since: int
    clean: int = 0
    most_export_kw: float = 0.0
    most_import_kw: float = 0.0

    def take(self, doubt: Doubt) -> None:
        """Hold what another doubt of the same kind takes, too."""
        self.losses.add(doubt.loss)
        self.clean = 0
        self.most_export_kw = max(self.most_export_kw, doubt.unexplained_kw)
        self.most_import_kw = max(self.most_import_kw, -doubt.unexplained_kw)


class Ended(NamedTuple):
    """A doubt that is over.

    Attributes:
        key: Which.
        steps: How long it lasted.
    """

    key: Key
    steps: int


class _Bucket(NamedTuple):
    """How often a key may still be released.

    Attributes:
        tokens: Releases left; grows by one a day up to the free ones.
        step: When that was counted.
    """

    tokens: float
    step: int


class Latches:
    """Holds every doubt until it has been silent for `hold_steps` steps, and bounds how often it is let go.

    A key (cause, prosumer) is taken at once and released after `hold_steps` clean steps in a row, if a token is left. A
    bucket begins with `free_releases` tokens and gets one more a day, never above that. So in any w steps a key is
    released at most free_releases + w/day times, and taken at most once more: no chattering, whatever a monitor does. A
    key without a token waits for the next, which is less than a day.

    Args:
        hold_steps: Clean steps before a release, >= 1.
        free_releases: Releases before the bound of one a day, >= 1.
        day_steps: Steps in a day.
    """

    def __init__(self, *, hold_steps: int, free_releases: int, day_steps: float) -> None:
        self._hold_steps, self._free, self._day_steps = hold_steps, float(free_releases), day_steps
        self.reset()

    def reset(self) -> None:
        """Let everything go and forget it."""
        self.held: dict[Key, Hold] = {}
        self._buckets: dict[Key, _Bucket] = {}

    def update(self, step: int, doubts: Iterable[Doubt]) -> tuple[Ended, ...]:
        """Take what is doubted at this step, count what is not, and return what is over; notes are not held."""
        raised: dict[Key, list[Doubt]] = {}
        for doubt in doubts:
            if doubt.loss is not Loss.NOTE:
                for who in doubt.prosumers or (EVERYBODY,):
                    raised.setdefault((doubt.cause, who), []).append(doubt)
        ended = tuple(self._ended(step, key, hold) for key, hold in self.held.items() if key not in raised)
        for key, found in raised.items():
            hold = self.held.setdefault(key, Hold(losses=set(), since=step))
            for doubt in found:
                hold.take(doubt)
        over = tuple(end for end in ended if end is not None)
        for end in over:
            del self.held[end.key]
        return over

    def _ended(self, step: int, key: Key, hold: Hold) -> Ended | None:
        """Count a clean step, and return the end of the hold if this was the last one."""
        hold.clean += 1
        if hold.clean < self._hold_steps:
            return None
        bucket = self._buckets.get(key, _Bucket(self._free, step))
        tokens = min(self._free, bucket.tokens + (step - bucket.step) / self._day_steps)
        is_free = tokens >= 1.0
        self._buckets[key] = _Bucket(tokens - 1.0 if is_free else tokens, step)
        return Ended(key, step - hold.since) if is_free else None
