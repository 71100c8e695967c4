"""What the machine can do, measured before a benchmark."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from autonomy.benchmark.machine import Machine


def measured_machine(*, quick: bool) -> Machine:
    """This machine, its memory bandwidth in bytes/s and what reading the clock costs in s."""
    from autonomy.benchmark.bandwidth import ELEMENTS, triad_bytes_per_s  # noqa: PLC0415 - loads Numba
    from autonomy.benchmark.clock import clock_overhead_s  # noqa: PLC0415
    from autonomy.benchmark.machine import describe  # noqa: PLC0415

    bandwidth = triad_bytes_per_s(ELEMENTS // 2, 3) if quick else triad_bytes_per_s()
    return describe(triad_bytes_per_s=bandwidth, clock_overhead_s=clock_overhead_s())
