"""Any backend in a process of its own: what hangs is killed, what crashes is replaced, and the caller goes on.

The child is this interpreter running `served.py` (not a fork, and not `multiprocessing`, which would import the user's
script again); the two talk through its standard input and output. What a solver prints goes to standard error.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import weakref
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np

from autonomy.solvers.allocation import Allocation, Hierarchy, Solution, Status, no_answer
from autonomy.solvers.message import Message, introduction, question, solution_of
from autonomy.solvers.screen import shape_fault
from autonomy.solvers.verdict import believed, get_ready

TIMEOUT_S = 2.0
"""s, how long the child may take by default: the solvers' own time limit, and as much again."""
START_LIMIT_S = 120.0
"""s, how long the first start may take; loading a compiled solver for the first time takes some."""
SERVE = "from autonomy.solvers.served import serve; serve()"
ENDED = Message({"ended": True})
"""In the place of an answer that will not come."""


class Isolated:
    """A backend in a child process.

    A child that does not answer in time is killed. One that was killed or ended is replaced at once, and answers again
    as soon as it has started; until then the answer is FAILED. SOLVED is checked here, whatever the child says.

    Args:
        hierarchy: The nested groups.
        name: A name in `BACKENDS`, or "module:attribute" of any `Setup` that can be imported.
        timeout_s: s, how long `solve` may take.

    Raises:
        ImportError: the backend, or a library that it needs, cannot be imported.
    """

    def __init__(self, hierarchy: Hierarchy, name: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self.hierarchy, self.name, self.timeout_s = hierarchy, name, timeout_s
        self._lock = threading.Lock()
        self._child, self._is_ready = _Child(introduction(hierarchy, name, timeout_s)), False
        get_ready()
        started = self._child.receive(START_LIMIT_S)
        if started is not None and "missing" in started.words:
            raise ImportError(started.words["missing"])
        self._child.unread(started)

    @property
    def process_id(self) -> int:
        """The child's."""
        return int(self._child.process.pid)

    def close(self) -> None:
        """End the child; otherwise it ends with this object or this process."""
        self._child.end()

    def solve(self, problem: Allocation) -> Solution:
        """Return the child's answer, or FAILED and why; takes at most `timeout_s` and what the check takes."""
        end = time.monotonic() + self.timeout_s
        fault = shape_fault(problem, self.hierarchy)
        with self._lock:
            answer = fault or self._ask(problem, end)
        if isinstance(answer, str):
            return no_answer(self.hierarchy, Status.FAILED, answer)
        with np.errstate(all="ignore"):
            return believed(problem, solution_of(self.hierarchy, answer))

    def _ask(self, problem: Allocation, end: float) -> Message | str:
        """Return the answer, or a sentence on why there is none."""
        who = f"the process of {self.name!r}"
        if not self._child.end.alive:
            return f"{who} is closed"
        if self._child.owner != os.getpid():  # a fork must not share the pipe
            self._replace()
        if not self._is_ready:
            started = self._child.receive(end - time.monotonic())
            if started is None:
                return f"{who} is still starting"
            if "ready" not in started.words:
                fault = self._fault_of(started)
                self._replace()
                return f"{who} {fault}"
            self._is_ready = True
        self._child.send(question(problem))
        answer = self._child.receive(end - time.monotonic())
        if answer is not None and "fault" in answer.words:
            return f"{who} {self._fault_of(answer)}"
        if answer is None or answer is ENDED:
            fault = self._fault_of(answer)
            self._replace()
            return f"{who} {fault}"
        return answer

    def _fault_of(self, answer: Message | None) -> str:
        """Return the rest of a sentence about a child that has no answer."""
        if answer is None:
            return f"did not answer within {self.timeout_s:g} s and was killed"
        if answer is not ENDED:
            return f"reports: {answer.words.get('fault') or answer.words.get('missing') or 'nothing sensible'}"
        code = self._child.exit_code()
        return "ended" if code is None else f"ended with {f'signal {-code}' if code < 0 else f'exit code {code}'}"

    def _replace(self) -> None:
        self._child.end()
        self._child, self._is_ready = _Child(introduction(self.hierarchy, self.name, self.timeout_s)), False


class _Child:
    """The process, and the thread that talks to it: a pipe that is full or silent must not hold up the caller."""

    def __init__(self, introduced: Message) -> None:
        self.owner = os.getpid()
        path = os.pathsep.join(entry or os.curdir for entry in sys.path)
        self.process = subprocess.Popen(  # noqa: S603 - this interpreter on our own module
            [sys.executable, "-c", SERVE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": path},
        )
        self._questions: SimpleQueue[Message | None] = SimpleQueue()
        self._answers: SimpleQueue[Message] = SimpleQueue()
        self.end = weakref.finalize(self, _end, self.process, self._questions, self.owner)
        threading.Thread(target=_talk, args=(self.process, self._questions, self._answers), daemon=True).start()
        self.send(introduced)

    def send(self, message: Message) -> None:
        """Ask; there is one answer to each question."""
        self._questions.put(message)

    def receive(self, limit_s: float) -> Message | None:
        """Return the answer, `ENDED` when none will come, None when none came in time."""
        try:
            return self._answers.get(timeout=max(limit_s, 0.0))
        except Empty:
            return None

    def unread(self, message: Message | None) -> None:
        """Put an answer back, to be received again."""
        if message is not None:
            self._answers.put(message)

    def exit_code(self) -> int | None:
        """Return the exit code of a process that closed its pipe, negative for a signal; None if it lives on."""
        try:
            return int(self.process.wait(timeout=1.0))
        except subprocess.TimeoutExpired:
            return None


def _talk(process: Any, questions: SimpleQueue[Message | None], answers: SimpleQueue[Message]) -> None:
    """Pass questions and answers on until one side is gone."""
    while (message := questions.get()) is not None:
        try:
            message.write(process.stdin)
            answer = Message.read(process.stdout)
        except (OSError, ValueError):  # a broken or closed pipe, or what is no message
            answer = None
        answers.put(answer or ENDED)


def _end(process: Any, questions: SimpleQueue[Message | None], owner: int) -> None:
    if os.getpid() != owner:
        return
    questions.put(None)
    process.kill()
    process.wait()
