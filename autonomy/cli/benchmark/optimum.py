"""`autonomy benchmark optimum`; 2 when the arrays' optimum is not the reference's."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from autonomy.cli.arguments import (
    EXIT_OK,
    EXIT_UNSAFE,
    Commands,
    command_line,
    require_at_least,
    sizes_of,
    words_of,
)
from autonomy.cli.benchmark.console import progress_bar, table_console
from autonomy.cli.benchmark.machine import measured_machine
from autonomy.cli.benchmark.outcome import leave
from autonomy.cli.benchmark.repeats import repeats_of
from autonomy.cli.folder import require_writable

if TYPE_CHECKING:
    from autonomy.benchmark.optimum.row import OptimumRow
    from autonomy.benchmark.optimum.run import OptimumRun, Settings

OUT = "autonomy-optimum"
SIZES, QUICK_SIZES = "4,24,100", "4"
HOURS = "24"
CASES, QUICK_CASES = 60, 17
REPEATS, QUICK_REPEATS = 4, 1
LIMIT_S = 60.0
"""Seconds one solve may take."""


def add_command(parts: Commands) -> None:
    """Add `autonomy benchmark optimum` to what can be measured."""
    job = parts.add_parser(
        "optimum",
        help="the optimal dispatch: our arrays, the reference in Pyomo, PuLP, linopy, PyPSA, every home alone",
        description="State and solve the same windows with every method in one run: small ones with something special, "
        "whose objectives are compared with the reference's, and windows of the demo's year, whose building and "
        "solving is timed.",
    )
    job.add_argument("--sizes", metavar="N,…", help=f"homes of the demo's windows; default: {SIZES}")
    job.add_argument("--hours", metavar="T,…", help=f"hours of the demo's windows; default: {HOURS}")
    job.add_argument("--cases", metavar="N", type=int, help=f"small windows, 0 for none; default: {CASES}")
    job.add_argument("--methods", metavar="NAME,…", help="methods to compare; default: all that are installed")
    job.add_argument("--time-limit", metavar="S", type=float, default=LIMIT_S, help=f"default: {LIMIT_S:g} s a solve")
    job.add_argument("--repeats", metavar="N", type=int, help=f"windows beside the first; default: {REPEATS}")
    job.add_argument("--quick", action="store_true", help="a small run of a minute, for a first look")
    job.add_argument("--out", metavar="DIR", type=Path, default=Path(OUT), help=f"default: {OUT}")
    job.set_defaults(carry_out=optimum_command)


def optimum_command(options: argparse.Namespace, words: Sequence[str]) -> int:
    """Carry out `autonomy benchmark optimum`; see `add_command` for the options."""
    from autonomy.benchmark.optimum.methods import FAST, METHODS  # noqa: PLC0415 - only when needed
    from autonomy.benchmark.optimum.row import SCHEMA  # noqa: PLC0415
    from autonomy.benchmark.optimum.run import OptimumRun  # noqa: PLC0415
    from autonomy.benchmark.optimum.table import optimum_tables  # noqa: PLC0415
    from autonomy.benchmark.write import CSV_NAME, FILES  # noqa: PLC0415

    settings = _settings(options)
    names = words_of("--methods", options.methods, METHODS) if options.methods is not None else tuple(METHODS)
    require_writable(options.out, FILES, CSV_NAME)
    console = table_console()
    with console.status("measuring memory bandwidth"):
        machine = measured_machine(quick=True)
    rows = _measure(OptimumRun([METHODS[name] for name in names], settings), settings)
    leave(
        options.out,
        console,
        schema=SCHEMA,
        rows=rows,
        tables=optimum_tables(rows),
        machine=machine,
        command=command_line(words),
        settings=settings,
    )
    ours = [row for row in rows if row.method.startswith(FAST) and row.difference == row.difference]
    return EXIT_OK if all(row.is_equal for row in ours) else EXIT_UNSAFE


def _settings(options: argparse.Namespace) -> Settings:
    from autonomy.benchmark.optimum.run import Settings  # noqa: PLC0415 - only when needed

    quick = options.quick
    cases = (QUICK_CASES if quick else CASES) if options.cases is None else options.cases
    require_at_least("--time-limit", options.time_limit, 0, strictly=True)
    require_at_least("--cases", cases, 0)
    return Settings(
        cases=cases,
        sizes=sizes_of("--sizes", options.sizes or (QUICK_SIZES if quick else SIZES)),
        hours=sizes_of("--hours", options.hours or HOURS),
        repeats=repeats_of(options, REPEATS, QUICK_REPEATS),
        time_limit_s=options.time_limit,
    )


def _measure(run: OptimumRun, settings: Settings) -> list[OptimumRow]:
    rows: list[OptimumRow] = []
    with progress_bar() as bar:
        task = bar.add_task("importing", total=settings.cases + len(settings.sizes) * len(settings.hours))
        run.import_all()
        for part, windows, name in run.parts():

            def progress(method: str, name: str = name) -> None:
                bar.update(task, description=f"{name}: {method}")

            rows += run.measure(part, windows, name, progress)
            bar.advance(task)
    return rows
