"""Files for TensorBoard: read by its own reader where there is one, whole after a kill, nothing twice."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from autonomy.learning.events import EVENTS, EventLog, framed, masked, records

VALUES = {"validation/share": 0.75, "train/loss": -2.5e-3}


@pytest.fixture
def written(tmp_path: Path) -> Path:
    log = EventLog(tmp_path)
    log.write(100, VALUES)
    log.write(70_000, {"validation/share": 0.875})
    return tmp_path / EVENTS


def test_a_checksum_is_the_one_that_is_written_down() -> None:
    # CRC-32C of "123456789" is e3069283; rotated by 15 bits and added to, it is masked.
    rotated = ((0xE3069283 >> 15) | (0xE3069283 << 17)) & 0xFFFFFFFF
    assert masked(b"123456789") == (rotated + 0xA282EAD8) & 0xFFFFFFFF


def test_the_bytes_are_those_of_the_format(tmp_path: Path) -> None:
    EventLog(tmp_path).write(300, {"a": 0.5})
    content = (tmp_path / EVENTS).read_bytes()
    (length,) = struct.unpack_from("<Q", content)
    first = content[12 : 12 + length]
    assert first[0] == 0x09
    assert first[9:] == b"\x10\x00\x1a\x0dbrain.Event:2"
    second = content[16 + length :][12:-4]
    assert second[9:] == b"\x10\xac\x02" + b"\x2a\x0a" + b"\x0a\x08" + b"\x0a\x01a" + b"\x15\x00\x00\x00\x3f"


def test_tensorboard_reads_what_was_written(written: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    found = accumulator.EventAccumulator(str(written.parent))
    found.Reload()
    assert sorted(found.Tags()["scalars"]) == sorted(VALUES)
    assert [(event.step, event.value) for event in found.Scalars("validation/share")] == [(100, 0.75), (70_000, 0.875)]
    assert found.Scalars("train/loss")[0].value == pytest.approx(-2.5e-3, rel=1e-6)


def test_every_step_is_found_again(written: Path) -> None:
    content = written.read_bytes()
    found = list(records(content))
    assert [record.step for record in found] == [0, 100, 70_000]
    assert found[-1].end == len(content)


@pytest.mark.parametrize("lost", [1, 4, 5, 20, 45])
def test_what_is_half_written_is_cut_off_and_written_again(written: Path, lost: int) -> None:
    whole = written.read_bytes()
    written.write_bytes(whole[:-lost])
    log = EventLog(written.parent)
    log.write(100, VALUES)  # is there
    log.write(70_000, {"validation/share": 0.875})
    again = written.read_bytes()
    assert len(again) == len(whole)
    assert [record.step for record in records(again)] == [0, 100, 70_000]


def test_a_record_that_was_changed_ends_the_file(written: Path) -> None:
    content = bytearray(written.read_bytes())
    middle = list(records(bytes(content)))[1].end - 6
    content[middle] ^= 1
    assert [record.step for record in records(bytes(content))] == [0]
    assert list(records(framed(b"")[:-1])) == []
