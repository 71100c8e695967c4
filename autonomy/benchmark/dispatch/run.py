"""A sweep from its cases to its rows: what is on disk is not played again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from autonomy.benchmark.dispatch.case import Case, Sweep
from autonomy.benchmark.dispatch.kept import in_order, keep, kept
from autonomy.benchmark.dispatch.row import DispatchRow
from autonomy.benchmark.dispatch.share import compared
from autonomy.benchmark.dispatch.workers import here, processes, ray_cluster


@dataclass(frozen=True, kw_only=True, slots=True)
class Labour:
    """Who plays, and how long a case may take.

    Attributes:
        time_limit_s: Seconds of a case; one that takes longer has failed.
        workers: Processes; with 1 all is played in this one.
        ray: Address of a Ray cluster, "local" for one on this machine, None for no Ray.
    """

    time_limit_s: float
    workers: int = 1
    ray: str | None = None

    def play(self, cases: Sequence[Case]) -> Iterator[DispatchRow]:
        """Play cases, in any order."""
        if not cases:
            return iter(())
        if self.ray is not None:
            return ray_cluster(cases, self.time_limit_s, address=self.ray, workers=self.workers)
        if self.workers == 1:
            return here(cases, self.time_limit_s)
        return processes(cases, self.time_limit_s, workers=self.workers)


def run_sweep(
    sweep: Sweep, labour: Labour, file: Path, *, progress: Callable[[DispatchRow], None] = lambda _row: None
) -> list[DispatchRow]:
    """Play what is not on disk yet, keep every row as soon as it is there, and return all, compared, in order.

    Args:
        sweep: Which cases.
        labour: Who plays them.
        file: Where rows are kept.
        progress: Told every row, those from the disk too.
    """
    cases = {case.key: case for case in sweep.cases()}
    rows = kept(file, time_limit_s=labour.time_limit_s)
    for row in in_order(rows, cases):
        progress(row)
    for row in labour.play([case for key, case in cases.items() if key not in rows]):
        keep(file, row)
        rows[row.key] = row
        progress(row)
    return compared(in_order(rows, cases))
