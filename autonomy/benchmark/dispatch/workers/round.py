"""One pass of cases through a Ray cluster: each is answered by its row, or by the fault that lost it."""

from __future__ import annotations

import math
import os
import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import autonomy
from autonomy.benchmark.dispatch.case import Case
from autonomy.benchmark.dispatch.play import play
from autonomy.benchmark.dispatch.row import DispatchRow
from autonomy.benchmark.dispatch.workers.connection import OPTION
from autonomy.benchmark.dispatch.workers.fate import ended
from autonomy.errors import ConfigError

LOOK_S = 1.0
"""Seconds between two looks at the clock."""
Answer = tuple[Case, DispatchRow | str]


class Round:
    """Iterates over (case, its row or the name of the fault that lost it), as they come.

    Args:
        ray: The module, connected.
        cases: What to play.
        time_limit_s: Seconds a case may take.
        at_once: How many cases are with the cluster at once, waiting ones included.
        grace_s: Seconds a case has beyond its limit; then its worker is ended.
        nobody_s: Seconds the cluster may be without a processor.
    """

    def __init__(
        self, ray: Any, cases: Sequence[Case], time_limit_s: float, at_once: int, *, grace_s: float, nobody_s: float
    ) -> None:
        self._ray, self._time_limit_s, self._at_once = ray, time_limit_s, at_once
        self._grace_s, self._nobody_s = grace_s, nobody_s
        self._remote = ray.remote(max_retries=0, num_returns="streaming")(_played)
        self._waiting = deque(cases)
        self._keys = {case: case.key for case in cases}
        self._running: dict[Any, Case] = {}
        self._end: dict[Any, float] = {}
        self._alive = time.monotonic()

    def __iter__(self) -> Iterator[Answer]:
        while self._waiting or self._running:
            self._hand_out()
            ready, _ = self._ray.wait(list(self._running), timeout=LOOK_S)
            for stream in ready:
                yield from self._heard(stream)
            yield from self._overdue()
            self._require_somebody(is_working=bool(ready))

    def _hand_out(self) -> None:
        while self._waiting and len(self._running) < self._at_once:
            case = self._waiting.popleft()
            stream = self._remote.remote(case, self._time_limit_s, str(Path.cwd()))
            self._running[stream], self._end[stream] = case, math.inf

    def _heard(self, stream: Any) -> Iterator[Answer]:
        """Take a worker's word: what it is, at the start, then the row; or that it is lost."""
        case, faults = self._running[stream], self._ray.exceptions
        try:
            said = self._ray.get(next(stream))
        except faults.RayTaskError as fault:  # `play` raises nothing: the machine cannot play at all
            reason = str(fault.cause or fault).strip().splitlines()[-1]
            raise ConfigError(OPTION, "", f"a machine of the cluster cannot play: {reason}") from None
        except faults.RayError as fault:
            yield self._done(stream), type(fault).__name__
            return
        if isinstance(said, DispatchRow):
            yield self._done(stream), said
        else:
            _require_same(self._keys[case], *said)
            self._end[stream] = time.monotonic() + self._time_limit_s + self._grace_s

    def _overdue(self) -> Iterator[Answer]:
        now = time.monotonic()
        for stream in [stream for stream, end in self._end.items() if end < now]:
            self._ray.cancel(stream, force=True)
            case = self._done(stream)
            yield case, ended(case, self._time_limit_s)

    def _done(self, stream: Any) -> Case:
        del self._end[stream]
        return self._running.pop(stream)

    def _require_somebody(self, *, is_working: bool) -> None:
        now = time.monotonic()
        if is_working or self._ray.cluster_resources().get("CPU", 0.0) > 0.0:
            self._alive = now
        elif now - self._alive > self._nobody_s:
            problem = f"the cluster has had no processor for {self._nobody_s:g} s; the same command goes on from here"
            raise ConfigError(OPTION, "", problem)


def _played(case: Case, time_limit_s: float, folder: str) -> Iterator[Any]:
    """Say what this machine has, then play; relative paths of policies are those of the folder of the command."""
    if Path(folder).is_dir():
        os.chdir(folder)
    yield autonomy.__version__, case.key
    yield play(case, time_limit_s)


def _require_same(expected: str, version: str, key: str) -> None:
    if version != autonomy.__version__:
        problem = f"a machine of the cluster has version {version} of this package, this one {autonomy.__version__}"
        raise ConfigError(OPTION, "", problem)
    if key != expected:
        problem = f"a machine of the cluster has another file of a policy or none: {key!r} instead of {expected!r}"
        raise ConfigError(OPTION, "", problem)
