"""Timing the faces of the simulator, one after the other in one run."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from autonomy.benchmark.clock import NANO, undisturbed
from autonomy.benchmark.simulator import citylearn_peer, faces
from autonomy.benchmark.simulator.faces import WEEK, Face
from autonomy.benchmark.simulator.homes import homes
from autonomy.layers.arrays import Vector
from autonomy.layers.errors import ModelError

SCHEMA = "autonomy-benchmark-simulator/1"
CASES = ((64, 12), (1, 100), (1, 17))
"""Communities at once, and prosumers of each."""
PEER = "CityLearn"


@dataclass(frozen=True, kw_only=True, slots=True)
class SimulatorRow:
    """One face at one size.

    Attributes:
        face: What was timed; a peer with its version.
        communities: B.
        prosumers: N.
        steps: Steps that were timed.
        p50_s: Median of a step of all communities.
        p99_s: 99th percentile.
        mean_s: Mean.
        per_s: Prosumer-steps per second: B·N over the mean.
        times_peer: So many times what the peer plays per second; NaN without one.
    """

    face: str
    communities: int
    prosumers: int
    steps: int
    p50_s: float
    p99_s: float
    mean_s: float
    per_s: float
    times_peer: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Peer:
    """Where CityLearn is.

    Attributes:
        python: The interpreter of an environment it is installed in.
        data: The folder `citylearn_challenge_2022_phase_all` of the wheel citylearn 2.1.2.
    """

    python: Path
    data: Path


def measure_simulator(*, steps: int, seed: int, overhead_s: float, peer: Peer | None) -> list[SimulatorRow]:
    """Return a row for every face and size, and one for the peer.

    Raises:
        ModelError: the peer did not run.
    """
    rows = [
        _row(face.name, batch, n, _timed(face, batch, n, steps=steps, seed=seed) - overhead_s)
        for batch, n in CASES
        for face in _faces(batch, n, seed)
    ]
    if peer is not None:
        rows.append(_peer_row(peer, min(steps, 300), seed))
    return [_compared(row, rows) for row in rows]


def _faces(batch: int, n: int, seed: int) -> tuple[Face, ...]:
    community, scenario = homes(n)
    many = (faces.arrays(community, scenario, batch, seed), faces.vector(community, scenario, batch, seed))
    if batch > 1:
        return many
    return (*many, faces.gymnasium_face(community, scenario, seed), faces.stack(community, scenario))


def _timed(face: Face, batch: int, n: int, *, steps: int, seed: int) -> Vector:
    """Return (steps,) s of every step, with random actions; the first week warms up and is not counted."""
    random, seconds = np.random.default_rng(seed), np.empty(steps)
    actions = random.uniform(-1.0, 1.0, (32, batch, n, 3))
    with undisturbed():
        for week in range(-1, -(-steps // (WEEK - 1))):
            face.begin()
            for k in range(WEEK - 1):  # the last step of a week restarts an episode in some faces and not in others
                place = week * (WEEK - 1) + k
                if place >= steps:
                    break
                start = time.perf_counter_ns()
                face.step(actions[k % 32])
                taken = time.perf_counter_ns() - start
                if place >= 0:
                    seconds[place] = taken * NANO
    return seconds


def _peer_row(peer: Peer, steps: int, seed: int) -> SimulatorRow:
    script = Path(citylearn_peer.__file__)
    done = subprocess.run(  # noqa: S603 - the interpreter the user named, on our own script
        [str(peer.python), str(script), str(peer.data), str(steps), str(seed)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        said = (done.stderr.strip().splitlines() or ["nothing"])[-1]
        raise ModelError("--citylearn", str(peer.python), f"an interpreter that plays CityLearn 3; it said: {said}")
    found = json.loads(lines[-1])
    return _row(f"{PEER} {found['version']}", 1, int(found["buildings"]), np.array(found["seconds"]))


def _row(name: str, batch: int, n: int, seconds: Vector) -> SimulatorRow:
    mean = float(seconds.mean())
    return SimulatorRow(
        face=name,
        communities=batch,
        prosumers=n,
        steps=seconds.size,
        p50_s=float(np.median(seconds)),
        p99_s=float(np.quantile(seconds, 0.99)),
        mean_s=mean,
        per_s=batch * n / mean,
        times_peer=float("nan"),
    )


def _compared(row: SimulatorRow, rows: Sequence[SimulatorRow]) -> SimulatorRow:
    peers = [other.per_s for other in rows if other.face.startswith(PEER)]
    return replace(row, times_peer=row.per_s / peers[0]) if peers else row
