"""The load test: a service of its own process, asked so many times a second, and its journal verified in the end.

    latency of step k = answer − (start + k/rate)

Steps are due by the clock, not by the answer before, so that a wait that the service causes is counted for every step
that it makes late (no coordinated omission). Client and service share the machine.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from autonomy.benchmark.step import community, observations
from autonomy.benchmark.table import Table
from autonomy.journal.verify import verify
from autonomy.layers import physics
from autonomy.layers.arrays import Vector
from autonomy.layers.community import Community
from autonomy.report.quantity import duration
from autonomy.service.client import ServiceClient, ServiceError

SCHEMA = "autonomy-benchmark-serve/1"
DAYS = 4
"""Days of observations, played again and again; the state of charge is that of the decisions."""
START = np.datetime64("2026-01-01T00:00", "s")
NICER = 5
"""By how much the client yields to the service."""
LONGEST_START_S = 120.0


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadRow:
    """What a service held.

    Attributes:
        n: Prosumers.
        policy: Its name.
        fsync: What its journal waited for.
        rate: Steps a second that were due.
        steps: Steps that were answered.
        seconds: From the first one due to the last answer.
        p50_s: Median latency, counted from when the step was due.
        p99_s: 99th percentile.
        p999_s: 99.9th percentile.
        most_s: The longest.
        answer_p50_s: Median of the same counted from when the request was sent.
        answer_p99_s: 99th percentile.
        late: Answers that were the dead stop because no decision came in time.
        refused: Requests that got no decision.
        journal_bytes: Length of the journal.
        verified: Decisions of the journal that were decided again, all equal; -1 where it is not verified.
    """

    n: int
    policy: str
    fsync: str
    rate: float
    steps: int
    seconds: float
    p50_s: float
    p99_s: float
    p999_s: float
    most_s: float
    answer_p50_s: float
    answer_p99_s: float
    late: int
    refused: int
    journal_bytes: int
    verified: int


def measure_load(
    *,
    n: int,
    policy: str,
    fsync: str,
    rate: float,
    seconds: float,
    seed: int,
    folder: Path,
    progress: Callable[[int], None],
) -> LoadRow:
    """Start a service of N homes, ask it for so many seconds, stop it, and verify its journal.

    Args:
        n: Prosumers.
        policy: As for `autonomy serve`.
        fsync: Likewise.
        rate: Steps a second.
        seconds: How long.
        seed: Of the observations.
        folder: Where the journal is kept meanwhile.
        progress: Told the number of steps so far, about once a second.

    Raises:
        ServiceError: the service does not start.
    """
    homes = community("feeder", n, seed)
    file = folder / "homes.toml"
    file.write_text(described(homes), encoding="utf-8")
    words = ("--community", str(file), "--policy", policy, "--fsync", fsync, "--rate", f"{4 * rate:g}")
    with _service(words, folder) as port:
        client = ServiceClient(f"http://127.0.0.1:{port}")
        due, sent, answered, counts = _ask(client, homes, rate=rate, seconds=seconds, seed=seed, progress=progress)
        client.close()
    path = folder / "homes.jsonl"
    found = verify(path)
    latency, answer = answered - due, answered - sent
    return LoadRow(
        n=n,
        policy=policy,
        fsync=fsync,
        rate=rate,
        steps=latency.size - counts["refused"],
        seconds=float(answered[-1] - due[0]),
        p50_s=float(np.median(latency)),
        p99_s=float(np.quantile(latency, 0.99)),
        p999_s=float(np.quantile(latency, 0.999)),
        most_s=float(latency.max()),
        answer_p50_s=float(np.median(answer)),
        answer_p99_s=float(np.quantile(answer, 0.99)),
        late=counts["late"],
        refused=counts["refused"],
        journal_bytes=path.stat().st_size,
        verified=found.replayed if found.is_verified else -1,
    )


def load_tables(rows: Sequence[LoadRow]) -> tuple[Table, ...]:
    """Return what was held."""
    note = (
        "Latency is counted from when a step was due, or from when it was sent; one connection, client and service on "
        "the same machine. Late answers are dead stops; refused requests got no decision."
    )
    what = (
        "policy, fsync",
        "steps answered",
        "a second",
        "latency p50",
        "p99",
        "p99.9",
        "longest",
        "from sending p50",
        "p99",
        "late, refused",
        "journal",
        "decided again, all equal",
    )
    values = [
        (
            f"{row.policy}, {row.fsync}",
            f"{row.steps:,}",
            f"{row.steps / row.seconds:.1f}",
            *map(duration, (row.p50_s, row.p99_s, row.p999_s, row.most_s, row.answer_p50_s, row.answer_p99_s)),
            f"{row.late}, {row.refused}",
            f"{row.journal_bytes / 1e6:,.0f} MB",
            "NOT verified" if row.verified < 0 else f"{row.verified:,}",
        )
        for row in rows
    ]
    head = ("", *(f"N = {row.n}, {row.rate:g} steps/s due" for row in rows))
    return (Table(title="A service under load", note=note, head=head, rows=tuple(zip(what, *values, strict=True))),)


def described(homes: Community) -> str:
    """Return a community of one feeder and homes that are all alike as a TOML file."""
    network, one = homes.network, {name: getattr(homes, name)[0] for name in SAME}
    return "\n".join(
        (
            f"[community]\ntimestep_h = {homes.timestep_h!r}",
            f"[network]\nimport_limit_kw = {float(network.import_limit_kw[0])!r}",
            f"export_limit_kw = {float(network.export_limit_kw[0])!r}",
            "[defaults]",
            *(f"{name} = {float(value)!r}" for name, value in one.items()),
            *(f'[[prosumer]]\nname = "{name}"' for name in homes.names),
            "",
        )
    )


SAME = (
    "battery_capacity_kwh",
    "charge_limit_kw",
    "discharge_limit_kw",
    "charge_efficiency",
    "discharge_efficiency",
    "soc_min",
    "connection_limit_kw",
)


@contextmanager
def _service(words: Sequence[str], folder: Path) -> Iterator[int]:
    """Run `autonomy serve` on a free port, and stop it in order; return the port."""
    command = [sys.executable, "-m", "autonomy", "serve", "--port", "0", "--journal", str(folder), *words]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - this package's own command
    try:
        line = "" if child.stdout is None else child.stdout.readline()
        found = re.search(r"at http://[^ ]*:(\d+)/", line)
        if not found:
            raise ServiceError(0, "autonomy serve did not start")
        _await(int(found[1]))
        yield int(found[1])
        child.terminate()
        if child.wait(LONGEST_START_S):
            raise ServiceError(0, f"autonomy serve ended with {child.returncode}")
    finally:
        child.kill()
        child.wait()


def _await(port: int) -> None:
    end = time.monotonic() + LONGEST_START_S
    while True:
        try:
            ServiceClient(f"http://127.0.0.1:{port}").community()
            return
        except ServiceError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def _ask(
    client: ServiceClient, homes: Community, *, rate: float, seconds: float, seed: int, progress: Callable[[int], None]
) -> tuple[Vector, Vector, Vector, Mapping[str, int]]:
    """Return when each step was due, sent and answered, s, and what was late or refused."""
    count = max(round(rate * seconds), 1)
    steps_a_day = round(24 / homes.timestep_h)
    days = observations(homes.n_prosumers, seed, DAYS * steps_a_day)
    times: Vector = np.empty((3, count))
    counts = {"late": 0, "refused": 0}
    energy = 0.5 * (homes.energy_min_kwh + homes.energy_max_kwh)
    if hasattr(os, "nice"):
        os.nice(NICER)
    begin = time.perf_counter() + 0.1
    for k in range(count):
        seen: dict[str, Any] = dict(vars(days[k % len(days)]))
        seen["soc"] = energy / homes.battery_capacity_kwh
        seen["time"] = START + k * np.timedelta64(round(3600 * homes.timestep_h), "s")
        times[0, k] = begin + k / rate
        wait = times[0, k] - time.perf_counter()
        if wait > 0:
            time.sleep(wait)
        times[1, k] = time.perf_counter()
        battery, outcome = _battery(client, seen, homes)
        times[2, k] = time.perf_counter()
        if outcome:
            counts[outcome] += 1
        energy = physics.next_energy_kwh(
            energy,
            battery,
            charge_efficiency=homes.charge_efficiency,
            discharge_efficiency=homes.discharge_efficiency,
            timestep_h=homes.timestep_h,
        )
        if k % round(max(rate, 1.0)) == 0:
            progress(k)
    return times[0], times[1], times[2], counts


def _battery(client: ServiceClient, seen: dict[str, Any], homes: Community) -> tuple[Vector, str]:
    """Return what the batteries do, kW, and what went wrong, if something did."""
    try:
        told = client.step(seen)
    except ServiceError:
        return np.zeros(homes.n_prosumers), "refused"
    return np.array(told["battery_kw"]), "late" if told["is_late"] else ""
