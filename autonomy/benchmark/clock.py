"""Timing loops: every call is timed on its own, with the garbage collector off and the clock's own time subtracted."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from autonomy.benchmark.method import Answer
from autonomy.solvers.allocation import Vector

NANO = 1e-9


class Timed(NamedTuple):
    """Times of consecutive calls.

    Attributes:
        seconds: (calls,) s, without the clock's own time; never below 0.
        last: What the last call returned.
    """

    seconds: Vector
    last: Any


@contextmanager
def undisturbed() -> Iterator[None]:
    """Keep the garbage collector off until the block ends."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def clock_overhead_s(samples: int = 5001) -> float:
    """Return the median time between two readings of the clock with nothing in between, s."""
    clock, readings = time.perf_counter_ns, [0] * samples
    with undisturbed():
        for k in range(samples):
            start = clock()
            readings[k] = clock() - start
    return float(np.median(readings)) * NANO


def timed_call(answer: Answer, argument: Any) -> tuple[float, Any]:
    """Return the seconds one call took, and what it returned."""
    start = time.perf_counter_ns()
    returned = answer(argument)
    return (time.perf_counter_ns() - start) * NANO, returned


def hot(answer: Answer, arguments: Sequence[Any], calls: int, overhead_s: float) -> Timed:
    """Time `calls` calls in a tight loop over the arguments, one after the other."""
    clock, readings, count, last = time.perf_counter_ns, [0] * calls, len(arguments), None
    with undisturbed():
        for k in range(calls):
            argument = arguments[k % count]
            start = clock()
            last = answer(argument)
            readings[k] = clock() - start
    return Timed(_seconds(readings, overhead_s), last)


def interleaved(
    jobs: Sequence[tuple[Answer, Sequence[Any]]], rounds: int, overhead_s: float, random: np.random.Generator
) -> list[Timed]:
    """Time `rounds` calls of every job, taking turns: one call each a round, in a new random order every round.

    So each call finds the caches, the branch predictors and the dispatch as other code has left them.
    """
    clock = time.perf_counter_ns
    readings, last = [[0] * rounds for _ in jobs], [None] * len(jobs)
    orders = [random.permutation(len(jobs)).tolist() for _ in range(rounds)]
    with undisturbed():
        for k, order in enumerate(orders):
            for job in order:
                answer, arguments = jobs[job]
                argument = arguments[k % len(arguments)]
                start = clock()
                last[job] = answer(argument)
                readings[job][k] = clock() - start
    return [Timed(_seconds(times, overhead_s), end) for times, end in zip(readings, last, strict=True)]


def _seconds(readings: list[int], overhead_s: float) -> Vector:
    return np.maximum(np.array(readings) * NANO - overhead_s, 0.0)
