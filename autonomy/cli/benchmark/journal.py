"""`autonomy benchmark journal`: what a line of the journal costs, by fsync policy."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from rich.text import Text

import autonomy
from autonomy.cli.arguments import EXIT_OK, Commands, command_line, require_at_least, sizes_of
from autonomy.cli.benchmark.console import table_console
from autonomy.cli.benchmark.machine import measured_machine
from autonomy.cli.benchmark.repeats import repeats_of
from autonomy.cli.folder import publish, require_writable

OUT = "autonomy-journal"
SIZES = "24,100,1000"
LINES, QUICK_LINES = 5_000, 200


def add_command(parts: Commands) -> None:
    """Add `autonomy benchmark journal` to what can be measured."""
    job = parts.add_parser(
        "journal",
        help="a line of the journal, by fsync policy",
        description="Time the lines of a journal by fsync policy, on the disk that --out is on.",
    )
    job.add_argument("--sizes", metavar="N,…", default=SIZES, help=f"prosumers; default: {SIZES}")
    job.add_argument("--repeats", metavar="N", type=int, help=f"lines to time; default: {LINES}")
    job.add_argument("--seed", metavar="N", type=int, default=0, help="of the observations; default: 0")
    job.add_argument("--quick", action="store_true", help=f"{QUICK_LINES} lines")
    job.add_argument("--out", metavar="DIR", type=Path, default=Path(OUT), help=f"default: {OUT}")
    job.set_defaults(carry_out=journal_command)


def journal_command(options: argparse.Namespace, words: Sequence[str]) -> int:
    """Carry out `autonomy benchmark journal`; see `add_command` for the options."""
    from autonomy.benchmark.journal import SCHEMA, journal_tables, measure_journal  # noqa: PLC0415 - only when needed
    from autonomy.benchmark.render import markdown, rich_table  # noqa: PLC0415
    from autonomy.benchmark.write import CSV_NAME, FILES, TABLES_NAME, write_rows  # noqa: PLC0415

    sizes, lines = sizes_of("--sizes", options.sizes), repeats_of(options, LINES, QUICK_LINES)
    require_at_least("--seed", options.seed, 0)
    require_writable(options.out, FILES, CSV_NAME)
    console = table_console()
    with tempfile.TemporaryDirectory(prefix=".autonomy-benchmark-", dir=options.out.resolve().parent) as staging:
        with console.status("writing journals"):
            machine = measured_machine(quick=True)
            rows = []
            for n in sizes:
                rows += measure_journal(
                    n, lines=lines, seed=options.seed, overhead_s=machine.clock_overhead_s, folder=Path(staging)
                )
        found, command = journal_tables(rows), command_line(words)
        finished = Path(staging) / "finished"
        finished.mkdir()
        date = datetime.now(UTC).isoformat(timespec="seconds")
        about = {"command": command, "date": date, "version": autonomy.__version__, "machine": asdict(machine)}
        write_rows(finished, SCHEMA, rows, about)
        (finished / TABLES_NAME).write_text(markdown(found, machine, command), encoding="utf-8")
        publish(finished, options.out, Path(staging))
    for table in found:
        console.print(rich_table(table))
    console.print(Text.assemble("results: ", (str(options.out), "bold")), soft_wrap=True)
    return EXIT_OK
