"""The methods that are compared, by name."""

from __future__ import annotations

from autonomy.benchmark.clip import ClipMethod
from autonomy.benchmark.direct import DirectMethod
from autonomy.benchmark.kernel import KernelMethod
from autonomy.benchmark.method import BackendMethod, Method
from autonomy.benchmark.naive import NaiveMethod
from autonomy.solvers.backends import BACKENDS
from autonomy.solvers.general import BARE

EXACT = "exact"
"""The method that ratios are taken to, and whose answers must be right."""


def methods(time_limit_s: float) -> dict[str, Method]:
    """Return every method in the order in which tables list them."""
    backends: list[Method] = [BackendMethod(name=name, start=start) for name, start in BACKENDS.items()]
    found: list[Method] = [ClipMethod(), KernelMethod(), *backends, *_direct(), NaiveMethod(time_limit_s=time_limit_s)]
    return {method.name: method for method in found}


def _direct() -> list[Method]:
    """Return the peers that are called without our adapter."""
    # DAQP's matrices are dense: fewer variables win. PIQP's are sparse: fewer entries win.
    flows = {"daqp": False, "piqp": True}
    return [DirectMethod(name=f"{name}-direct", start=BARE[name], flows=flows[name]) for name in flows]
