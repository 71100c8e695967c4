"""`autonomy benchmark journal`: what a line of the journal costs, by fsync policy."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from autonomy.cli.arguments import EXIT_OK, Commands, command_line, require_at_least, sizes_of
from autonomy.cli.benchmark.console import table_console
from autonomy.cli.benchmark.machine import measured_machine
from autonomy.cli.benchmark.outcome import leave
from autonomy.cli.benchmark.repeats import repeats_of
from autonomy.cli.folder import require_writable

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
    from autonomy.benchmark.write import CSV_NAME, FILES  # noqa: PLC0415

    sizes, lines = sizes_of("--sizes", options.sizes), repeats_of(options, LINES, QUICK_LINES)
    require_at_least("--seed", options.seed, 0)
    require_writable(options.out, FILES, CSV_NAME)
    console = table_console()
    place = tempfile.TemporaryDirectory(prefix=".autonomy-benchmark-", dir=options.out.resolve().parent)
    with place as staging, console.status("writing journals"):
        machine = measured_machine(quick=True)
        rows = []
        for n in sizes:
            rows += measure_journal(
                n, lines=lines, seed=options.seed, overhead_s=machine.clock_overhead_s, folder=Path(staging)
            )
    found, command = journal_tables(rows), command_line(words)
    leave(options.out, console, schema=SCHEMA, rows=rows, tables=found, machine=machine, command=command)
    return EXIT_OK
