"""Who plays the cases: this process, several, or the machines of a Ray cluster. All call the same function."""

from __future__ import annotations

from autonomy.benchmark.dispatch.workers.cluster import ray_cluster
from autonomy.benchmark.dispatch.workers.pool import processes
from autonomy.benchmark.dispatch.workers.process import here

__all__ = ["here", "processes", "ray_cluster"]
