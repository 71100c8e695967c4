"""Killing a process that writes a journal, again and again: `python -m tests.kill_journal 100 [folder] [seed]`.

A child steps a controller, resumes one journal, and reports every decision that `step` returned through a pipe; the
parent kills it (SIGKILL) at a random moment. Nothing that was reported may be missing from the journal, the chain must
verify with every decision decided again, and the next child must go on where this one was killed.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from autonomy import Community, Controller, Network, Observation
from autonomy.journal import resume
from autonomy.journal.verify import verify

LONGEST_S = 0.4
"""Seconds that a child lives at most."""
HOMES = Community(
    battery_capacity_kwh=6.0,
    charge_limit_kw=3.0,
    discharge_limit_kw=3.0,
    ramp_limit_kw=0.7,
    network=Network.single_feeder(n_prosumers=3, import_limit_kw=5.0, export_limit_kw=4.0),
)


def live(path: Path, seed: int, pipe: int) -> None:
    """Be the child: go on with the journal, and report every decision right after it was returned."""
    draw = np.random.default_rng(seed)
    controller = Controller(HOMES, policy=lambda *_: draw.normal(0, 3, (3, 3)), backend="nested")
    resume(controller, path, fsync="always", lines_a_root=20)
    while True:
        demand, pv, soc = draw.uniform(0, 3, 3), draw.uniform(0, 3, 3), draw.uniform(0, 1, 3)
        prices = {"retail_price": np.full(3, 0.3), "feed_in_price": np.full(3, 0.1)}
        decision = controller.step(Observation(demand_kw=demand, pv_kw=pv, soc=soc, **prices))
        os.write(pipe, decision.battery_kw.tobytes().hex().encode() + b"\n")


def kill_once(path: Path, seed: int, seconds: float) -> list[str]:
    """Run a child, kill it after so many seconds, and return the decisions it reported."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            live(path, seed, writing)
        finally:
            os._exit(1)
    os.close(writing)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    with open(reading, "rb") as pipe:  # noqa: PTH123 - a pipe has no path
        reported = pipe.read()
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != -signal.SIGKILL:
        raise RuntimeError("the child ended before it was killed")
    # Half a report is of a decision that was returned too, but does not say which.
    return reported.decode().split("\n")[:-1]


def batteries(path: Path) -> list[str]:
    """Return the battery powers of all decisions in a journal that was perhaps cut, as the child reports them."""
    if not path.exists():
        return []
    lines: list[dict[str, Any]] = [orjson.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]
    return [np.array(line["decided"]["battery_kw"]).tobytes().hex() for line in lines if "decided" in line]


def kill(times: int, folder: Path, seed: int) -> dict[str, int]:
    """Kill a writer so many times in a row; return what was counted.

    Raises:
        RuntimeError: a decision that was returned is missing, or the journal does not verify.
    """
    path, moments, returned = folder / "killed.jsonl", random.Random(seed), list[str]()  # noqa: S311 - no secret
    torn = unreturned = 0
    Controller(HOMES, backend="nested").step({})  # whatever is loaded or compiled once is there before the forks
    for round_ in range(times):
        reported = kill_once(path, seed + round_, moments.uniform(0.0, LONGEST_S))
        found = batteries(path)
        # One decision may be in the journal although the child was killed before it could report it.
        extra = len(found) - len(returned) - len(reported)
        if not 0 <= extra <= 1 or found[len(returned) :][: len(reported)] != reported:
            raise RuntimeError(f"round {round_}: {len(reported)} decisions were returned, the journal has others")
        unreturned += extra
        returned = found
        if not path.exists() or path.stat().st_size == 0:
            continue
        torn += not path.read_bytes().endswith(b"\n")
        verdict = verify(path, may_be_open=True, with_replay=round_ in (times // 2, times - 1))
        if not verdict.is_verified:
            raise RuntimeError(f"round {round_}: {verdict.findings[0]}")
    if not returned:
        raise RuntimeError("no child lived long enough to decide anything")
    return {"kills": times, "decisions": len(returned), "half_lines": torn, "not_yet_returned": unreturned}


if __name__ == "__main__":
    count, where = int(sys.argv[1]), Path(sys.argv[2] if len(sys.argv) > 2 else tempfile.mkdtemp())
    print(kill(count, where, int(sys.argv[3]) if len(sys.argv) > 3 else 0))
