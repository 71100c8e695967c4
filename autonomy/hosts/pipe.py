"""The controller as a process of its own, for hosts whose environment cannot have our NumPy: JSON lines over a pipe.

    python -m autonomy.hosts.pipe COMMUNITY.toml [--policy NAME]

One line in, one line out. In: an observation as a JSON object with the keys of `Observation` (`limits` an object too,
`time` an ISO 8601 string), or `{"reset": true}`, which is answered by `{"reset": true}`. Out: the arrays of the
decision as lists under their names, `mode`, and `reasons` as sentences. Numbers are written as Python's json does:
every float reads back as the same float, and no cap is `Infinity`. A line that is no JSON object is answered like an
observation without any measurement: by caps that hold whatever was measured. The end of the input ends the process.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

import numpy as np

from autonomy.controller import Controller
from autonomy.errors import AutonomyError
from autonomy.layers.community import Community
from autonomy.layers.decision import Decision
from autonomy.layers.observation import MEASURED

ARRAYS = (
    "battery_kw", "trade_kw", "price_bid", "curtail_kw", "shed_kw", "net_export_kw", "generation_cap_kw", "load_cap_kw",
)  # fmt: skip
"""Fields of a decision that go over the pipe."""


def observation_of(message: Any) -> Mapping[str, Any]:
    """Return a message as the mapping that `Controller.step` takes; whatever is wrong with it, Layer 3 says."""
    if not isinstance(message, dict):
        return {}
    read = dict(message)
    for name in MEASURED:
        if isinstance(read.get(name), list):
            # As the arrays that they are, a decision is made in machine code and is the same to the last bit.
            with contextlib.suppress(TypeError, ValueError, OverflowError):
                read[name] = np.asarray(read[name], dtype=np.float64)
    if isinstance(read.get("time"), str):
        with contextlib.suppress(ValueError):
            read["time"] = np.datetime64(read["time"])
    return read


def message_of(decision: Decision) -> dict[str, Any]:
    """Return a decision as what is written."""
    arrays = {name: getattr(decision, name).tolist() for name in ARRAYS}
    return {**arrays, "mode": str(decision.mode), "reasons": [str(reason) for reason in decision.reasons]}


def answer(controller: Controller, line: str) -> dict[str, Any]:
    """Return what is answered to a line; never raises on data."""
    try:
        message = json.loads(line)
    except ValueError:
        message = None
    if isinstance(message, dict) and message.get("reset") is True:
        controller.reset()
        return {"reset": True}
    return message_of(controller.step(observation_of(message)))


def serve(controller: Controller, lines: Iterable[str], out: TextIO) -> None:
    """Answer every line until there is none."""
    for line in lines:
        out.write(json.dumps(answer(controller, line)) + "\n")
        out.flush()


def main(words: Sequence[str] | None = None) -> int:
    """Serve standard input and output; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m autonomy.hosts.pipe", description="the controller over a pipe")
    parser.add_argument("community", help="TOML file of the community")
    parser.add_argument("--policy", default="self-consumption", help="a policy's name, or a path to one")
    options = parser.parse_args(words)
    try:
        controller = Controller(Community.from_toml(options.community), policy=options.policy)
    except AutonomyError as fault:
        print(fault, file=sys.stderr)
        return fault.exit_code
    serve(controller, sys.stdin, sys.stdout)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
