"""One method on one place in a process of its own, so that its memory is its own."""

from __future__ import annotations

import math
import resource
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context

from autonomy.benchmark.year.method import METHODS, Answer, Given
from autonomy.benchmark.year.places import Place
from autonomy.dispatch import DispatchError

BYTES_PER_GB = 1e9
BYTES = 1 if sys.platform == "darwin" else 1024
"""Unit of the largest memory that a process had."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """What one method did.

    Attributes:
        method: Key of `METHODS`.
        cost: Currency; NaN where it gave no dispatch.
        bound: Currency; -inf where it gave none.
        verdict: What the checker said, or why there is nothing to check.
        seconds: Of the clock; reading the data and importing left out.
        cpu_s: Of all processors, those of its workers included.
        memory_gb: The most that it, and the largest of its workers, had.
    """

    method: str
    cost: float
    bound: float
    verdict: str
    seconds: float
    cpu_s: float
    memory_gb: float


def measured(place: Place, method: str, workers: int) -> Row:
    """Return what a method does on a place."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_measure, place, method, workers).result()


def _measure(place: Place, method: str, workers: int) -> Row:
    _answer(Given(*replace(place, homes=2, steps=24).data(), 1), method)  # imports, and what is compiled
    given = Given(*place.data(), workers)
    started, before = time.perf_counter(), _cpu_s()
    answer = _answer(given, method)
    memory = sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return Row(
        method=method,
        cost=answer.cost,
        bound=answer.bound,
        verdict=answer.verdict,
        seconds=time.perf_counter() - started,
        cpu_s=_cpu_s() - before,
        memory_gb=BYTES * memory / BYTES_PER_GB,
    )


def _answer(given: Given, method: str) -> Answer:
    try:
        return METHODS[method](given)
    except DispatchError as fault:
        return Answer(math.nan, -math.inf, str(fault))


def _cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(time.ru_utime + time.ru_stime for time in used)
