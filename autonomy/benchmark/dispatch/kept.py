"""Rows on disk, one JSON line a case, so that a sweep that was broken off goes on where it was."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import orjson

import autonomy
from autonomy.benchmark.dispatch.row import NAN, SCHEMA, DispatchRow
from autonomy.benchmark.row import Outcome

STAMP = {"schema": SCHEMA, "version": autonomy.__version__}
"""What a line must say to be used again."""


def keep(path: Path, row: DispatchRow) -> None:
    """Append a row; a line is written in one piece."""
    plain = {name: _plain(value) for name, value in asdict(row).items()}
    with path.open("ab") as file:
        if file.tell() and not _ends_a_line(path):
            file.write(b"\n")  # what was broken off stays alone in its line
        file.write(orjson.dumps({**STAMP, **plain}, option=orjson.OPT_APPEND_NEWLINE))


def kept(path: Path, *, time_limit_s: float) -> dict[str, DispatchRow]:
    """Return the rows of a file by key, the last one of each; none where there is no file.

    A line that cannot be read, or of another version, is left out; so is a case that failed under a shorter limit.
    """
    if not path.is_file():
        return {}
    rows = {}
    for line in path.read_bytes().splitlines():
        row = _row(line)
        if row is not None and (row.ran or row.charged_s >= time_limit_s):
            rows[row.key] = row
    return rows


def in_order(rows: dict[str, DispatchRow], keys: Iterable[str]) -> list[DispatchRow]:
    """Return the rows of some keys, in their order."""
    return [rows[key] for key in keys if key in rows]


def _row(line: bytes) -> DispatchRow | None:
    try:
        found: dict[str, Any] = orjson.loads(line)
        if any(found.pop(name) != value for name, value in STAMP.items()):
            return None
        numbers = {field.name for field in fields(DispatchRow) if field.type == "float"}
        read: dict[str, Any] = {name: NAN if found[name] is None and name in numbers else found[name] for name in found}
        read["outcome"] = Outcome(found["outcome"])
        return DispatchRow(**read)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, 2)
        return file.read(1) == b"\n"
