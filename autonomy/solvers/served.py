"""The child's side of an isolated backend: set it up, then answer until the caller is gone."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from importlib import import_module

from autonomy.solvers.allocation import Allocation, Backend, Hierarchy, Setup, Solution
from autonomy.solvers.general.checked import attempt
from autonomy.solvers.message import Message, allocation_of, answer, hierarchy_of

GRACE = 2.0
"""How many times its limit a child lives on when its caller is gone and cannot kill it any more."""


def serve() -> None:
    """The child's whole life."""
    questions, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a solver prints must not reach the pipe
    introduced = Message.read(questions)
    if introduced is None:
        return
    hierarchy = hierarchy_of(introduced)
    try:
        backend = _found(introduced.words["name"])(hierarchy)
    except ImportError as fault:
        Message({"missing": str(fault)}).write(answers)
        return
    except Exception as fault:  # noqa: BLE001 - whatever a backend throws is reported
        Message({"fault": f"{type(fault).__name__}: {fault}"}).write(answers)
        return
    Message({"ready": True}).write(answers)
    while (asked := Message.read(questions)) is not None:
        _set_alarm(GRACE * introduced.words["timeout_s"])
        replied = _reply(backend, allocation_of(hierarchy, asked))
        _set_alarm(0.0)
        replied.write(answers)


def _reply(backend: Backend, problem: Allocation) -> Message:
    solution: Solution | str = attempt(lambda: backend.solve(problem))
    message = attempt(lambda: answer(solution)) if isinstance(solution, Solution) else solution
    if isinstance(message, Message):
        return message
    return Message({"fault": message if isinstance(message, str) else f"the answer is a {type(message).__name__}"})


def _set_alarm(seconds: float) -> None:
    """Have the system end this process after so many seconds, even inside a library that never returns; 0 for never."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _found(name: str) -> Setup:
    from autonomy.solvers.backends import BACKENDS  # noqa: PLC0415 - only the child needs them

    if name in BACKENDS:
        return BACKENDS[name]
    module, _, attribute = name.partition(":")
    setup: Callable[[Hierarchy], Backend] = getattr(import_module(module), attribute)
    return setup
