"""The controller over a pipe says exactly what it says in the same process."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autonomy import Community, Controller, Scenario, Simulator
from autonomy.hosts.pipe import ARRAYS, answer, main, serve

ROOT = Path(__file__).resolve().parent.parent
TOML = ROOT / "autonomy" / "data" / "fontana.toml"


def as_message(seen: Any) -> dict[str, Any]:
    names = ("demand_kw", "pv_kw", "soc", "retail_price", "feed_in_price", "applied_battery_kw", "feeder_kw")
    given = {name: getattr(seen, name) for name in names if getattr(seen, name) is not None}
    return {**{name: np.asarray(value).tolist() for name, value in given.items()}, "time": str(seen.time)}


def test_a_day_over_a_pipe_is_the_same_day_to_the_last_bit() -> None:
    community = Community.demo()
    here = Controller(community, policy="time-of-use")
    simulator = Simulator(community, Scenario.demo().window(4000, 24))
    command = [sys.executable, "-m", "autonomy.hosts.pipe", str(TOML), "--policy", "time-of-use"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as there:
        assert there.stdin is not None
        assert there.stdout is not None
        while not simulator.is_done:
            seen = replace(simulator.observe(), forecast=None)  # the message carries none
            decision = here.step(seen)
            print(json.dumps(as_message(seen)), file=there.stdin, flush=True)
            told = json.loads(there.stdout.readline())
            for name in ARRAYS:
                assert np.array(told[name]).tobytes() == getattr(decision, name).tobytes(), name
            assert told["mode"] == decision.mode
            assert told["reasons"] == [str(reason) for reason in decision.reasons]
            simulator.execute(decision)
        there.stdin.close()
        assert there.wait(timeout=30) == 0


@pytest.mark.parametrize("line", ["", "no json", "[]", "3", '{"demand_kw": "x"}', '{"limits": 3, "time": "yesterday"}'])
def test_whatever_comes_is_answered_by_caps(line: str) -> None:
    told = answer(Controller(Community.demo()), line)
    assert told["mode"] == "dead-stop"
    assert told["battery_kw"] == [0.0] * 17
    assert np.isfinite(told["load_cap_kw"]).all()
    assert told["reasons"]


def test_a_reset_forgets() -> None:
    controller, out = Controller(Community.demo()), io.StringIO()
    seen = json.dumps(as_message(Simulator(Community.demo(), Scenario.demo().window(4000, 2)).observe()))
    serve(controller, [seen, '{"reset": true}', seen], out)
    first, reset, again = out.getvalue().splitlines()
    assert json.loads(reset) == {"reset": True}
    assert first == again


def test_a_community_that_does_not_exist_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["no-such.toml"]) == 1
    assert "no-such.toml" in capsys.readouterr().err
