"""What ends a service, and what is left: SIGTERM, kill -9 while it answers, a disk that is full."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
import tomllib
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest

from autonomy.journal.verify import verify
from autonomy.service.client import ServiceClient, ServiceError
from tests.serving import SEEN, process, serving, station

pytest.importorskip("fastapi")

MOUNT, UMOUNT = shutil.which("mount"), shutil.which("umount")
EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "community.toml"


def decided(path):
    """Return what a journal has: step -> battery powers, of the lines that are whole."""
    lines = [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]
    return {line["step"]: line["decided"]["battery_kw"] for line in lines if "decided" in line}


def test_a_stop_in_order_closes_the_journal_and_the_next_start_goes_on(tmp_path):
    words = ("--community", str(EXAMPLE), "--journal", str(tmp_path))
    with process(*words) as (child, place):
        answers = [place.step({**SEEN, "demand_kw": 1.0, "pv_kw": 0.0, "soc": 0.5}).told for _ in range(3)]
        child.send_signal(signal.SIGTERM)
        assert child.wait(30) == 0
    assert [answer["step"] for answer in answers] == [0, 1, 2]
    path = tmp_path / "community.jsonl"
    assert verify(path).is_verified
    assert list(decided(path).values()) == [answer["battery_kw"] for answer in answers]
    with process(*words) as (child, place):
        assert place.step({**SEEN, "demand_kw": 1.0, "pv_kw": 0.0, "soc": 0.5}).told["step"] == 3
        child.send_signal(signal.SIGINT)
        assert child.wait(30) == 0
    found = verify(path)
    assert found.is_verified
    assert found.decisions == found.replayed == 4


def test_ramps_are_counted_from_the_batteries_before_the_restart(tmp_path):
    def battery(seen):
        with serving([station(tmp_path)]) as place:
            return place.step(seen).told["battery_kw"]

    noon = {**SEEN, "demand_kw": [0.0, 0.0], "pv_kw": [9.0, 9.0]}
    assert battery(noon) == [2.0, 2.0], "the ramp limit is 2 kW a step"
    assert battery(noon) == [4.0, 4.0]
    assert battery({**noon, "pv_kw": [0.0, 0.0]}) == [2.0, 2.0]


def test_kill_9_while_it_answers_loses_nothing_that_was_answered(tmp_path):
    draw, answered = np.random.default_rng(5), {}
    path = tmp_path / "community.jsonl"
    for _ in range(3):
        with process("--community", str(EXAMPLE), "--journal", str(tmp_path), "--fsync", "never") as (child, place):
            client = ServiceClient(f"http://127.0.0.1:{place.port}")
            threading.Timer(draw.uniform(0.2, 0.6), child.kill).start()
            with suppress(ServiceError):  # in the end there is nobody who answers
                while True:
                    seen = {**SEEN, "demand_kw": draw.uniform(0, 3), "pv_kw": 0.5, "soc": draw.uniform(0.2, 0.9, 5)}
                    answer = client.step(seen)
                    assert answer["step"] not in answered
                    answered[answer["step"]] = answer["battery_kw"]
            assert child.wait(30) == -signal.SIGKILL
        kept = decided(path)
        assert all(kept[step] == battery for step, battery in answered.items())
        # One more may have been decided whose answer was not sent.
        assert set(kept) == set(range(len(kept)))
        found = verify(path, may_be_open=True)
        assert found.is_verified, found.findings
    assert len(answered) > 10


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits another process's files as Linux does")
def test_a_full_disk_costs_no_decision_and_the_chain_is_whole_when_there_is_room_again(tmp_path):
    path = tmp_path / "community.jsonl"
    seen = {**SEEN, "demand_kw": 1.0, "pv_kw": 0.0, "soc": 0.5}
    with process("--community", str(EXAMPLE), "--journal", str(tmp_path)) as (child, place):
        assert place.step(seen).told["mode"] == "policy"
        full = path.stat().st_size + 700  # in the middle of the next line
        resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (full, resource.RLIM_INFINITY))
        for _ in range(5):
            told = place.step(seen)
            assert told.status == 200
            assert "journal-failed" in [reason["cause"] for reason in told.told["reasons"]]
        assert place.ask("GET", "/health").told["status"] == "degraded"
        assert verify(path, may_be_open=True).is_verified, "no half line is left behind"
        resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert "journal-failed" not in [reason["cause"] for reason in place.step(seen).told["reasons"]]
        assert place.ask("GET", "/health").told["status"] == "ok"
        child.send_signal(signal.SIGTERM)
        assert child.wait(30) == 0
    found = verify(path)
    assert found.is_verified
    assert found.decisions == 7


def test_a_stop_waits_for_the_step_that_is_under_way(tmp_path):
    slow = station(tmp_path)
    append, begun = slow._journal._disk.append, threading.Event()

    def late(data):
        begun.set()
        time.sleep(0.5)
        append(data)

    slow._journal._disk.append = late
    replies = []
    with serving([slow]) as place:
        asking = threading.Thread(target=lambda: replies.append(place.step(SEEN)))
        asking.start()
        assert begun.wait(10)
    asking.join(10)
    assert replies[0].status == 200
    assert not replies[0].told["is_late"]
    found = verify(tmp_path / "pair.jsonl")
    assert found.is_verified
    assert found.decisions == 1


def test_a_second_service_on_the_same_journal_is_refused(tmp_path):
    from autonomy.journal.errors import JournalError  # noqa: PLC0415 - only here

    first = station(tmp_path)
    with pytest.raises(JournalError, match="is writing it"):
        station(tmp_path)
    first._journal.close()


def test_a_journal_that_cannot_be_closed_is_an_error_in_the_end(tmp_path):
    with process("--community", str(EXAMPLE), "--journal", str(tmp_path)) as (child, place):
        place.step({**SEEN, "demand_kw": 1.0, "pv_kw": 0.0, "soc": 0.5})
        size = (tmp_path / "community.jsonl").stat().st_size
        resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        child.send_signal(signal.SIGTERM)
        assert child.wait(30) == 1
    assert verify(tmp_path / "community.jsonl", may_be_open=True).is_verified


@contextmanager
def small_disk(folder, kilobytes):
    """Mount a file system of so many kB, and unmount it in the end."""
    mounted = os.getuid() == 0 and MOUNT is not None and sys.platform.startswith("linux")
    words = ["-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)]
    if not mounted or subprocess.run([MOUNT, *words], capture_output=True, check=False).returncode:
        pytest.skip("needs to be root, and allowed to mount")
    try:
        yield
    finally:
        subprocess.run([UMOUNT, str(folder)], check=True)


def test_a_file_system_without_room_costs_no_decision_and_the_chain_is_whole_when_there_is_room_again(tmp_path):
    seen = {**SEEN, "demand_kw": 1.0, "pv_kw": 0.0, "soc": 0.5}
    with small_disk(tmp_path, 64), process("--community", str(EXAMPLE), "--journal", str(tmp_path)) as (child, place):
        failing = []
        for _ in range(60):
            reply = place.step(seen)
            assert reply.status == 200
            failing.append("No space left" in str(reply.told["reasons"]))
        assert not failing[0]
        assert failing[-1]
        assert verify(tmp_path / "community.jsonl", may_be_open=True).is_verified
        subprocess.run([MOUNT, "-o", "remount,size=4m", str(tmp_path)], check=True)
        assert "journal-failed" not in [reason["cause"] for reason in place.step(seen).told["reasons"]]
        child.send_signal(signal.SIGTERM)
        assert child.wait(30) == 0
        found = verify(tmp_path / "community.jsonl")
        assert found.is_verified
        assert found.decisions == 61


def test_where_others_can_reach_it_a_key_is_needed_without_being_asked_for(tmp_path):
    words = ("--community", str(EXAMPLE), "--journal", str(tmp_path))
    with process(*words, "--host", "0.0.0.0") as (child, place):  # noqa: S104 - that is the test
        seen = {**SEEN, "demand_kw": 1.0, "pv_kw": 0.0, "soc": 0.5}
        assert place.step(seen).status == 401
        key = tomllib.loads((tmp_path / "keys.toml").read_text())["keys"]["community"]
        assert place.step(seen, Authorization=f"Bearer {key}").told["step"] == 0
        assert place.step(seen, Authorization=f"Bearer {key}x").status == 401
        child.send_signal(signal.SIGTERM)
        assert child.wait(30) == 0
