"""One community of the service: its controller in a thread of its own, its journal, its deadline, its last decision."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from autonomy.controller import Controller
from autonomy.entry import Entry, Journal
from autonomy.journal import JsonLinesJournal, resume
from autonomy.layers.community import Community
from autonomy.layers.decision import Cause, Decision, Reason
from autonomy.service.answer import Answer
from autonomy.service.worker import Worker

LONGEST_END_S = 10.0
"""Seconds that the last step may take when the service stops; a disk that hangs must not keep it from stopping."""


class _Numbered:
    """A journal that remembers the number of its last step."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.step: int | None = None

    def record(self, entry: Entry) -> Reason | None:
        self.step = entry.step
        return self._journal.record(entry)


class Station:
    """Answers the observations of one community, one after the other, each within the deadline.

    An observation whose decision does not come in time is answered with the dead stop: batteries and trades stand
    still, and caps that hold whatever was measured. The controller is told so with its next step, an observation
    without measurements, so that controller and journal know what the host was told to do.

    Args:
        name: The community's name in the service.
        controller: A controller without a journal.
        path: Its journal, which is gone on with if it is there.
        fsync: As for `JsonLinesJournal`.
        deadline_s: Seconds until an answer is late.
        clock: Seconds, never going back.

    Raises:
        JournalError: the journal is broken, of another community, or written by somebody else.
        OSError: it cannot be read or written.
    """

    def __init__(
        self,
        name: str,
        controller: Controller,
        *,
        path: Path,
        fsync: Any,
        deadline_s: float,
        clock: Callable[[], float],
    ) -> None:
        self.name, self.deadline_s = name, deadline_s
        self._controller, self._clock = controller, clock
        self._stopped = Controller(controller.community, policy="grid-only", monitors=())
        self.dead_stop = self._stopped.step({})
        self._journal: JsonLinesJournal = resume(controller, path, fsync=fsync)
        self._numbered = controller.journal = _Numbered(self._journal)
        self._worker = Worker(f"autonomy-{name}")
        self._lock = threading.Lock()
        self._owed = 0
        self._limits: Any = None
        self._retry: tuple[str, asyncio.Task[Answer]] | None = None

    @property
    def community(self) -> Community:
        """What is controlled."""
        return self._controller.community

    async def step(self, given: Mapping[str, Any], *, key: str | None = None) -> Answer:
        """Return the answer to an observation; it comes within the deadline.

        Args:
            given: The observation.
            key: Names the request: the last one sent again gets the last answer again, and no step is made.
        """
        if key is None:
            return await self._step(given)
        if self._retry is None or self._retry[0] != key:
            self._retry = key, asyncio.create_task(self._step(given))
        return await asyncio.shield(self._retry[1])

    async def close(self) -> None:
        """Finish what was begun and close the journal with its last root line.

        Raises:
            OSError: its last lines could not be written.
            TimeoutError: the step that was under way did not end; the journal is left as by a crash.
        """
        ended = self._worker.submit(self._journal.close)
        self._worker.end()
        await asyncio.wait_for(asyncio.wrap_future(ended), LONGEST_END_S)

    async def _step(self, given: Mapping[str, Any]) -> Answer:
        began = self._clock()
        work = self._worker.submit(lambda: self._decide(given))
        await asyncio.wait({asyncio.wrap_future(work)}, timeout=self.deadline_s)
        # Whoever cancels what has not begun keeps it from the controller; what is under way is decided and journalled.
        if work.done() and work.exception() is None:
            step, decision = work.result()
            return Answer(step, decision, False, self._clock() - began)
        work.cancel()
        self._owe(given.get("limits"))
        return Answer(None, self._late(given), True, self._clock() - began)

    def _decide(self, given: Mapping[str, Any]) -> tuple[int | None, Decision]:
        decision = self._controller.step(given)
        return self._numbered.step, decision

    def _late(self, given: Mapping[str, Any]) -> Decision:
        """Return the dead stop under the limits of the step."""
        stop = self._stopped.step({"limits": given.get("limits")})
        text = f"no decision within {self.deadline_s * 1e3:g} ms; the caps of the dead stop hold"
        return replace(stop, reasons=(Reason(cause=Cause.ANSWER_LATE, text=text),))

    def _owe(self, limits: Any) -> None:
        """Have the controller told, as soon as it can listen, that the host was answered with the dead stop."""
        with self._lock:
            self._owed, self._limits = self._owed + 1, limits
        self._worker.submit(self._settle)

    def _settle(self) -> None:
        with self._lock:
            owed, limits, self._owed = self._owed, self._limits, 0
        if owed:
            self._controller.step({"limits": limits, "late_answers": owed})
