"""Asking a policy that may do anything: raise, never return, answer nonsense, freeze, or have lost its weights."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from autonomy.layers.arrays import Matrix
from autonomy.layers.community import Community
from autonomy.layers.decision import Cause, Intent, Reason
from autonomy.layers.intent import Policy, Wish, read_answer
from autonomy.layers.observation import Observation
from autonomy.layers.situation import Situation
from autonomy.layers.supervision.watch import Loss
from autonomy.supervisor import Supervisor

NOTICEABLE_SHARE = 0.1
"""Change of demand and generation, as a share of them, from which an observation counts as another."""
FINGERPRINTS = ("fingerprint", "weights_hash")
"""Attributes, or methods without arguments, by which a policy tells what its weights are."""


class Asked(NamedTuple):
    """What came of asking.

    Attributes:
        answer: What the policy returned; None when it did not, or was not asked.
        wish: How that is read.
    """

    answer: Any
    wish: Wish


class Watchdog:
    """Asks one policy, and answers for it where it fails.

    Args:
        settings: Deadline, fingerprint, frozen output.
        policy: Whose fingerprint is kept; the policy that is asked is given with every call.
    """

    def __init__(self, settings: Supervisor, policy: Policy) -> None:
        self._settings = settings
        self._worker: _Worker | None = None  # a lock, which cannot be copied, only where there is a deadline
        self._frozen = _Frozen(settings.frozen_after)
        self._trusted = fingerprint_of(policy)
        self._is_corrupted = False
        self._asked = 0

    @property
    def abandoned(self) -> int:
        """How many calls were left behind because they did not return in time."""
        return 0 if self._worker is None else self._worker.abandoned

    def reset(self) -> None:
        """Forget the intents seen; the fingerprint stays that of the beginning."""
        self._frozen.reset()
        self._asked = 0

    def verify(self, policy: Policy) -> Reason | None:
        """Compare a policy's weights with those it had at the beginning; the reason when they are others."""
        if self._trusted is None:
            return None
        found = fingerprint_of(policy)
        self._is_corrupted = found != self._trusted
        if not self._is_corrupted:
            return None
        text = f"the policy's weights are not those it had at the beginning ({found} instead of {self._trusted})"
        return Reason(cause=Cause.WEIGHTS_CHANGED, text=text)

    def ask(self, policy: Policy, community: Community, seen: Observation, situation: Situation) -> Asked:
        """Return what the policy wants, or why nothing usable came; never raises."""
        every = self._settings.fingerprint_every
        if self._trusted is not None and every and (self._is_corrupted or self._asked % every == 0):
            changed = self.verify(policy)
            if changed is not None:
                return Asked(None, Wish(None, (changed,)))
        self._asked += 1
        try:
            answer = self._answer(policy, community, seen)
        except _LateError as late:
            return Asked(None, Wish(None, (Reason(cause=Cause.POLICY_LATE, text=str(late)),)))
        except (Exception, SystemExit) as fault:  # noqa: BLE001 - a policy may fail in any way; a reason, not a crash
            text = f"the policy raised {type(fault).__name__}: {fault}"
            return Asked(None, Wish(None, (Reason(cause=Cause.POLICY_RAISED, text=text),)))
        return Asked(answer, self._read(answer, situation))

    def _answer(self, policy: Policy, community: Community, seen: Observation) -> Any:
        deadline = self._settings.policy_deadline_s
        if deadline is None:
            return policy(community, seen)
        if self._worker is None:
            self._worker = _Worker()
        return self._worker.call(lambda: policy(community, seen), deadline)

    def _read(self, answer: Any, situation: Situation) -> Wish:
        """Return an answer as a wish, and what is said about one that never changes."""
        wish = read_answer(answer, situation.community.n_prosumers)
        if wish.intent is None or not self._settings.frozen_after:
            return wish
        frozen = self._frozen.judge(wish.intent, situation)
        if frozen is None:
            return wish
        is_followed = self._settings.frozen_loss is Loss.NOTE
        return Wish(wish.intent if is_followed else None, (*wish.reasons, frozen))


