"""A token bucket: so many a second, and a burst."""

from __future__ import annotations

from collections.abc import Callable


class Bucket:
    """Says how long to wait.

    Args:
        per_s: Calls a second.
        clock: Seconds, never going back.
        burst: Calls at once after a rest; None for one second's worth.
    """

    def __init__(self, per_s: float, clock: Callable[[], float], *, burst: float | None = None) -> None:
        self._per_s, self._clock = per_s, clock
        self._most = max(per_s if burst is None else burst, 1.0)
        self._left, self._then = self._most, clock()

    def take(self) -> float:
        """Take one call; return 0, or the seconds until there is one."""
        wait = self.wait()
        if wait == 0.0:
            self._left -= 1.0
        return wait

    def wait(self) -> float:
        """Return the seconds until there is a call to take, without taking it."""
        now = self._clock()
        self._left = min(self._left + (now - self._then) * self._per_s, self._most)
        self._then = now
        return 0.0 if self._left >= 1.0 else (1.0 - self._left) / self._per_s
