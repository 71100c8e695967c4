"""Time has to advance by one step a step."""

from __future__ import annotations

from autonomy.layers.decision import Cause
from autonomy.layers.supervision.monitors.accuracy import Accuracy
from autonomy.layers.supervision.reading import Instant
from autonomy.layers.supervision.watch import Doubt, Loss, Sight

STALE_STEPS = 4
"""Steps in a row with old data until no measurement is used at all."""
PROPER_STEPS = 4
"""Steps in a row that are right apart after which a clock that stands elsewhere is believed."""


class Clock:
    """Doubts a time that repeats, goes back, jumps, or advances by another step than the community's.

    Statement: the stamp of step k is t_0 + k·dt, each stamp off by at most `clock_jitter`·dt, so two stamps in a row
    are dt apart within twice that, and no later stamp is behind t_0 + k·dt by more than twice that. It holds for every
    host that calls once a step and whose stamps are of one clock that is not changed: UTC, any time with its offset, or
    a local time without summer time.

    A stamp that is behind is of old data: the policy is not asked (the ladder's rungs use what there is), and after
    `STALE_STEPS` such steps nothing is measured any more. A jump forward is noted: the data are new, only a step is
    missing. Two equal steps of a wrong length are no accident: batteries would be planned over the wrong time, so they
    stand still. After `PROPER_STEPS` steps that are right apart the clock is believed again, wherever it stands.

    Args:
        timestep_h: Hours, the step that the host should keep.
        accuracy: What the host states about itself.
    """

    def __init__(self, timestep_h: float, accuracy: Accuracy) -> None:
        self._step_s = 3600.0 * timestep_h
        # Half a microsecond is the rounding of a float of seconds; the resolution of a stamp is the host's jitter.
        self._slack_s = 2.0 * accuracy.clock_jitter * self._step_s + 1e-3
        self.reset()

    def reset(self) -> None:
        """Forget every step seen."""
        self._expected_s: float | None = None
        self._last_delta_s: float | None = None
        self._stale = self._proper = 0
        self._kind: bool | None = None

    def look(self, sight: Sight) -> tuple[Doubt, ...]:
        """Return what is in doubt about the time of this step."""
        now = sight.reading
        if now is None or now.instant is None:
            return self._unread(sight)
        if self._kind is not None and self._kind is not now.instant.is_aware:
            self.reset()
            self._anchor(now.instant)
            text = "times with and without an offset from UTC are mixed; they cannot be compared"
            return (Doubt(cause=Cause.TIME_UNREADABLE, text=text, loss=Loss.NOTE),)
        delta = sight.elapsed_s
        if self._expected_s is None or delta is None:
            self._anchor(now.instant)
            return ()
        if abs(now.instant.seconds - self._expected_s) <= self._slack_s and abs(delta - self._step_s) <= self._slack_s:
            self._anchor(now.instant)
            return ()
        found = self._judge(now.instant, delta)
        self._last_delta_s = delta
        return found

    def _unread(self, sight: Sight) -> tuple[Doubt, ...]:
        was_known, self._expected_s = self._expected_s is not None, None
        if not was_known:
            return ()
        given = sight.given.get("time")
        what = "is missing" if given is None else f"is a {type(given).__name__} that is no point in time"
        return (Doubt(cause=Cause.TIME_UNREADABLE, text=f"time {what}; it was one before", loss=Loss.NOTE),)

    def _anchor(self, instant: Instant) -> None:
        self._expected_s, self._kind = instant.seconds + self._step_s, instant.is_aware
        self._last_delta_s = None
        self._stale = self._proper = 0

    def _judge(self, now: Instant, delta: float) -> tuple[Doubt, ...]:
        moved = f"time advanced by {delta / 60:g} min; expected {self._step_s / 60:g} min"
        is_proper = abs(delta - self._step_s) <= self._slack_s
        if not is_proper and delta > self._slack_s:
            last = self._last_delta_s
            self._anchor(now)
            if last is not None and abs(delta - last) <= self._slack_s:
                return (Doubt(cause=Cause.TIMESTEP_WRONG, text=f"{moved}, twice in a row", loss=Loss.BATTERY),)
            return (Doubt(cause=Cause.TIME_JUMP, text=moved, loss=Loss.NOTE),)
        expected = self._expected_s or 0.0
        self._proper = self._proper + 1 if is_proper else 0
        if self._proper >= PROPER_STEPS:
            self._anchor(now)
            return ()
        self._stale += 1
        self._expected_s = expected + self._step_s
        loss = Loss.BLIND if self._stale >= STALE_STEPS else Loss.POLICY
        behind = (expected - now.seconds) / 60
        text = f"the data are {behind:g} min old, for {self._stale} step(s): {moved}"
        return (Doubt(cause=Cause.TIME_STALE, text=text, loss=loss),)
