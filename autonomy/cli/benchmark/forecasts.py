"""`autonomy benchmark forecasts`: how wrong each forecast is, on training weeks and on held-out weeks."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from autonomy.cli.arguments import EXIT_OK, Commands, command_line, require_at_least, words_of
from autonomy.cli.benchmark.console import table_console
from autonomy.cli.benchmark.machine import measured_machine
from autonomy.cli.benchmark.outcome import leave
from autonomy.cli.folder import require_writable

OUT = "autonomy-forecasts"
LEADS_H = (1.0, 6.0, 24.0)


def add_command(parts: Commands) -> None:
    """Add `autonomy benchmark forecasts` to what can be measured."""
    job = parts.add_parser(
        "forecasts",
        help="errors and coverage of the forecasts, on training and on held-out weeks",
        description="Compare every forecast with what came, 1, 6 and 24 hours later, over the demo's year: training "
        "weeks and held-out weeks apart.",
    )
    job.add_argument("--forecasts", metavar="NAME,…", help="forecasts to compare; default: all")
    job.add_argument("--seed", metavar="N", type=int, default=0, help="of the forecast that draws errors; default: 0")
    job.add_argument("--out", metavar="DIR", type=Path, default=Path(OUT), help=f"default: {OUT}")
    job.set_defaults(carry_out=forecasts_command)


def forecasts_command(options: argparse.Namespace, words: Sequence[str]) -> int:
    """Carry out `autonomy benchmark forecasts`; see `add_command` for the options."""
    from autonomy.benchmark.forecasts.row import SCHEMA  # noqa: PLC0415 - only when needed
    from autonomy.benchmark.forecasts.run import measure  # noqa: PLC0415
    from autonomy.benchmark.forecasts.table import forecast_tables  # noqa: PLC0415
    from autonomy.benchmark.write import CSV_NAME, FILES  # noqa: PLC0415
    from autonomy.forecasting import KINDS, named_forecast  # noqa: PLC0415
    from autonomy.scenario import Scenario  # noqa: PLC0415

    names = words_of("--forecasts", options.forecasts, KINDS) if options.forecasts is not None else tuple(KINDS)
    require_at_least("--seed", options.seed, 0)
    require_writable(options.out, FILES, CSV_NAME)
    console = table_console()
    with console.status("comparing forecasts with what came"):
        machine, scenario = measured_machine(quick=True), Scenario.demo()
        kinds = [named_forecast(name, seed=options.seed) for name in names]
        rows = [row for kind in kinds for row in measure(scenario, kind, LEADS_H)]
    leave(
        options.out,
        console,
        schema=SCHEMA,
        rows=rows,
        tables=forecast_tables(rows),
        machine=machine,
        command=command_line(words),
    )
    return EXIT_OK
