"""What a benchmark leaves: a folder with its rows and tables, and the tables on the console."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

import autonomy
from autonomy.cli.folder import publish

if TYPE_CHECKING:
    from autonomy.benchmark.machine import Machine
    from autonomy.benchmark.table import Table


def leave(
    out: Path,
    console: Console,
    *,
    schema: str,
    rows: Sequence[Any],
    tables: Sequence[Table],
    machine: Machine,
    command: str,
    settings: Any = None,
) -> None:
    """Write all files and move them to `out` in one go, replacing an earlier benchmark, and print the tables."""
    from autonomy.benchmark.render import markdown, rich_table  # noqa: PLC0415 - only when needed
    from autonomy.benchmark.write import TABLES_NAME, write_rows  # noqa: PLC0415

    date = datetime.now(UTC).isoformat(timespec="seconds")
    about = {"command": command, "date": date, "version": autonomy.__version__, "machine": asdict(machine)}
    if settings is not None:
        about["settings"] = asdict(settings)
    with tempfile.TemporaryDirectory(prefix=".autonomy-benchmark-", dir=out.resolve().parent) as staging:
        finished = Path(staging) / "finished"
        finished.mkdir()
        write_rows(finished, schema, rows, about)
        (finished / TABLES_NAME).write_text(markdown(tables, machine, command), encoding="utf-8")
        publish(finished, out, Path(staging))
    for table in tables:
        console.print(rich_table(table))
    console.print(Text.assemble("results: ", (str(out), "bold")), soft_wrap=True)
