"""A first solve in a child process, for a method that could hang or eat all memory at a size it has not had yet."""

from __future__ import annotations

import multiprocessing
from dataclasses import dataclass
from multiprocessing.connection import Connection

from autonomy.benchmark.clock import timed_call
from autonomy.benchmark.machine import memory_bytes
from autonomy.benchmark.method import Method
from autonomy.benchmark.silence import silenced
from autonomy.solvers.allocation import Allocation

START_S = 120.0
"""Seconds a child may take to start, to load the method's library and to compile machine code."""
PATIENCE = 6.0
"""Time limits that setup and first solve together may take: models are compiled and orderings found in them."""
MEMORY_SHARE = 0.6
"""Share of the machine's memory that a child may map."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """How it went.

    Attributes:
        outcome: "ran", "time limit" or "failed".
        message: One sentence, empty when it ran.
    """

    outcome: str
    message: str = ""


def trial(method: Method, small: Allocation, problem: Allocation, time_limit_s: float) -> Trial:
    """Set a method up and solve one instance twice in a child process, which is killed when it takes too long.

    Args:
        method: What to try.
        small: An instance to load libraries and compile code with, before the clock starts.
        problem: The instance.
        time_limit_s: Seconds the second solve may take; setup and first solve together have `PATIENCE` of them.
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    child = context.Process(target=_child, args=(there, method, small, problem), daemon=True)
    child.start()
    there.close()
    try:
        for stage, limit_s in (("start", START_S), ("set up", PATIENCE * time_limit_s), ("solve", time_limit_s)):
            if not here.poll(limit_s):
                return Trial(outcome="time limit", message=f"did not {stage} within {limit_s:g} s")
            fault = here.recv()
            if fault:
                return Trial(outcome="failed", message=f"could not {stage}: {fault}")
    except EOFError:
        child.join(1.0)
        return Trial(outcome="failed", message=f"the process died (exit code {child.exitcode})")
    finally:
        child.kill()
        child.join()
        here.close()
    return Trial(outcome="ran")


def _child(pipe: Connection, method: Method, small: Allocation, problem: Allocation) -> None:
    try:
        with silenced():
            argument = method.arguments([small])[0]
            method.setup(small)(argument)
            _limit_memory()
            pipe.send("")
            argument = method.arguments([problem])[0]
            answer = method.setup(problem)
            timed_call(answer, argument)
            pipe.send("")
            timed_call(answer, argument)
            pipe.send("")
    except Exception as fault:  # noqa: BLE001 - whatever it is, it goes to the parent as a sentence
        pipe.send(f"{type(fault).__name__}: {fault}"[:300])


def _limit_memory() -> None:
    try:
        import resource  # noqa: PLC0415 - not on every system
    except ImportError:
        return
    most = int(MEMORY_SHARE * memory_bytes())
    if most > 0:
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
