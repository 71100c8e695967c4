"""The files of a matrix: flat rows as CSV and JSON, tables as Markdown, the heat map."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from autonomy.benchmark.table import Table
from autonomy.benchmark.write import CSV_NAME, JSON_NAME, TABLES_NAME, write_rows
from autonomy.faults.picture import PICTURE_NAME, draw
from autonomy.faults.result import Result
from autonomy.faults.row import SCHEMA, WORDS, rows_by

FILES = frozenset({CSV_NAME, JSON_NAME, TABLES_NAME, f"{PICTURE_NAME}.svg", f"{PICTURE_NAME}.png"})
"""What a finished matrix consists of, and so what a later one may replace."""
MARK = CSV_NAME
"""The file without which a folder is no earlier matrix."""


def write(
    folder: Path, results: Sequence[Result], controllers: Sequence[str], tables: Sequence[Table], about: dict[str, Any]
) -> None:
    """Write everything into a folder.

    Args:
        folder: Where to.
        results: Every run.
        controllers: Names of the controllers, in the order of the panels.
        tables: What the page shows.
        about: What else the JSON file says: command, date, version, settings.
    """
    write_rows(folder, SCHEMA, rows_by(results, *WORDS), about)
    (folder / TABLES_NAME).write_text(page(tables, str(about["command"])), encoding="utf-8")
    draw(results, controllers, folder)


def page(tables: Sequence[Table], command: str) -> str:
    """Return the tables as Markdown."""
    parts = [f"`{command}`\n"]
    for table in tables:
        ruler = ["---", *["---:"] * (len(table.head) - 1)]
        lines = [f"| {' | '.join(cells)} |" for cells in (table.head, ruler, *table.rows)]
        parts.append("\n".join([f"### {table.title}\n", *([table.note, ""] if table.note else []), *lines]) + "\n")
    return "\n".join(parts)
