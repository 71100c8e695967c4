"""The machines of a Ray cluster play the cases."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from autonomy.benchmark.dispatch.case import Case
from autonomy.benchmark.dispatch.row import DispatchRow
from autonomy.benchmark.dispatch.workers.connection import connected
from autonomy.benchmark.dispatch.workers.fate import GRACE_S, died
from autonomy.benchmark.dispatch.workers.round import Round

ROUNDS = (1000, 1000, 1)
"""How many cases are with the cluster at once: all are played; those that were lost, again; the rest, one at a time."""
NOBODY_S = 120.0
"""Seconds that a cluster may be without a processor: autoscalers start machines when there is work."""


def ray_cluster(
    cases: Sequence[Case],
    time_limit_s: float,
    *,
    address: str,
    workers: int,
    grace_s: float = GRACE_S,
    nobody_s: float = NOBODY_S,
) -> Iterator[DispatchRow]:
    """Play cases on a Ray cluster, as they finish.

    A worker plays one case at a time, so who kills its worker harms nobody else; a machine that dies takes along what
    it was playing. Cases that are lost are played again when the others are done; who is lost again, once more and
    alone; who is lost then has failed. A case that does not stop `grace_s` after its limit is ended with its worker.

    Args:
        cases: What to play.
        time_limit_s: Seconds a case may take.
        address: "local" for a Ray of `workers` processes on this machine, without dashboard and usage statistics; else
            host:port of a cluster that this machine is part of, or "auto" for the one that was started on it.
        workers: How many cases run at once on this machine; a cluster runs as many as it has processors.
        grace_s: Seconds a case has beyond its limit to stop by itself.
        nobody_s: Seconds the cluster may be without a processor.

    Raises:
        OptionalDependencyError: Ray is not installed.
        ConfigError: nobody listens at the address; a machine does not have this version of the package, or the file of
            a policy; no machine is left.
    """
    lost: dict[Case, str] = {}
    with connected(address, workers) as ray:
        for at_once in ROUNDS:
            lost = {}
            for case, answer in Round(ray, cases, time_limit_s, at_once, grace_s=grace_s, nobody_s=nobody_s):
                if isinstance(answer, DispatchRow):
                    yield answer
                else:
                    lost[case] = answer
            cases = list(lost)
    for case, fault in lost.items():
        yield died(case, time_limit_s, f"{len(ROUNDS)} times ({fault})")
