"""A service whose controller or disk hangs: an answer in time all the same."""

from __future__ import annotations

import json
import threading
import time

import numpy as np
import pytest

from autonomy import Controller
from autonomy.journal.verify import verify
from tests.serving import PAIR, SEEN, samples_of, serving, station

pytest.importorskip("fastapi")


class Hanging:
    """A policy that hangs while it is told to."""

    def __init__(self):
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, community, _observation):
        self.gate.wait(20)
        return np.zeros((community.n_prosumers, 3))


def test_a_late_decision_is_answered_with_the_caps_of_the_dead_stop_and_the_controller_is_told(tmp_path):
    policy = Hanging()
    late = station(tmp_path, controller=Controller(PAIR, policy=policy), deadline_s=0.3)
    with serving([late]) as place:
        assert place.step(SEEN).told["step"] == 0
        policy.gate.clear()
        began = time.monotonic()
        island = {**SEEN, "limits": {"grid_import_limit_kw": 1.0}}
        replies = [place.step(SEEN).told, place.step(island).told]
        assert time.monotonic() - began < 5.0
        for told, share in zip(replies, (3.0, 0.5), strict=True):
            assert (told["mode"], told["is_late"], told["step"]) == ("dead-stop", True, None)
            assert told["battery_kw"] == [0.0, 0.0]
            assert told["load_cap_kw"] == [share, share], "the limits of the step hold for a late answer too"
            assert [reason["cause"] for reason in told["reasons"]] == ["answer-late"]
        assert place.ask("GET", "/health").told["status"] == "degraded"
        policy.gate.set()
        time.sleep(0.1)
        # Step 1 was decided but came too late, the second never began; step 2 is the dead stop that was answered.
        assert place.step(SEEN).told["step"] == 3
        assert place.ask("GET", "/health").told["status"] == "ok"
        found = samples_of(place.ask("GET", "/metrics").body.decode())
        assert found['autonomy_late_total{community="pair"}'] == 2
    lines = [json.loads(line) for line in (tmp_path / "pair.jsonl").read_text().splitlines()]
    decisions = [line for line in lines if "decided" in line]
    assert [line["mode"] for line in decisions][2] == "dead-stop"
    assert ["late_answers", 2] in decisions[2]["observed"]["extra"]
    assert verify(tmp_path / "pair.jsonl").is_verified


def test_a_disk_that_hangs_makes_answers_late_and_nothing_else(tmp_path, monkeypatch):
    slow = station(tmp_path, deadline_s=0.2)
    gate = threading.Event()
    append = slow._journal._disk.append
    monkeypatch.setattr(slow._journal._disk, "append", lambda data: (gate.wait(20), append(data))[1])
    with serving([slow]) as place:
        assert place.step(SEEN).told["is_late"]
        gate.set()
        time.sleep(0.1)
        assert not place.step(SEEN).told["is_late"]
    assert verify(tmp_path / "pair.jsonl").is_verified