def fingerprint_of(policy: Policy) -> str | None:
    """Return the text by which a policy tells its weights apart from others, or None when it offers none."""
    for name in FINGERPRINTS:
        try:
            found = getattr(policy, name, None)
            value = found() if callable(found) else found
        except Exception as fault:  # noqa: BLE001 - weights that cannot be read are not what they were
            return f"unreadable: {type(fault).__name__}"
        if value is not None:
            return value.hex() if isinstance(value, bytes) else str(value)
    return None


class _Frozen:
    """Counts how long an intent has stayed the very same while what it should answer to changed."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self.reset()

    def reset(self) -> None:
        self._last: tuple[bytes, bytes, bytes] | None = None
        self._measured: Matrix | None = None
        self._repeats = 0
        self._has_changed = False

    def judge(self, intent: Intent, situation: Situation) -> Reason | None:
        # Bytes are copied and compared in less time than numbers, and NaN is the same as itself.
        now = intent.battery_kw.tobytes(), intent.trade_kw.tobytes(), intent.price_bid.tobytes()
        if now != self._last:
            self._last, self._measured, self._repeats, self._has_changed = now, None, 0, False
        else:
            self._repeats += 1
        if self._measured is None:
            # What is isolated reads 0, which is no change of anything.
            self._measured = situation.measured_kw if situation.is_clean else None
        elif situation.is_clean and not self._has_changed:
            moved = float(np.abs(situation.measured_kw - self._measured).sum())
            self._has_changed = moved > NOTICEABLE_SHARE * float(self._measured.sum())
        if self._repeats < self._longest or not self._has_changed or not np.any(intent.battery_kw):
            return None
        text = f"the policy has answered the very same for {self._repeats} steps while demand or generation changed"
        return Reason(cause=Cause.OUTPUT_FROZEN, text=text)


class _LateError(Exception):
    """No answer in time; the text says so."""


class _Call:
    """One call handed to the worker's thread, and what came of it."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self.work = work
        self.answer: Any = None
        self.fault: BaseException | None = None
        self.done = threading.Event()

    def carry_out(self) -> None:
        try:
            self.answer = self.work()
        except BaseException as fault:  # noqa: BLE001 - handed over to whoever waits
            self.fault = fault
        self.done.set()


class _Worker:
    """Runs calls in one daemon thread, one at a time; a call that is late is abandoned and its answer never used.

    While an abandoned call still runs, no other is started: a policy that hangs costs one thread, not one a step. A
    thread cannot be killed from outside; it ends with the process.
    """

    def __init__(self) -> None:
        self.abandoned = 0
        self._thread: threading.Thread | None = None
        self._wake = threading.Semaphore(0)
        self._next: _Call | None = None
        self._running: _Call | None = None

    def call(self, work: Callable[[], Any], deadline_s: float) -> Any:
        """Return what `work` returns, or raise what it raises.

        Raises:
            _LateError: it did not return within the deadline, or an earlier one has not returned yet.
        """
        if self._running is not None and not self._running.done.is_set():
            text = f"the policy is still busy with an earlier step; not asked again ({self.abandoned} abandoned so far)"
            raise _LateError(text)
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._serve, name="autonomy-policy", daemon=True)
            self._thread.start()
        call = self._next = self._running = _Call(work)
        started = time.perf_counter()
        self._wake.release()
        if not call.done.wait(deadline_s):
            self.abandoned += 1
            allowed = f"the policy did not answer within {deadline_s * 1e3:.1f} ms; its answer is discarded"
            raise _LateError(f"{allowed} ({self.abandoned} abandoned so far)")
        taken = time.perf_counter() - started
        if taken > deadline_s:
            limits = f"{taken * 1e3:.1f} ms of {deadline_s * 1e3:.1f} ms allowed"
            raise _LateError(f"the policy took {limits}; its answer is discarded")
        if call.fault is not None:
            raise call.fault
        return call.answer

    def _serve(self) -> None:
        while True:
            self._wake.acquire()
            call, self._next = self._next, None
            if call is not None:
                call.carry_out()
