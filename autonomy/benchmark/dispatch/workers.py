"""Who plays the cases: this process, several, or the machines of a Ray cluster. All call the same function."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import Any

from autonomy.benchmark.dispatch.case import Case
from autonomy.benchmark.dispatch.play import failed, play
from autonomy.benchmark.dispatch.row import DispatchRow
from autonomy.benchmark.row import Outcome
from autonomy.errors import ConfigError, OptionalDependencyError

LOCAL = "local"
"""The address of a Ray that is started on this machine, for as long as the sweep takes."""
DIED = "the process that played it died"


def here(cases: Sequence[Case], time_limit_s: float) -> Iterator[DispatchRow]:
    """Play cases one after the other in this process."""
    for case in cases:
        yield play(case, time_limit_s)


def processes(cases: Sequence[Case], time_limit_s: float, *, workers: int) -> Iterator[DispatchRow]:
    """Play cases in other processes, as they finish.

    Where a process dies, its case and those beside it are played again, each alone; who dies then has failed.
    """
    waiting = list(reversed(cases))
    while waiting:
        with _pool(workers) as pool:
            running: dict[Future[DispatchRow], Case] = {}
            suspects: list[Case] = []
            while (waiting or running) and not suspects:
                try:
                    while waiting and len(running) < workers:
                        running[pool.submit(play, waiting[-1], time_limit_s)] = waiting[-1]
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
            yield _alone(case, time_limit_s)


def ray_cluster(cases: Sequence[Case], time_limit_s: float, *, address: str, workers: int) -> Iterator[DispatchRow]:
    """Play cases on a Ray cluster, as they finish; the dashboard is off.

    Args:
        cases: What to play.
        time_limit_s: Seconds a case may take.
        address: "local" for a Ray of `workers` processes on this machine, else where a cluster listens; its machines
            need this package.
        workers: How many cases run at once on this machine; a cluster runs as many as it has cores.

    Raises:
        OptionalDependencyError: Ray is not installed.
        ConfigError: nobody listens at the address.
    """
    try:
        import ray  # noqa: PLC0415 - optional
    except ImportError:
        raise OptionalDependencyError("--ray", "ray") from None

    try:
        if address == LOCAL:
            ray.init(address=LOCAL, num_cpus=workers, include_dashboard=False, log_to_driver=False)
        else:
            ray.init(address=address, log_to_driver=False)
    except (ConnectionError, ValueError, RuntimeError) as fault:
        raise ConfigError("--ray", "", f"{address!r} does not answer: {fault}") from None
    try:
        remote: Any = ray.remote(max_retries=0)(play)
        running = {remote.remote(case, time_limit_s): case for case in cases}
        while running:
            done, _ = ray.wait(list(running), num_returns=1)
            for reference in done:
                case = running.pop(reference)
                try:
                    yield ray.get(reference)
                except ray.exceptions.RayError as fault:
                    yield failed(case, Outcome.FAILED, f"{DIED} ({type(fault).__name__})", time_limit_s)
    finally:
        ray.shutdown()


def _alone(case: Case, time_limit_s: float) -> DispatchRow:
    with _pool(1) as pool:
        try:
            return pool.submit(play, case, time_limit_s).result()
        except BrokenProcessPool:
            return failed(case, Outcome.FAILED, DIED, time_limit_s)


def _pool(workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
