"""`autonomy benchmark horizon`; 2 when an answer of our own solver was wrong or charged and discharged at once."""

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
from autonomy.cli.benchmark.console import rows_of, table_console
from autonomy.cli.benchmark.machine import measured_machine
from autonomy.cli.benchmark.outcome import leave
from autonomy.cli.benchmark.repeats import repeats_of
from autonomy.cli.folder import require_writable

if TYPE_CHECKING:
    from autonomy.benchmark.horizon.run import Settings

OUT = "autonomy-horizon"
SIZES, QUICK_SIZES = "17,24,100", "17"
HORIZONS, QUICK_HORIZONS = "24,96", "24"
CALLS, QUICK_CALLS = 300, 12
"""Most calls of one loop."""
BUDGET_S, QUICK_BUDGET_S = 3.0, 0.1
"""Seconds one loop of one method on one case may take, unless every instance once takes longer."""
LIMIT_S, QUICK_LIMIT_S = 5.0, 1.0
"""Seconds one call may take."""


def add_command(parts: Commands) -> None:
    """Add `autonomy benchmark horizon` to what can be measured."""
    job = parts.add_parser(
        "horizon",
        help="the look-ahead program: our interior-point method and general solvers, on days with a peak",
        description="Time the solvers of the look-ahead program on the same instances in one run, hot and taking "
        "turns, judge every answer by its violation, its gap and whether a battery charges and discharges at once.",
    )
    job.add_argument("--sizes", metavar="N,…", help=f"prosumers; 17 is the demo; default: {SIZES}")
    job.add_argument("--horizons", metavar="H,…", help=f"steps of a day ahead; default: {HORIZONS}")
    job.add_argument("--methods", metavar="NAME,…", help="methods to compare; default: all that are installed")
    job.add_argument("--time-limit", metavar="S", type=float, help=f"seconds a solve may take; default: {LIMIT_S:g}")
    job.add_argument("--repeats", metavar="N", type=int, help=f"most calls of a loop; default: {CALLS}")
    job.add_argument("--seed", metavar="N", type=int, default=0, help="of the instances; default: 0")
    job.add_argument("--quick", action="store_true", help="a small run of a few seconds, for a first look")
    job.add_argument("--out", metavar="DIR", type=Path, default=Path(OUT), help=f"default: {OUT}")
    job.set_defaults(carry_out=horizon_command)


def horizon_command(options: argparse.Namespace, words: Sequence[str]) -> int:
    """Carry out `autonomy benchmark horizon`; see `add_command` for the options."""
    from autonomy.benchmark.horizon.methods import STRUCTURED, methods  # noqa: PLC0415 - only when needed
    from autonomy.benchmark.horizon.row import SCHEMA  # noqa: PLC0415
    from autonomy.benchmark.horizon.run import HorizonRun  # noqa: PLC0415
    from autonomy.benchmark.horizon.table import horizon_tables  # noqa: PLC0415
    from autonomy.benchmark.write import CSV_NAME, FILES  # noqa: PLC0415

    settings, known = _settings(options), methods()
    chosen = words_of("--methods", options.methods, known) if options.methods is not None else tuple(known)
    require_writable(options.out, FILES, CSV_NAME)
    console = table_console()
    with console.status("measuring memory bandwidth"):
        machine = measured_machine(quick=True)
    run = HorizonRun([known[name] for name in chosen], settings, machine.clock_overhead_s)
    rows = rows_of(settings.cases(), run.measure, lambda case: f"H = {case.steps}, N = {case.n:,}")
    found, command = horizon_tables(rows), command_line(words)
    leave(
        options.out,
        console,
        schema=SCHEMA,
        rows=rows,
        tables=found,
        machine=machine,
        command=command,
        settings=settings,
    )
    ours = [row for row in rows if row.method.startswith(STRUCTURED)]
    return EXIT_UNSAFE if any(row.right < row.instances or row.both_pairs for row in ours) else EXIT_OK


def _settings(options: argparse.Namespace) -> Settings:
    from autonomy.benchmark.horizon.run import Settings  # noqa: PLC0415 - only when needed

    quick = options.quick
    limit_s = (QUICK_LIMIT_S if quick else LIMIT_S) if options.time_limit is None else options.time_limit
    require_at_least("--time-limit", limit_s, 0, strictly=True)
    require_at_least("--seed", options.seed, 0)
    return Settings(
        sizes=sizes_of("--sizes", options.sizes or (QUICK_SIZES if quick else SIZES)),
        horizons=sizes_of("--horizons", options.horizons or (QUICK_HORIZONS if quick else HORIZONS)),
        seed=options.seed,
        calls=repeats_of(options, CALLS, QUICK_CALLS),
        budget_s=QUICK_BUDGET_S if quick else BUDGET_S,
        time_limit_s=limit_s,
    )
