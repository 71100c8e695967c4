"""A training's numbers as a file of TensorBoard's, which needs nothing of TensorBoard to be written [TensorBoard2015].

A file is a sequence of records, each framed by its length and masked checksums of Castagnoli's polynomial:

    length (8 bytes) ─ checksum of it (4) ─ data ─ checksum of it (4)
    data = Event{wall_time: 1, step: 2, file_version: 3 or summary: 5{value: 1{tag: 1, simple_value: 2}…}}

`tensorboard --logdir DIR` shows every folder below DIR that has one as a run of its own.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

EVENTS = "events.tfevents"
"""Name of the file: TensorBoard asks only that `tfevents` is a part of it."""
VERSION = b"brain.Event:2"
HEAD, FOOT = struct.Struct("<QI"), struct.Struct("<I")
MASK, WORD, POLYNOMIAL = 0xA282EAD8, 0xFFFFFFFF, 0x82F63B78
DOUBLE, TEXT, FLOAT = 1, 2, 5
"""Kinds of field: eight bytes, length and content, four bytes; 0 is a whole number of varying length."""


class Record(NamedTuple):
    """An intact record of a file.

    Attributes:
        step: The step it is of.
        end: Bytes of the file up to its end.
    """

    step: int
    end: int


class EventLog:
    """A file of events that is appended to; what an earlier training left half written is cut off.

    Args:
        folder: Where it is.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / EVENTS
        found = list(records(self._file.read_bytes())) if self._file.exists() else []
        self._last = found[-1] if found else Record(-1, 0)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Append an event, unless the file has it already: a training that goes on plays some steps again.

        Args:
            step: What is on the axis; larger from event to event.
            values: Numbers by their tag; a slash groups them.
        """
        if step <= self._last.step:
            return
        first = framed(_event(0, _field(3, TEXT, VERSION))) if not self._last.end else b""
        summary = b"".join(_field(1, TEXT, _value(tag, number)) for tag, number in values.items())
        data = first + framed(_event(step, _field(5, TEXT, summary)))
        with self._file.open("ab") as file:
            file.truncate(self._last.end)
            file.write(data)
        self._last = Record(step, self._last.end + len(data))


def framed(data: bytes) -> bytes:
    """Return a record of the data."""
    length = struct.pack("<Q", len(data))
    return length + FOOT.pack(masked(length)) + data + FOOT.pack(masked(data))


def records(content: bytes) -> Iterator[Record]:
    """Yield the records of a file, up to the first that is not intact."""
    start = 0
    while len(content) >= start + HEAD.size:
        length, told = HEAD.unpack_from(content, start)
        first = start + HEAD.size
        end = first + length + FOOT.size
        if told != masked(content[start : start + 8]) or len(content) < end:
            return
        data = content[first : first + length]
        if FOOT.unpack_from(content, first + length)[0] != masked(data):
            return
        yield Record(_step(data), end)
        start = end


def masked(data: bytes) -> int:
    """Return the masked checksum (CRC-32C) of some bytes."""
    crc = WORD
    for byte in data:
        crc = TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= WORD
    return (((crc >> 15) | (crc << 17)) + MASK) & WORD


def _table() -> tuple[int, ...]:
    found = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc >> 1) ^ (POLYNOMIAL if crc & 1 else 0)
        found.append(crc)
    return tuple(found)


TABLE = _table()


def _event(step: int, what: bytes) -> bytes:
    return _field(1, DOUBLE, struct.pack("<d", time.time())) + b"\x10" + _whole(step) + what


def _value(tag: str, number: float) -> bytes:
    return _field(1, TEXT, tag.encode()) + _field(2, FLOAT, struct.pack("<f", number))


def _field(number: int, kind: int, content: bytes) -> bytes:
    length = _whole(len(content)) if kind == TEXT else b""
    return bytes([number << 3 | kind]) + length + content


def _whole(number: int) -> bytes:
    """Return a number >= 0, seven bits a byte, the lowest first; the eighth says that more follows."""
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)


def _step(data: bytes) -> int:
    """Return the step of an event that this module wrote: it stands after the nine bytes of the time, and a key."""
    step = 0
    for place, byte in enumerate(data[10:]):
        step |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            break
    return step
