"""The files of a benchmark: flat rows as CSV and JSON, tables as Markdown, pictures."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

CSV_NAME, JSON_NAME, TABLES_NAME = "results.csv", "results.json", "results.md"
PICTURE_NAME = "latency"
FILES = frozenset({CSV_NAME, JSON_NAME, TABLES_NAME, f"{PICTURE_NAME}.svg", f"{PICTURE_NAME}.png"})
"""What a finished benchmark consists of, and so what a later one may replace."""


def write_rows(folder: Path, schema: str, rows: Sequence[Any], about: dict[str, Any]) -> None:
    """Write the rows, dataclasses of one kind, as CSV and as JSON.

    Args:
        folder: Where to.
        schema: Name and version of the rows' form; the first column of the CSV file.
        rows: At least one.
        about: What else the JSON file says: command, date, machine, settings.
    """
    plain = [{name: _plain(value) for name, value in asdict(row).items()} for row in rows]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=["schema", *plain[0]], lineterminator="\n")
    writer.writeheader()
    writer.writerows({"schema": schema, **row} for row in plain)
    (folder / CSV_NAME).write_text(text.getvalue(), encoding="utf-8")
    document = {"schema": schema, **about, "rows": plain}
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY
    (folder / JSON_NAME).write_bytes(orjson.dumps(document, option=options))


def _plain(value: Any) -> Any:
    """Return a value as CSV and JSON hold it: nothing instead of NaN, text instead of an enumeration."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value) if isinstance(value, str) else value
