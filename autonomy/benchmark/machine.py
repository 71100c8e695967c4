"""Where a benchmark was run: processor, memory, versions. Timings mean nothing without it."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    "numpy",
    "numba",
    "cvxpy",
    "highspy",
    "osqp",
    "piqp",
    "clarabel",
    "daqp",
    "proxsuite",
    "scipy",
)
"""Libraries whose version matters; the name "proxsuite" is that of ProxQP's package."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """What the figures were measured on.

    Attributes:
        processor: The model's name.
        cores: Processor cores this process may use.
        memory_bytes: Physical memory; 0 where the system does not say.
        system: Operating system and its version.
        python: Implementation and version.
        versions: Version of each library that is installed.
        triad_bytes_per_s: Measured memory bandwidth of one thread.
        clock_overhead_s: Measured time of reading the clock, which has been subtracted from every latency.
    """

    processor: str
    cores: int
    memory_bytes: int
    system: str
    python: str
    versions: dict[str, str]
    triad_bytes_per_s: float
    clock_overhead_s: float


def describe(*, triad_bytes_per_s: float, clock_overhead_s: float) -> Machine:
    """Return the description of this machine."""
    return Machine(
        processor=processor_name(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        memory_bytes=memory_bytes(),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        versions=installed(),
        triad_bytes_per_s=triad_bytes_per_s,
        clock_overhead_s=clock_overhead_s,
    )


def processor_name(source: Path = Path("/proc/cpuinfo")) -> str:
    """Return the processor's model as the kernel names it, or else as the platform does."""
    try:
        lines = source.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def memory_bytes() -> int:
    """Return the physical memory, or 0 where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return 0


def installed() -> dict[str, str]:
    """Return the version of each of `PACKAGES` that is installed."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
