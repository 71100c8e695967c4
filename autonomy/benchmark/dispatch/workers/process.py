"""This process plays the cases."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from autonomy.benchmark.dispatch.case import Case
from autonomy.benchmark.dispatch.play import play
from autonomy.benchmark.dispatch.row import DispatchRow


def here(cases: Sequence[Case], time_limit_s: float) -> Iterator[DispatchRow]:
    """Play cases one after the other in this process."""
    for case in cases:
        yield play(case, time_limit_s)
