"""Several processes of this machine play the cases."""

from __future__ import annotations

import faulthandler
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

from autonomy.benchmark.dispatch.case import Case
from autonomy.benchmark.dispatch.play import play
from autonomy.benchmark.dispatch.row import DispatchRow
from autonomy.benchmark.dispatch.workers.fate import GRACE_S, died, ended


def processes(
    cases: Sequence[Case], time_limit_s: float, *, workers: int, grace_s: float = GRACE_S
) -> Iterator[DispatchRow]:
    """Play cases in other processes, as they finish.

    Where a process dies, its case and those beside it are played again, each alone; who dies then has failed. A process
    whose case does not stop dies by itself `grace_s` after the limit, whatever the case is doing.
    """
    end_s = time_limit_s + grace_s
    waiting = list(reversed(cases))
    while waiting:
        with _pool(workers) as pool:
            running: dict[Future[DispatchRow], Case] = {}
            suspects: list[Case] = []
            while (waiting or running) and not suspects:
                try:
                    while waiting and len(running) < workers:
                        running[pool.submit(_watched, play, waiting[-1], time_limit_s, end_s)] = waiting[-1]
                        waiting.pop()
                except BrokenProcessPool:
                    suspects += running.values()
                    break
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    case = running.pop(future)
                    if isinstance(future.exception(), BrokenProcessPool):
                        suspects.append(case)
                    else:
                        yield future.result()
            suspects += [case for case in running.values() if case not in suspects]
        for case in suspects:
            yield _alone(case, time_limit_s, end_s)


def _alone(case: Case, time_limit_s: float, end_s: float) -> DispatchRow:
    with _pool(1) as pool:
        started = time.perf_counter()
        try:
            return pool.submit(_watched, play, case, time_limit_s, end_s).result()
        except BrokenProcessPool:
            is_over = time.perf_counter() - started >= end_s
            return ended(case, time_limit_s) if is_over else died(case, time_limit_s, "twice")


def _watched(play_: Callable[[Case, float], DispatchRow], case: Case, time_limit_s: float, end_s: float) -> DispatchRow:
    """Play a case in a process that ends after some seconds, by a thread that needs no interpreter."""
    with Path(os.devnull).open("wb") as nowhere:
        faulthandler.dump_traceback_later(end_s, exit=True, file=nowhere)
        try:
            return play_(case, time_limit_s)
        finally:
            faulthandler.cancel_dump_traceback_later()


def _pool(workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
