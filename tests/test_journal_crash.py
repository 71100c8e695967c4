"""The journal when things go wrong: killed at any moment, a full disk, half a line, a restart in mid-run."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autonomy import Cause, Community, Controller, Network
from autonomy.journal import JsonLinesJournal, disk, resume, writer
from autonomy.journal.errors import JournalError
from autonomy.journal.verify import verify
from tests.homes import homes
from tests.journals import GOOD, decisions, findings, lines
from tests.kill_journal import kill

RAMPED = Community(
    battery_capacity_kwh=6.0,
    charge_limit_kw=3.0,
    discharge_limit_kw=3.0,
    ramp_limit_kw=0.5,
    network=Network.single_feeder(n_prosumers=2),
)


def charging(*_: Any) -> Any:
    """Want 3 kW at once, which the ramp limit allows only by and by."""
    return np.full((2, 3), 3.0)


def causes(decision: Any) -> list[Cause]:
    """Return the causes of a decision."""
    return [reason.cause for reason in decision.reasons]


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork and SIGKILL")
def test_a_writer_killed_at_any_moment_has_lost_nothing_that_it_returned(tmp_path: Path) -> None:
    counted = kill(15, tmp_path, seed=7)
    assert counted["kills"] == 15
    assert counted["decisions"] > counted["not_yet_returned"]


# A restart ------------------------------------------------------------------------------------------------------------


def test_a_restart_goes_on_with_the_step_the_battery_powers_and_the_chain(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    whole = Controller(RAMPED, policy=charging)
    expected = [whole.step(GOOD).battery_kw.tolist() for _ in range(6)]
    assert expected[3] == [2.0, 2.0]
    for steps in (2, 1, 3):
        controller = Controller(RAMPED, policy=charging)
        journal = resume(controller, path)
        for _ in range(steps):
            controller.step(GOOD)
        journal.abandon()
    assert [line["decided"]["battery_kw"] for line in decisions(path)] == expected
    assert [(line["number"], line["step"]) for line in decisions(path)] == [(k, k) for k in range(6)]
    assert [line["start"]["step"] for line in lines(path) if "header" in line] == [0, 2, 3]
    assert findings(path, may_be_open=True) == []


def test_a_closed_journal_can_be_gone_on_with_and_one_that_is_not_there_begins(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    for _ in range(3):
        controller = Controller(RAMPED, policy=charging)
        with resume(controller, path, fsync="daily") as journal:
            assert controller.journal is journal
            controller.step(GOOD)
    assert [line.get("closes") for line in lines(path)] == [None, None, True] * 3
    assert decisions(path)[-1]["step"] == 2
    assert findings(path) == []


def test_an_empty_run_leaves_a_journal_that_can_be_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    resume(Controller(RAMPED), path).close()
    assert path.read_bytes() == b""
    assert "the journal is empty" in findings(path)[0]
    controller = Controller(RAMPED)
    with resume(controller, path):
        controller.step(GOOD)
    assert findings(path) == []


def journal_of(path: Path, steps: int, **options: Any) -> bytes:
    """Write a journal of so many steps and return its bytes."""
    with JsonLinesJournal(path, **options) as journal:
        controller = Controller(RAMPED, policy=charging, backend="nested", monitors=(), journal=journal)
        for _ in range(steps):
            controller.step(GOOD)
    return path.read_bytes()


def test_half_a_line_is_found_at_every_byte_and_cut_on_restart(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    whole = journal_of(path, 3, lines_a_root=2)
    ends = [place + 1 for place, byte in enumerate(whole) if byte == ord("\n")]
    controller = Controller(RAMPED, policy=charging, backend="nested", monitors=())
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        found = verify(path, with_replay=False)
        kept = sum(end <= length for end in ends)
        if length in ends and lines(path)[-1].get("closes"):
            assert found.is_verified
            continue
        assert not found.is_verified
        assert found.lines == kept
        if length % 29 and length not in ends:  # one half line is cut like another
            continue
        controller.reset()
        journal = resume(controller, path)
        before = decisions(path)
        controller.step(GOOD)
        journal.close()
        assert verify(path, with_replay=length % 290 == 0).is_verified
        after = decisions(path)
        assert after[:-1] == before
        assert after[-1]["step"] == len(before)
        cut = [line["cut_bytes"] for line in lines(path) if "header" in line][-1]
        assert cut == (None if kept == 0 else length - (ends[kept - 1] if kept else 0))


def test_a_broken_journal_or_another_communitys_is_not_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    whole = journal_of(path, 3)
    with pytest.raises(JournalError, match="of another community"):
        resume(Controller(homes(2)), path)
    path.write_bytes(whole.replace(b'"step":1', b'"step":2'))
    with pytest.raises(JournalError, match="line 3: was changed"):
        resume(Controller(RAMPED), path)
    assert path.read_bytes() == whole.replace(b'"step":1', b'"step":2')
    path.write_bytes(whole)
    resume(Controller(RAMPED), path).abandon()  # the refusals gave the lock back


@pytest.mark.skipif(sys.platform == "win32", reason="another lock there")
def test_another_process_cannot_write_the_same_journal(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    words = (
        "import sys; from pathlib import Path; from autonomy.journal import JsonLinesJournal as J; J(Path(sys.argv[1]))"
    )
    with JsonLinesJournal(path):
        other = subprocess.run([sys.executable, "-c", words, str(path)], capture_output=True, text=True, check=False)
    assert other.returncode == 1
    assert "another process, or another journal of this one, is writing it" in other.stderr


# A full disk ----------------------------------------------------------------------------------------------------------


class FullDisk:
    """Takes so many bytes and then none: the write that meets the end is a short one, as with a real disk."""

    def __init__(self) -> None:
        self.room = 10**9
        self.can_cut = True

    def write(self, descriptor: int, data: bytes) -> int:
        if self.room <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        done = os.write(descriptor, data[: self.room])
        self.room -= done
        return done

    def ftruncate(self, descriptor: int, length: int) -> None:
        if not self.can_cut:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        os.ftruncate(descriptor, length)

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> Iterator[FullDisk]:
    """A disk whose room the test decides."""
    found = FullDisk()
    monkeypatch.setattr(disk, "os", found)
    yield found
    found.room, found.can_cut = 10**9, True


@pytest.mark.parametrize("room", [0, 1, 300])
@pytest.mark.parametrize("can_cut", [True, False])
def test_a_full_disk_costs_a_reason_and_nothing_else(tmp_path: Path, full: FullDisk, room: int, can_cut: bool) -> None:
    path = tmp_path / "a.jsonl"
    expected = [Controller(RAMPED, policy=charging).step(GOOD)]
    with JsonLinesJournal(path) as journal:
        controller = Controller(RAMPED, policy=charging, journal=journal)
        first = controller.step(GOOD)
        assert first.reasons == expected[0].reasons
        before = path.read_bytes()
        full.room, full.can_cut = room, can_cut
        for waiting in (1, 2, 3):
            decision = controller.step(GOOD)
            assert decision.battery_kw.tolist() == [0.5 + 0.5 * waiting] * 2
            assert causes(decision)[-1] is Cause.JOURNAL_FAILED
            assert f"{waiting} line(s) wait in memory" in decision.reasons[-1].text
            if can_cut:
                assert path.read_bytes() == before  # no half line
        full.room, full.can_cut = 10**9, True
        assert Cause.JOURNAL_FAILED not in causes(controller.step(GOOD))
        assert [line["step"] for line in decisions(path)] == [0, 1, 2, 3, 4]
    assert findings(path) == []


def test_a_disk_that_stays_full_costs_the_lines_that_do_not_fit_into_memory_and_the_journal_says_how_many(
    tmp_path: Path, full: FullDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "BACKLOG", 3)
    path = tmp_path / "a.jsonl"
    with JsonLinesJournal(path) as journal:
        controller = Controller(RAMPED, policy=charging, monitors=(), journal=journal)
        controller.step(GOOD)
        full.room = 5
        texts = [controller.step(GOOD).reasons[-1].text for _ in range(5)]
        assert "3 line(s) wait in memory" in texts[2]
        assert "2 decision(s) will be missing" in texts[4]
        full.room = 10**9
        assert Cause.JOURNAL_FAILED not in causes(controller.step(GOOD))
    gap = next(line for line in lines(path) if "gap" in line)
    assert gap["gap"] == 2
    assert gap["start"]["step"] == 6
    assert gap["start"]["battery_kw"] == pytest.approx([3.0, 3.0], abs=2e-6)
    assert [(line["number"], line["step"]) for line in decisions(path)] == [(0, 0), (1, 1), (2, 2), (3, 3), (6, 6)]
    # Nothing else is wrong: the last decision still follows from where the gap says that the controller stood.
    assert ["decision(s) are missing" in text for text in findings(path)] == [True]
    path_again = Controller(RAMPED, policy=charging, monitors=())
    with resume(path_again, path):
        path_again.step(GOOD)
    assert decisions(path)[-1]["number"] == 7


def test_a_disk_that_cannot_be_waited_for_costs_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    path = tmp_path / "a.jsonl"
    with JsonLinesJournal(path, fsync="always") as journal:
        controller = Controller(homes(2), journal=journal)
        with monkeypatch.context() as patch:
            patch.setattr(disk, "force", broken)
            decision = controller.step(GOOD)
        assert "may not survive a power cut" in decision.reasons[-1].text
        assert Cause.JOURNAL_FAILED not in causes(controller.step(GOOD))
    assert findings(path) == []


def test_a_journal_that_raises_costs_a_reason() -> None:
    class Failing:
        def record(self, entry: Any) -> None:
            raise RuntimeError("no pen")

    decision = Controller(homes(2), journal=Failing()).step(GOOD)
    assert decision.reasons[-1].cause is Cause.JOURNAL_FAILED
    assert "no pen" in decision.reasons[-1].text


LIMITED = """
import json, resource, sys
from pathlib import Path
from autonomy import Controller
from autonomy.journal import JsonLinesJournal
from tests.journals import GOOD
from tests.homes import homes

resource.setrlimit(resource.RLIMIT_FSIZE, (6000, resource.RLIM_INFINITY))
journal = JsonLinesJournal(Path(sys.argv[1]))
controller = Controller(homes(2), backend="nested", journal=journal)
failed = [str((*controller.step(GOOD).reasons, "")[:-1]) for _ in range(12)]
size = Path(sys.argv[1]).stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
after = [str(reason) for reason in controller.step(GOOD).reasons]
journal.close()
print(json.dumps({"failed": failed, "size": size, "after": after}))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits of the operating system")
def test_a_file_that_the_operating_system_lets_grow_no_more_is_mended_and_gone_on_with(tmp_path: Path) -> None:
    path, root = tmp_path / "a.jsonl", Path(__file__).resolve().parent.parent
    child = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path)], capture_output=True, text=True, check=False, cwd=root
    )
    assert child.returncode == 0, child.stderr
    told = json.loads(child.stdout)
    assert "the journal failed ([Errno 27] File too large)" in told["failed"][-1]
    assert "the journal failed" not in told["failed"][0]
    assert told["size"] < 6000
    assert not any("the journal failed" in text for text in told["after"])
    assert [line["step"] for line in decisions(path)] == list(range(13))
    assert findings(path) == []
