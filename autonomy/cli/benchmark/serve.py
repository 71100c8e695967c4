"""`autonomy benchmark serve`: how many steps a second a service holds, and how long one takes."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from autonomy.cli.arguments import EXIT_OK, EXIT_UNSAFE, Commands, command_line, require_at_least
from autonomy.cli.benchmark.console import progress_bar, table_console
from autonomy.cli.benchmark.machine import measured_machine
from autonomy.cli.benchmark.outcome import leave
from autonomy.cli.folder import require_writable

OUT = "autonomy-load"
SECONDS, QUICK_SECONDS = 600.0, 10.0


def add_command(parts: Commands) -> None:
    """Add `autonomy benchmark serve` to what can be measured."""
    job = parts.add_parser(
        "serve",
        help="a service under load",
        description="Start autonomy serve as a process of its own, ask it at a fixed rate over one connection, stop it "
        "and verify its journal. Exit code 2 when the journal is not verified, or an answer was late or refused.",
    )
    job.add_argument("--rate", metavar="N", type=float, default=200.0, help="steps a second; default: 200")
    job.add_argument("--seconds", metavar="S", type=float, help=f"how long; default: {SECONDS:g}")
    job.add_argument("--prosumers", metavar="N", type=int, default=24, help="default: 24")
    job.add_argument("--policy", metavar="NAME|PATH", default="self-consumption", help="default: self-consumption")
    job.add_argument("--fsync", metavar="WHEN", default="100", help="as for autonomy serve; default: every 100 lines")
    job.add_argument("--seed", metavar="N", type=int, default=0, help="of the observations; default: 0")
    job.add_argument("--quick", action="store_true", help=f"{QUICK_SECONDS:g} seconds")
    job.add_argument("--out", metavar="DIR", type=Path, default=Path(OUT), help=f"default: {OUT}")
    job.set_defaults(carry_out=serve_command)


def serve_command(options: argparse.Namespace, words: Sequence[str]) -> int:
    """Carry out `autonomy benchmark serve`; see `add_command` for the options."""
    from autonomy.benchmark.write import CSV_NAME, FILES  # noqa: PLC0415 - only when needed
    from autonomy.service.load import SCHEMA, load_tables, measure_load  # noqa: PLC0415

    seconds = options.seconds if options.seconds is not None else QUICK_SECONDS if options.quick else SECONDS
    for option, value in (("--rate", options.rate), ("--seconds", seconds)):
        require_at_least(option, value, 0.0, strictly=True)
    require_at_least("--prosumers", options.prosumers, 1)
    require_at_least("--seed", options.seed, 0)
    require_writable(options.out, FILES, CSV_NAME)
    console, machine = table_console(), measured_machine(quick=True)
    place = tempfile.TemporaryDirectory(prefix=".autonomy-load-", dir=options.out.resolve().parent)
    with place as staging, progress_bar() as bar:
        task = bar.add_task("steps", total=round(options.rate * seconds))
        row = measure_load(
            n=options.prosumers,
            policy=options.policy,
            fsync=options.fsync,
            rate=options.rate,
            seconds=seconds,
            seed=options.seed,
            folder=Path(staging),
            progress=lambda done: bar.update(task, completed=done),
        )
    tables, command = load_tables([row]), command_line(words)
    leave(options.out, console, schema=SCHEMA, rows=[row], tables=tables, machine=machine, command=command)
    return EXIT_UNSAFE if row.verified < 0 or row.late or row.refused else EXIT_OK
